"""Calibration: the budget is met from below, nearly used up, and never refused on the way."""

from __future__ import annotations

import math

import pytest

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.calibrate import (
    calibrated_gumbel_scale,
    calibrated_laplace_scale,
    calibrated_noise_multiplier,
    smallest_scale,
    turns_within,
)
from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainValues,
    SparseVectorSelection,
)
from tithe.privacy.filter import RdpFilter, best_order

HERS = {"unit": "participant", "relation": "replace"}
ROW = {"unit": "record", "relation": "add_or_remove"}
TABLE = {"delta": 1e-5, "sampling_rate": 256 / 60_000, "num_steps": 14_062}


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_a_training_calibrated_to_its_budget_is_never_refused_before_its_end(epsilon):
    noise_multiplier = calibrated_noise_multiplier(epsilon=epsilon, **TABLE)
    step = [GaussianSteps(noise_multiplier, 256 / 60_000, 1, **ROW)]
    planned = step * 14_062
    gate = RdpFilter(epsilon, 1e-5, best_order(planned, delta=1e-5))
    assert gate.can_afford(planned[:-1], step)
    assert gate.epsilon_of(planned) > 0.998 * epsilon
    assert not gate.can_afford(planned * 2, step)


def test_noise_for_epsilon_three_by_both_accountants():
    # dp-accounting 0.6.0 at these settings: 1.0140 by Renyi costs, 0.9697 by a grid of 1e-3.
    assert calibrated_noise_multiplier(epsilon=3.0, **TABLE) == pytest.approx(1.0140, abs=2e-4)
    tight = calibrated_noise_multiplier(epsilon=3.0, **TABLE, accountant="pld")
    assert tight == pytest.approx(0.9697, abs=2e-3)
    event = GaussianSteps(tight, 256 / 60_000, 14_062, **ROW)
    assert 2.99 < epsilon_of([event], delta=1e-5) <= 3.0


def test_replacing_a_record_needs_more_noise_over_its_bound():
    replaced = calibrated_noise_multiplier(epsilon=3.0, **TABLE, relation="replace")
    assert 2 * replaced > calibrated_noise_multiplier(
        epsilon=3.0, **TABLE
    )  # over half the distance


@pytest.mark.parametrize("accountant", ["pure", "rdp", "pld"])
@pytest.mark.parametrize("epsilon", [0.05, 3.0, 400.0])
def test_a_laplace_scale_uses_the_budget_up(accountant, epsilon):
    scale = calibrated_laplace_scale(
        epsilon=epsilon, delta=1e-5, count=100, num_turns=20, accountant=accountant
    )
    event = LaplaceRelease(scale, 2000, **HERS)
    spent = epsilon_of([event], delta=1e-5, accountant=accountant)
    assert 0.995 * epsilon < spent <= epsilon


def test_at_delta_zero_a_laplace_scale_is_the_number_of_values_over_epsilon():
    scale = calibrated_laplace_scale(epsilon=3.0, delta=0.0, count=100, num_turns=20)
    assert scale == pytest.approx(2000 / 3, rel=1e-4)
    assert scale >= 2000 / 3


@pytest.mark.parametrize("count", [3, 16, 1000, 21_100])
@pytest.mark.parametrize("accountant", ["pure", "rdp", "pld"])
def test_a_scale_that_meets_the_budget_exactly_is_found(count, accountant):
    scale = calibrated_laplace_scale(
        epsilon=8.0, delta=0.0, count=count, num_turns=1, accountant=accountant
    )
    assert scale == pytest.approx(count / 8, rel=1e-4)
    assert scale >= count / 8


def test_a_gumbel_scale_uses_the_budget_up():
    scale = calibrated_gumbel_scale(epsilon=2.0, delta=1e-5, count=100, num_turns=20)
    spent = epsilon_of([GumbelSelection(scale, 2000, **HERS)], delta=1e-5, accountant="rdp")
    assert 1.999 < spent <= 2.0


def test_a_gaussian_release_in_every_turn_needs_no_sampling():
    # sqrt(100) turns as loud as one: the multiplier grows with the root of their number.
    one = calibrated_noise_multiplier(epsilon=3.0, delta=1e-5, num_steps=1)
    many = calibrated_noise_multiplier(epsilon=3.0, delta=1e-5, num_steps=100)
    assert many == pytest.approx(10 * one, rel=1e-4)


def test_a_whole_chain_is_calibrated_by_one_scale():
    def turns(scale):
        chosen = SparseVectorSelection(scale, 4 * scale, 5, False, **HERS)
        return [chosen, LaplaceRelease(scale, 5, **HERS)] * 10

    scale = smallest_scale(turns, epsilon=1.0, delta=1e-6)
    assert 0.999 < epsilon_of(turns(scale), delta=1e-6, accountant="rdp") <= 1.0


@pytest.mark.parametrize("accountant", ["pure", "rdp", "pld"])
def test_one_turn_more_than_fits_does_not_fit(accountant):
    turn = [LaplaceRelease(300.0, 9, **HERS), GumbelSelection(400.0, 9, **HERS)]
    turns = turns_within(turn, epsilon=2.0, delta=1e-5, accountant=accountant)
    assert epsilon_of(turn * turns, delta=1e-5, accountant=accountant) <= 2.0
    assert epsilon_of(turn * (turns + 1), delta=1e-5, accountant=accountant) > 2.0


def test_a_filter_lets_all_turns_pass_that_were_promised():
    turn = [GaussianSteps(1.1, 256 / 60_000, 235, **ROW)]
    turns = turns_within(turn, epsilon=2.5, delta=1e-5)
    gate = RdpFilter(2.5, 1e-5, best_order(turn * turns, delta=1e-5))
    assert gate.can_afford(turn * (turns - 1), turn)


def test_a_turn_may_cost_too_much_or_nothing_at_all():
    assert turns_within([PlainValues(1)], epsilon=9.0, delta=1e-5) == 0
    assert turns_within([], epsilon=9.0, delta=1e-5, at_most=77) == 77


def test_what_no_noise_can_repair_is_refused():
    with pytest.raises(ValueError, match=r"no scale costs at most epsilon 1\.0; is one"):
        smallest_scale(lambda scale: [PlainValues(1)], epsilon=1.0, delta=1e-5)
    with pytest.raises(ValueError, match="every scale costs at most"):
        smallest_scale(lambda scale: [], epsilon=1.0, delta=1e-5)
    with pytest.raises(ValueError, match="delta must be > 0 for Gaussian noise"):
        calibrated_noise_multiplier(epsilon=1.0, delta=0.0, num_steps=5)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_is_finite_and_positive(epsilon):
    with pytest.raises(ValueError, match="epsilon must be finite and > 0"):
        calibrated_gumbel_scale(epsilon=epsilon, delta=1e-5, count=1, num_turns=1)
