"""What must hold between [privacy] and the rest of a plan."""

from __future__ import annotations

from typing import get_args

import pytest

from tithe.plan import BadPlan, Privacy, load_plan
from tithe.plan.privacy_rules import SPARSE_VECTORS
from tithe.plan.recipes import BY_UNIT, RECIPES

RECORD = ["privacy.unit=record"]
PARTICIPANT = ["privacy.unit=participant"]
MECHANISMS = get_args(Privacy.model_fields["mechanism"].annotation)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            [*RECORD, "privacy.delta=0.0"],
            (
                "privacy.delta must be > 0 for Gaussian noise, got 0.0; Laplace noise on uploads "
                '(privacy.unit = "participant", privacy.release = "laplace") needs none'
            ),
        ),
        (
            [*PARTICIPANT, "privacy.delta=0.0"],
            (
                "privacy.delta must be > 0 for Gaussian noise, got 0.0; Laplace noise on uploads "
                '(privacy.unit = "participant", privacy.release = "laplace") needs none'
            ),
        ),
        (
            [*RECORD, "training.theta=0.5"],
            (
                'training.theta must be 1.0 for privacy.unit = "record", got 0.5: DP-SGD adds its '
                "noise to all parameters"
            ),
        ),
        (
            [*RECORD, "data.normalise=own"],
            (
                'data.normalise must be "constants" or "none" for privacy.unit = "record", got "own": '  # noqa: E501
                "a row would move all others by its part in their mean"
            ),
        ),
        (
            [*RECORD, "privacy.microbatch=2", "privacy.augmentations=2", "training.shift=0.1"],
            "privacy.microbatch must be 1 with privacy.augmentations above 1, got 2",
        ),
        (
            [*RECORD, "privacy.augmentations=4"],
            (
                "privacy.augmentations must be 1 without training.shift or training.flip, got 4: the "  # noqa: E501
                "copies would all be the same"
            ),
        ),
        (
            [*PARTICIPANT, "privacy.release=laplace"],
            (
                "sharing.gamma must be > 0 here, got 0.0: a value without a bound cannot be made "
                "private by noise"
            ),
        ),
        (
            [*PARTICIPANT, "privacy.bound_after=true"],
            "sharing.gamma must be > 0 for privacy.bound_after = true, got 0.0",
        ),
        (
            [*PARTICIPANT, "privacy.mechanism=gumbel"],
            (
                "sharing.gamma must be > 0 here, got 0.0: a value without a bound cannot be made "
                "private by noise"
            ),
        ),
        (
            [*PARTICIPANT, "privacy.mechanism=sparse_vector"],
            (
                "sharing.gamma must be > 0 here, got 0.0: a value without a bound cannot be made "
                "private by noise"
            ),
        ),
        (
            [*PARTICIPANT, "sharing.residual=true"],
            (
                'sharing.residual must be false for privacy.unit = "participant", got true: what was '  # noqa: E501
                "not sent would mostly be the last turn's noise"
            ),
        ),
        (
            [*PARTICIPANT, "privacy.epsilon_per_turn=1.0"],
            (
                "privacy.epsilon_per_turn must be 0.0 unless privacy.mechanism is the paper's sparse "  # noqa: E501
                "vector, got 1.0"
            ),
        ),
        (
            [*PARTICIPANT, "privacy.mechanism=sparse_vector_as_printed", "sharing.gamma=0.001"],
            (
                "privacy.epsilon_per_turn must be > 0 for privacy.mechanism = "
                '"sparse_vector_as_printed", got 0.0: it has no guarantee that a total could fix'
            ),
        ),
        (
            [*RECORD, "participant=[{ids=[1],training={theta=0.5}}]"],
            (
                'participant[0].training.theta must be 1.0 for privacy.unit = "record", got 0.5: '
                "DP-SGD adds its noise to all parameters"
            ),
        ),
        (
            [*PARTICIPANT, "participant=[{ids=[1],sharing={residual=true}}]"],
            (
                'participant[0].sharing.residual must be false for privacy.unit = "participant", got '  # noqa: E501
                "true: what was not sent would mostly be the last turn's noise"
            ),
        ),
        (
            [
                *PARTICIPANT,
                "privacy.mechanism=gumbel",
                "sharing.gamma=0.001",
                "participant=[{ids=[1]},{ids=[2],sharing={gamma=0.0}}]",
            ],
            (
                "participant[1].sharing.gamma must be > 0 here, got 0.0: a value without a bound "
                "cannot be made private by noise"
            ),
        ),
    ],
)
def test_a_contradiction_is_one_sentence(overrides, sentence):
    with pytest.raises(BadPlan) as caught:
        load_plan("", overrides)
    assert caught.value.problems == (sentence,)


def test_a_contradiction_of_all_is_told_once_and_not_again_for_everybody():
    with pytest.raises(BadPlan) as caught:
        load_plan("", [*RECORD, "training.theta=0.5", "participant=[{ids=[1],speed=2.0}]"])
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("key", ["epsilon", "delta", "noise_multiplier", "l2_norm_bound"])
@pytest.mark.parametrize("value", ["-1.0", "nan", "inf"])
def test_numbers_that_are_none_are_refused(key, value):
    with pytest.raises(BadPlan, match=f"privacy.{key}"):
        load_plan("", [*RECORD, f"privacy.{key}={value}"])


