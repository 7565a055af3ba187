"""Whole plans: read, checked, resolved, written."""

from __future__ import annotations

import contextlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.plan import BadPlan, Plan, Sharing, differences, load_plan
from tithe.plan.problems import Parts
from tithe.plan.recipes import RECIPES


def problems(text, overrides=()):
    """All that is wrong with a plan, as its author is told."""
    with pytest.raises(BadPlan) as caught:
        load_plan(text, overrides)
    return list(caught.value.problems)


@st.composite
def plan_tables(draw):
    """Plans that hold, with some keys given and the others left to recipe and default."""
    fraction = st.floats(0, 1, exclude_min=True)
    sections = {
        "training": {
            "learning_rate": st.floats(1e-6, 10),
            "batch_size": st.integers(1, 999),
            "decay": fraction,
        },
        "sharing": {
            "theta_u": fraction,
            "theta_d": fraction,
            "gamma": st.floats(0, 10),
            "residual": st.booleans(),
            "values": st.sampled_from(["float32", "float16", "int8"]),
        },
        "exchange": {"rounds": st.integers(1, 500)},
        "data": {
            "options": st.dictionaries(
                st.text(st.characters(codec="ascii", exclude_characters="\r"), min_size=1),
                st.one_of(st.integers(-9, 9), st.booleans(), st.lists(st.floats(-1, 1))),
                max_size=3,
            )
        },
    }
    table = draw(st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2**40)}))
    table["recipe"] = draw(st.sampled_from(sorted(RECIPES)))
    for section, keys in sections.items():
        table[section] = draw(st.fixed_dictionaries({}, optional=keys))
    return table


@given(plan_tables())
def test_a_plan_written_and_read_again_is_equal(table):
    plan = load_plan(table)
    again = load_plan(plan.to_toml())
    assert again == plan
    assert hash(again) == hash(plan)
    assert again.digest() == plan.digest()


@given(plan_tables())
def test_what_a_plan_says_wins_over_its_recipe(table):
    resolved = load_plan(table).to_table()
    for section, keys in table.items():
        if isinstance(keys, dict):
            assert {key: resolved[section][key] for key in keys} == keys


@given(plan_tables())
def test_a_recipe_wins_over_the_defaults(table):
    resolved = load_plan(table).to_table()
    for section, keys in RECIPES[table["recipe"]].items():
        for key, value in keys.items():
            if key not in table.get(section, {}):
                assert resolved[section][key] == value


def test_an_empty_plan_is_a_plan():
    plan = load_plan("")
    assert plan.recipe == "recommended"
    assert plan.sharing.theta_u == 0.1
    assert plan.data.set == "digits"


def test_the_paper_s_recipe_is_the_paper_s_setting():
    # Shokri & Shmatikov 2015: gamma 0.001, tau 0.0001, theta_d 1, largest values, one image a step.
    plan = load_plan('recipe = "paper"')
    assert (plan.sharing.gamma, plan.sharing.tau, plan.sharing.theta_d) == (0.001, 0.0001, 1.0)
    assert (plan.sharing.selection, plan.sharing.bound_first) == ("largest", True)
    assert not plan.sharing.residual
    assert (plan.training.batch_size, plan.training.learning_rate) == (1, 0.001)
    assert (plan.exchange.order, plan.server.combine) == ("round_robin", "add")


def test_sections_given_as_objects_leave_their_other_keys_to_the_recipe():
    plan = Plan(recipe="paper", sharing=Sharing(theta_u=0.01))
    assert plan.sharing.theta_u == 0.01
    assert plan.sharing.gamma == 0.001


def test_nothing_in_a_plan_can_be_changed():
    plan = load_plan("[data.options]\nlabels = [1, 2]")
    with pytest.raises(ValueError, match="frozen"):
        plan.sharing.theta_u = 1.0
    assert plan.data.options["labels"] == (1, 2)


def test_a_participant_has_the_plan_but_for_its_own_keys():
    plan = load_plan(
        """
        [training]
        batch_size = 16
        [[participant]]
        ids = [2, 5]
        training = {learning_rate = 0.5}
        sharing = {theta_u = 1}
        joins = 3
        leaves = 7
        speed = 0.5
        """
    )
    training, sharing, joins, leaves, speed = plan.for_participant(5)
    assert (training.learning_rate, training.batch_size) == (0.5, 16)
    assert (sharing.theta_u, joins, leaves, speed) == (1.0, 3, 7, 0.5)
    other = plan.for_participant(0)
    assert (other.training, other.sharing) == (plan.training, plan.sharing)
    assert (other.joins, other.leaves, other.speed) == (0, 0, 1.0)
    assert load_plan(plan.to_toml()) == plan


def test_the_digest_sees_what_can_change_a_result_and_nothing_else():
    plan = load_plan("")
    same = ["name=other", "run.processes=2", "run.tensorboard=true", "run.checkpoint_seconds=1"]
    assert load_plan("", same).digest() == plan.digest()
    assert load_plan("", ["sharing.theta_u=0.2"]).digest() != plan.digest()
    assert load_plan("", ["seed=2"]).digest() != plan.digest()
    assert load_plan(plan.to_toml(), ["recipe=paper"]).digest() == plan.digest()


