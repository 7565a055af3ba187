"""A rehearsal before joining: what recipes would tell, on rows at hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tithe.audit.self_test import find_planted_leak
from tithe.checks import BadInput
from tithe.plan import load_plan
from tithe.run_audits import rehearsal
from tithe.run_audits.recipes_to_try import Trial, trials_of
from tithe.run_audits.rehearsal import records_that_would_do, rehearse
from tithe.run_audits.rehearsed import Impossible, Rehearsed, cheapest_safe

PLAN = {
    "data": {"set": "digits"},
    "partition": {"participants": 4},
    "model": {"name": "digits-mlp"},
    "training": {"learning_rate": 0.01, "batch_size": 32},
    "sharing": {"theta_u": 0.1},
    "exchange": {"rounds": 5},
}


@pytest.fixture(scope="module")
def found():
    return {each.name: each for each in rehearse(load_plan(PLAN), num_records=80)}


def test_the_planned_recipe_comes_first_and_every_knob_is_turned(found):
    assert next(iter(found)) == "as planned"
    assert {"theta_u 1", "theta_u 0.01", "batch 8", "batch 80", "4 local epochs"} <= set(found)
    assert {"one gradient", "noise, epsilon 8", "noise, epsilon 1"} <= set(found)
    assert all(isinstance(each, Rehearsed) for each in found.values())


def test_a_single_gradient_names_its_members_and_is_forbidden(found):
    one = found["one gradient"]
    assert one.separation.auc > 0.9
    assert one.objections[0].rule == "one_gradient"
    assert not one.is_safe


def test_noise_hides_them_and_has_a_finite_total(found):
    private = found["noise, epsilon 1"]
    assert private.epsilon == pytest.approx(1.0, abs=0.1)
    assert private.separation.auc < 0.6
    assert private.objections == ()


def test_what_has_no_noise_is_never_called_safe(found):
    plain = [each for each in found.values() if math.isinf(each.epsilon)]
    assert plain
    assert not any(each.is_safe for each in plain)
    assert "selection" in [each.rule for each in found["as planned"].objections]


def test_less_shared_is_less_use_and_fewer_bytes(found):
    assert found["theta_u 0.01"].bytes_up < found["as planned"].bytes_up
    assert found["theta_u 0.01"].cosine < found["theta_u 1"].cosine
    assert found["theta_u 1"].cosine == pytest.approx(1.0, abs=0.05)


def test_the_cheapest_safe_recipe_is_the_safe_one_of_most_use(found):
    best = cheapest_safe(list(found.values()))
    safe = [each for each in found.values() if each.is_safe]
    assert (best is None) == (not safe)
    assert best is None or best.cosine == pytest.approx(max(each.cosine for each in safe), abs=0.01)
    assert cheapest_safe([found["as planned"]]) is None


def test_a_rehearsal_repeats_with_its_seed(found):
    again = next(rehearse(load_plan(PLAN), num_records=80))
    assert again == found["as planned"]


def test_the_rules_count_the_records_that_the_plan_has_and_not_the_rehearsed_ones(found):
    # 1,437 training rows over 4 participants
    rules = [each.rule for each in found["theta_u 1"].objections]
    assert "modest_records" in rules
    assert "some_records" not in rules


def test_a_recipe_that_cannot_be_played_is_told_and_the_others_go_on(monkeypatch):
    recipes = [Trial("no batch", ("training.batch_size=0",)), Trial("as planned")]
    monkeypatch.setattr(rehearsal, "trials_of", lambda plan, *, num_records: recipes)
    first, second = rehearse(load_plan(PLAN), num_records=40)
    assert isinstance(first, Impossible)
    assert "batch_size" in first.reason
    assert isinstance(second, Rehearsed)


def test_a_plan_that_protects_participants_is_swept_over_its_own_noise():
    plan = load_plan(PLAN, ["privacy.unit=participant", "sharing.gamma=0.01"])
    names = [each.name for each in trials_of(plan, num_records=40)]
    assert "one gradient" not in names
    assert "noise, epsilon 1" in names


def noisy_alone(monkeypatch):
    """Only the recipe with the most noise is played."""
    few = rehearsal.trials_of
    monkeypatch.setattr(
        rehearsal,
        "trials_of",
        lambda plan, *, num_records: [
            each for each in few(plan, num_records=num_records) if each.name == "noise, epsilon 1"
        ],
    )


def test_a_rehearsal_that_would_miss_a_planted_leak_cannot_tell_and_calls_nothing_safe(
    monkeypatch,
):
    noisy_alone(monkeypatch)
    (few,) = rehearse(load_plan(PLAN), num_records=20)
    assert few.separation.num_members == 60
    assert not few.self_test.is_found
    assert few.verdict == "cannot tell"
    assert not few.is_safe and cheapest_safe([few]) is None
    seeing = replace(few, self_test=find_planted_leak(200, 200, seed=1))
    assert seeing.verdict == "safe" and cheapest_safe([seeing]) is seeing


def test_what_was_found_among_few_records_counts_all_the_same(found):
    blind = find_planted_leak(60, 60, seed=1)
    assert not blind.is_found
    assert replace(found["one gradient"], self_test=blind).verdict == "not safe"
    plain = replace(found["noise, epsilon 1"], self_test=blind, epsilon=math.inf)
    assert plain.verdict == "not safe"


def test_the_number_of_records_that_is_advised_finds_the_planted_leak():
    records = records_that_would_do(find_planted_leak(60, 60, seed=1))
    enough, less = (rehearsal.NUM_UPLOADS * each for each in (records, records - 1))
    assert find_planted_leak(enough, enough, seed=1).is_found
    assert not find_planted_leak(less, less, seed=1).is_found


def test_too_few_rows_are_one_sentence():
    with pytest.raises(BadInput, match="at least 40 rows"):
        next(rehearse(load_plan(PLAN, ["data.train_rows=30"]), num_records=300))