def test_a_section_of_three_keys_is_a_private_plan():
    plan = load_plan({"privacy": {"unit": "record", "epsilon": 8, "delta": 1e-5}})
    assert plan.recipe == "recommended"
    assert plan.sharing.residual  # what DP-SGD did not send is private and may wait
    assert plan.privacy.epsilon == 8.0
    assert plan.idle_keys() == []
    assert load_plan(plan.to_toml()) == plan


def test_without_a_section_nobody_is_protected():
    assert load_plan("").privacy == Privacy(unit="none")


def test_noise_on_uploads_switches_the_residual_off():
    assert not load_plan({"privacy": {"unit": "participant"}}).sharing.residual
    assert load_plan({"privacy": {"unit": "record"}}).sharing.residual
    # The layer is under the plan's own keys and says nothing about the others.
    plan = load_plan({"privacy": {"unit": "participant"}, "sharing": {"theta_u": 0.5}})
    assert not plan.sharing.residual and plan.sharing.theta_u == 0.5
    assert plan.sharing.selection == RECIPES["recommended"]["sharing"]["selection"]


def test_what_follows_from_the_unit_speaks_of_the_method_only():
    for sections in BY_UNIT.values():
        assert set(sections) <= {"training", "sharing", "server", "exchange"}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("order", ["round_robin", "asynchronous", "synchronous"])
@pytest.mark.parametrize("unit", ["record", "participant"])
def test_every_recipe_holds_with_every_exchange(recipe, order, unit):
    load_plan("", [f"recipe={recipe}", f"exchange.order={order}", f"privacy.unit={unit}"])


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("release", ["laplace", "gaussian"])
def test_every_mechanism_holds_with_a_bound(mechanism, release):
    per_turn = ["privacy.epsilon_per_turn=1.0"] if mechanism.endswith("printed") else []
    changes = [f"privacy.mechanism={mechanism}", f"privacy.release={release}"]
    load_plan("", [*PARTICIPANT, *changes, "sharing.gamma=0.001", *per_turn])


def test_pure_privacy_is_had_with_laplace_noise():
    for mechanism in ("mask", "noise_first", "gumbel", *SPARSE_VECTORS[:2]):
        changes = [f"privacy.mechanism={mechanism}", "privacy.release=laplace"]
        load_plan("", [*PARTICIPANT, *changes, "privacy.delta=0.0", "sharing.gamma=0.001"])


SPARSE = [*PARTICIPANT, "privacy.mechanism=sparse_vector", "sharing.gamma=0.1"]
PAPER = [*PARTICIPANT, "privacy.mechanism=sparse_vector_paper", "sharing.gamma=0.1"]


@pytest.mark.parametrize(
    ("overrides", "notes"),
    [
        (["privacy.epsilon=3.0"], ['privacy.epsilon does nothing with privacy.unit = "none"']),
        (
            [*RECORD, "privacy.mechanism=gumbel", "privacy.release=laplace"],
            [
                'privacy.mechanism does nothing with privacy.unit = "record"',
                'privacy.release does nothing with privacy.unit = "record"',
            ],
        ),
        (
            [*PARTICIPANT, "privacy.microbatch=2", "privacy.clipping=automatic"],
            [
                'privacy.clipping does nothing with privacy.unit = "participant"',
                'privacy.microbatch does nothing with privacy.unit = "participant"',
            ],
        ),
        (
            [*PARTICIPANT, "sharing.selection=random_mask"],
            ['sharing.selection does nothing with privacy.mechanism = "mask"'],
        ),
        (
            [*PARTICIPANT, "sharing.gamma=0.1", "sharing.bound_first=true"],
            [
                'sharing.bound_first does nothing with privacy.mechanism = "mask"',
                (
                    "sharing.gamma does nothing with Gaussian noise; its bound is "
                    "privacy.l2_norm_bound"
                ),
            ],
        ),
        (
            [*PARTICIPANT, "privacy.selection_share=0.2"],
            ['privacy.selection_share does nothing with privacy.mechanism = "mask"'],
        ),
        (
            [*SPARSE, "privacy.l2_norm_bound=2.0"],
            ["privacy.l2_norm_bound does nothing with Laplace noise; its bound is sharing.gamma"],
        ),
        (
            [*PAPER, "privacy.epsilon_per_turn=1.0", "privacy.noise_multiplier=2.0"],
            ["privacy.noise_multiplier does nothing with privacy.epsilon_per_turn = 1.0"],
        ),
        (
            [*PARTICIPANT, "sharing.tau=0.1"],
            ['sharing.tau does nothing with sharing.selection = "largest"'],
        ),
        ([*SPARSE, "sharing.tau=0.1", "privacy.selection_share=0.2"], []),
        ([*PARTICIPANT, "sharing.gamma=0.1", "privacy.bound_after=true"], []),
        (
            [
                *PAPER,
                "privacy.mechanism=sparse_vector_as_printed",
                "privacy.epsilon_per_turn=1.0",
                "privacy.bound_after=true",
            ],
            [
                (
                    "privacy.bound_after does nothing with privacy.mechanism = "
                    '"sparse_vector_as_printed", which bounds after the noise'
                ),
            ],
        ),
        ([*RECORD, "sharing.gamma=0.1", "sharing.bound_first=true"], []),
    ],
)
def test_keys_that_do_nothing_are_noted_and_not_refused(overrides, notes):
    assert load_plan("", overrides).idle_keys() == notes