def test_differences_name_the_keys_that_differ():
    one, other = load_plan(""), load_plan("", ["sharing.theta_u=0.5", "name=x"])
    assert differences(one, other) == ["sharing.theta_u = 0.1, not 0.5"]
    assert differences(one, one) == []


def test_every_error_is_reported_at_once():
    found = problems(
        """
        recipe = "papr"
        sede = 4
        [sharing]
        thetau = 0.1
        theta_u = 1.5
        selection = "larges"
        [server]
        combine = "mean"
        [exchange]
        rounds = 0
        """,
        ["training.batch_size=8.5", "nonsense"],
    )
    assert found == [
        '--set must look like sharing.theta_u=0.1, got "nonsense"',
        'recipe must be one of "recommended", "paper", "plain", got "papr"; did you mean "paper"?',
        "training.batch_size must be a whole number >= 1, got 8.5",
        "sharing.theta_u must be in (0, 1], got 1.5",
        (
            'sharing.selection must be one of "largest", "random_above_tau", "random_mask", '
            'got "larges"; did you mean "largest"?'
        ),
        "sharing.thetau is not a key of [sharing]; did you mean sharing.theta_u?",
        "exchange.rounds must be >= 1, got 0",
        "sede is not a key of the plan; did you mean seed?",
        'server.combine = "mean" needs exchange.order = "synchronous", got "round_robin"',
    ]


def test_an_unusable_override_is_an_error_by_itself():
    assert problems("", ["nonsense"]) == [
        '--set must look like sharing.theta_u=0.1, got "nonsense"'
    ]


def test_a_spoilt_key_does_not_make_a_second_complaint():
    assert problems('[exchange]\nordr = "synchronous"\n[server]\ncombine = "mean"') == [
        "exchange.ordr is not a key of [exchange]; did you mean exchange.order?"
    ]
    assert problems("[[participant]]\nids = [-1]") == ["participant[0].ids[0] must be >= 0, got -1"]
    assert problems("participant = [3]") == [
        "participant[0] must be a section with keys under [[participant]], got 3"
    ]


def test_what_is_wrong_for_one_participant_is_told_with_its_block():
    found = problems(
        """
        [[participant]]
        ids = [0]
        training = {learning_rat = 1}
        [[participant]]
        ids = [1]
        sharing = {theta_u = 2, selection = "random_above_tau"}
        [[participant]]
        ids = [2]
        sharing = {selection = "random_above_tau"}
        """
    )
    assert found == [
        (
            "participant[0].training.learning_rat is not a key of [training]; "
            "did you mean training.learning_rate?"
        ),
        "participant[1].sharing.theta_u must be in (0, 1], got 2",
        (
            "participant[2].sharing.tau must be > 0 for participant[2].sharing.selection = "
            '"random_above_tau", got 0.0'
        ),
    ]


def test_a_bad_plan_is_bad_input_with_the_name_of_its_file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("[sharing]\ntheta_u = 0\ntheta_d = 7")
    with pytest.raises(BadInput) as caught:
        load_plan(path)
    assert str(caught.value).splitlines() == [
        f"{path}: sharing.theta_u must be in (0, 1], got 0",
        f"{path}: sharing.theta_d must be in (0, 1], got 7",
    ]


def test_a_wrong_plan_made_in_python_is_a_value_error():
    with pytest.raises(ValueError, match="theta_u"):
        Sharing(theta_u=2.0)
    with pytest.raises(ValueError, match="synchronous"):
        Plan.model_validate({"server": {"combine": "mean"}})


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from([*Plan.model_fields, "shaing"]),
        junk | st.dictionaries(st.sampled_from(["theta_u", "kind", "ids", "x"]), junk, max_size=3),
        max_size=4,
    )
)
def test_no_table_whatever_is_in_it_breaks_the_checks(table):
    with contextlib.suppress(BadPlan):
        load_plan(table)
        return
    found = problems(table)
    assert all(problem.isprintable() for problem in found)
    assert not any("pydantic" in problem.lower() for problem in found)


def test_every_section_that_rules_look_at_is_a_section_of_the_plan():
    assert {field.name for field in fields(Parts)} <= set(Plan.model_fields)


def test_a_key_that_only_looks_like_a_number_is_an_unknown_key():
    with pytest.raises(BadPlan, match=r"data\.² is not a key"):
        load_plan({"data": {"²": 1}})


@pytest.mark.parametrize(
    ("changes", "is_known"),
    [
        ([], True),
        (["sharing.gamma=0.01"], True),
        (["sharing.gamma=0.01", "sharing.bound_first=true"], False),
        (["sharing.selection=random_mask"], False),
        (["sharing.selection=random_above_tau", "sharing.tau=0.001"], False),
        (["privacy.unit=record"], True),
        (["privacy.unit=participant"], False),
    ],
)
def test_a_plan_tells_whether_what_is_not_sent_is_smaller_than_what_is(changes, is_known):
    assert load_plan({}, changes).sends_largest(0) is is_known


def test_whether_the_largest_are_sent_is_told_for_each_participant():
    others = {"participant": [{"ids": [1], "sharing": {"selection": "random_mask"}}]}
    plan = load_plan(others)
    assert plan.sends_largest(0) and not plan.sends_largest(1)
