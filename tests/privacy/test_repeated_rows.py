"""A record with several rows is charged as the group that they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.binomial_mixture import mixture_renyi
from tithe.privacy.condensed import condensed
from tithe.privacy.events import GaussianSteps, RepeatedRowSteps
from tithe.privacy.neighbours import comparable
from tithe.privacy.renyi import ORDERS, renyi_cost
from tithe.privacy.repeated_rows import as_one_contribution, repeated_rows_event


def steps(noise_multiplier=2.0, sampling_rate=0.01, most_copies=3, count=1, **other):
    return repeated_rows_event(
        noise_multiplier=noise_multiplier,
        sampling_rate=sampling_rate,
        most_copies=most_copies,
        count=count,
        **{"relation": "add_or_remove", **other},
    )


def densities(noise_multiplier, rate, most_copies):
    """A fine grid, and on it the law of a step with the copies and the law without."""
    at = np.linspace(-14 * noise_multiplier, most_copies + 14 * noise_multiplier, 200_001)
    weights = binom(most_copies, rate).pmf(range(most_copies + 1))
    moved = sum(w * norm(j, noise_multiplier).pdf(at) for j, w in enumerate(weights))
    return at, moved, norm(0, noise_multiplier).pdf(at)


def hockey_stick(one, other, at, epsilon):
    return np.trapezoid(np.maximum(one - math.exp(epsilon) * other, 0), at)


@given(st.floats(0.1, 50), st.floats(1e-9, 1), st.integers(1, 10**6))
def test_one_copy_is_the_plain_event(noise_multiplier, rate, count):
    plain = GaussianSteps(noise_multiplier, rate, count, unit="record", relation="add_or_remove")
    assert steps(noise_multiplier, rate, 1, count) == plain


def test_three_copies_as_one_contribution_by_hand():
    coarse = as_one_contribution(steps(count=5))
    assert coarse.noise_multiplier == pytest.approx(2 / 3)
    assert coarse.sampling_rate == pytest.approx(1 - 0.99**3)
    assert coarse.count == 5


def test_fixed_batches_have_the_whole_group_in_every_pass():
    event = steps(sampling_rate=1.0, most_copies=4, count=7, relation="zero_out")
    assert event == GaussianSteps(0.5, 1.0, 7, unit="record", relation="zero_out")


@pytest.mark.parametrize("accountant", ["rdp", "pld"])
@pytest.mark.parametrize(
    ("noise_multiplier", "rate", "most_copies"),
    [(1.0, 0.005, 2), (1.0, 0.1, 10), (4.0, 0.5, 3), (0.7, 0.02, 5)],
)
def test_the_charge_covers_the_law_of_copies_that_are_all_alike(
    noise_multiplier, rate, most_copies, accountant
):
    at, moved, still = densities(noise_multiplier, rate, most_copies)
    event = steps(noise_multiplier, rate, most_copies)
    for delta in (1e-3, 1e-6):
        epsilon = epsilon_of([event], delta=delta, accountant=accountant)
        largest = max(
            hockey_stick(moved, still, at, epsilon), hockey_stick(still, moved, at, epsilon)
        )
        assert largest <= delta * (1 + 1e-6)
        if accountant == "pld":  # and it is no more than that takes
            less = 0.99 * epsilon
            nearly = max(hockey_stick(moved, still, at, less), hockey_stick(still, moved, at, less))
            assert nearly > delta or epsilon < 1e-3


def test_a_charge_for_one_copy_would_not_cover_three():
    at, moved, still = densities(1.0, 0.1, 3)
    epsilon = epsilon_of([steps(1.0, 0.1, 1)], delta=1e-3)
    assert hockey_stick(moved, still, at, epsilon) > 2e-3


@pytest.mark.parametrize(("noise_multiplier", "rate"), [(0.8, 0.01), (1.0, 0.3), (5.0, 0.05)])
def test_with_one_copy_the_mixture_is_the_sampled_gaussian(noise_multiplier, rate):
    # At whole orders the series of Mironov, Talwar & Zhang is exact; between them it may not
    # converge, and then the next order's value is charged, which is larger.
    orders = tuple(order for order in ORDERS if order <= 64)
    is_whole = [float(order).is_integer() for order in orders]
    mixture = mixture_renyi(
        orders, noise_multiplier=noise_multiplier, sampling_rate=rate, most_copies=1
    )
    plain = GaussianSteps(noise_multiplier, rate, unit="record", relation="add_or_remove")
    known = renyi_cost(comparable([plain]), orders=orders)
    assert mixture[is_whole] == pytest.approx(known[is_whole], rel=1e-6, abs=1e-12)
    assert (mixture <= known * (1 + 1e-6) + 1e-12).all()


@pytest.mark.parametrize("order", [1.5, 2, 7.3])
def test_renyi_divergences_are_those_of_a_finer_sum(order):
    at, moved, still = densities(0.6, 0.07, 4)
    there = np.trapezoid(np.exp(order * np.log(moved) + (1 - order) * np.log(still)), at)
    back = np.trapezoid(np.exp(order * np.log(still) + (1 - order) * np.log(moved)), at)
    by_hand = math.log(max(there, back)) / (order - 1)
    (found,) = mixture_renyi([order], noise_multiplier=0.6, sampling_rate=0.07, most_copies=4)
    # The grid by hand ends too early for the largest order, so it may only be smaller.
    assert found >= by_hand * (1 - 1e-9)
    if order <= 2:
        assert found == pytest.approx(by_hand, rel=1e-6)


def test_the_law_of_the_copies_is_cheaper_than_all_or_none():
    event = steps(1.0, 0.003, 10, 33_600)
    exact, coarse = (
        epsilon_of([each], delta=1e-5, accountant="rdp")
        for each in (event, as_one_contribution(event))
    )
    assert exact < 100
    assert coarse > 10_000


@pytest.mark.parametrize("accountant", ["rdp", "pld"])
def test_more_copies_cost_more_and_more_steps_too(accountant):
    costs = [
        epsilon_of([steps(3.0, 0.01, copies, count)], delta=1e-5, accountant=accountant)
        for copies, count in ((1, 100), (2, 100), (5, 100), (5, 200))
    ]
    assert costs == sorted(set(costs))


def test_a_replaced_record_is_charged_as_one_contribution():
    event = steps(relation="replace")
    assert isinstance(event, RepeatedRowSteps)
    for accountant in ("rdp", "pld"):
        assert epsilon_of([event], delta=1e-5, accountant=accountant) == epsilon_of(
            [as_one_contribution(event)], delta=1e-5, accountant=accountant
        )
    mixed = [steps(relation="zero_out"), steps(relation="replace")]
    assert epsilon_of(mixed, delta=1e-5) >= epsilon_of(mixed[:1], delta=1e-5)


def test_alone_it_has_no_pure_guarantee_and_turns_are_counted_together():
    assert epsilon_of([steps()], delta=0, accountant="pure") == math.inf
    assert condensed([steps(), steps(count=4)], times=2) == [steps(count=10)]


@pytest.mark.parametrize("noise_multiplier", [1e-6, 0.05])
def test_next_to_no_noise_is_charged_and_never_understated(noise_multiplier):
    cost = epsilon_of([steps(noise_multiplier)], delta=1e-9, accountant="rdp")
    assert cost > 100


@pytest.mark.parametrize(
    "wrong", [{"most_copies": 0}, {"sampling_rate": 0.0}, {"noise_multiplier": 0.0}]
)
def test_impossible_values_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        steps(**wrong)


def test_a_participant_has_no_copies():
    with pytest.raises(ValueError, match='unit must be "record"'):
        RepeatedRowSteps(1.0, 0.1, 2, unit="participant", relation="zero_out")
    with pytest.raises(ValueError, match=r"sampling_rate must be in \(0, 1\)"):
        RepeatedRowSteps(1.0, 1.0, 2, unit="record", relation="zero_out")
