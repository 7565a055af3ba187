"""Which recipes are objected to, by recipe and counts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.audit.recipe_gate import DEFAULTS, RULES, Recipe, weigh

SOUND = Recipe(num_records=2000, num_steps=250, learning_rate=0.05, theta_u=1.0, is_protected=False)


def rules(recipe, **options):
    return [each.rule for each in weigh(recipe, **options)]


@given(st.integers(1, 10_000), st.integers(1, 1000), st.floats(1e-6, 1.0), st.floats(0.001, 1.0))
def test_noise_that_is_charged_passes_every_rule(num_records, num_steps, rate, theta):
    assert rules(Recipe(num_records, num_steps, rate, theta, is_protected=True)) == []


@pytest.mark.parametrize(
    ("num_records", "rule", "forbids"),
    [(31, "few_records", True), (32, "some_records", True), (128, "some_records", True),
     (129, "modest_records", False), (599, "modest_records", False)],
)  # fmt: skip
def test_the_fewer_records_the_harder_the_answer(num_records, rule, forbids):
    found = [each for each in weigh(replace(SOUND, num_records=num_records)) if "records" in
             each.rule]  # fmt: skip
    assert [(each.rule, each.forbids) for each in found] == [(rule, forbids)]


def test_six_hundred_records_and_long_steps_leave_what_no_number_of_records_mends():
    assert rules(replace(SOUND, num_records=600)) == ["last_biases"]


def test_one_gradient_is_refused_at_any_number_of_records():
    found = weigh(replace(SOUND, num_steps=1, num_records=60_000))
    assert found[0].rule == "one_gradient"
    assert found[0].forbids


def test_small_steps_are_no_shelter_and_the_product_decides():
    assert "small_steps" in rules(replace(SOUND, learning_rate=0.001))  # 0.25 in all
    assert "small_steps" not in rules(replace(SOUND, learning_rate=0.0012))  # 0.3


def test_theta_is_never_taken_for_protection():
    (found,) = (each for each in weigh(replace(SOUND, theta_u=0.001)) if each.rule == "selection")
    assert "selection is not protection" in found.sentence


def test_a_hold_ends_when_a_person_approves_the_rule_and_a_change_does_not():
    held = replace(SOUND, num_records=100)
    assert weigh(held)[0].forbids
    assert not any(each.forbids for each in weigh(held, approved={"some_records"}))
    few = replace(SOUND, num_records=10)
    assert weigh(few, approved={"few_records"})[0].forbids


def test_what_is_allowed_is_not_mentioned():
    silent = dict.fromkeys(RULES, "allow")
    worst = replace(SOUND, num_records=1, num_steps=1, theta_u=0.1)
    assert weigh(worst, actions=silent) == []
    assert {each.rule for each in weigh(worst)} < set(DEFAULTS)


def test_what_forbids_comes_first():
    found = weigh(replace(SOUND, num_records=10, theta_u=0.1, learning_rate=1e-4))
    forbids = [each.forbids for each in found]
    assert forbids == sorted(forbids, reverse=True)
    assert forbids[0]


def test_a_recipe_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="num_records"):
        replace(SOUND, num_records=0)
    with pytest.raises(ValueError, match="learning_rate"):
        replace(SOUND, learning_rate=float("nan"))
