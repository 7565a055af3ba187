"""A record that brings rows and takes others away is charged for both, and for no more."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom, norm

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.binomial_mixture import mixture_renyi
from tithe.privacy.condensed import condensed
from tithe.privacy.events import GaussianSteps, LaplaceRelease, RepeatedRowSteps, TouchedRowSteps
from tithe.privacy.neighbours import as_replace, comparable
from tithe.privacy.renyi import ORDERS, renyi_cost
from tithe.privacy.touched_rows import touched_rows_event

accountants = pytest.mark.parametrize("accountant", ["rdp", "pld"])
TOUCHED = [(1.0, 0.005, 3, 1), (1.0, 0.1, 5, 2), (4.0, 0.5, 1, 1), (0.7, 0.02, 2, 7)]
touched = pytest.mark.parametrize(("noise_multiplier", "rate", "brought", "taken"), TOUCHED)


def steps(noise_multiplier=2.0, sampling_rate=0.01, brought=3, taken=1, count=1, **other):
    return touched_rows_event(
        noise_multiplier=noise_multiplier,
        sampling_rate=sampling_rate,
        most_brought=brought,
        most_taken=taken,
        count=count,
        **{"relation": "add_or_remove", **other},
    )


def moved(at, noise_multiplier, rate, lengths):
    """The law on a grid of a sum of rows that move it by these lengths, each taken by its coin."""
    density = 0
    for coins in itertools.product([0, 1], repeat=len(lengths)):
        chance = math.prod(rate if coin else 1 - rate for coin in coins)
        density += chance * norm(np.dot(coins, lengths), noise_multiplier).pdf(at)
    return density


def log_moved(at, noise_multiplier, rate, number, sign):
    """The logarithm of the same, of so many rows that all move it by one length one way."""
    chances = binom(number, rate).logpmf(range(number + 1))
    peaks = [norm(sign * j, noise_multiplier).logpdf(at) for j in range(number + 1)]
    return logsumexp(chances[:, None] + peaks, axis=0)


def both_laws(noise_multiplier, rate, brought, taken):
    """A fine grid, and on it the laws of a step with the record and without."""
    reach = 14 * noise_multiplier
    at = np.linspace(-len(taken) - reach, len(brought) + reach, 20_001)
    laws = (moved(at, noise_multiplier, rate, lengths) for lengths in (brought, taken))
    return at, *laws


def hockey_stick(one, other, at, epsilon):
    return np.trapezoid(np.maximum(one - math.exp(epsilon) * other, 0), at)


def largest_stick(one, other, at, epsilon):
    return max(hockey_stick(one, other, at, epsilon), hockey_stick(other, one, at, epsilon))


def largest_in_cells(one, other, epsilon):
    return max(
        np.maximum(first - math.exp(epsilon) * second, 0).sum()
        for first, second in ((one, other), (other, one))
    )


@accountants
@touched
def test_the_charge_covers_rows_that_pull_apart_and_is_no_more_than_that_takes(
    noise_multiplier, rate, brought, taken, accountant
):
    event = steps(noise_multiplier, rate, brought, taken)
    at, there, gone = both_laws(noise_multiplier, rate, [1] * brought, [-1] * taken)
    for delta in (1e-3, 1e-6):
        epsilon = epsilon_of([event], delta=delta, accountant=accountant)
        assert largest_stick(there, gone, at, epsilon) <= delta * (1 + 1e-6)
        if accountant == "pld":
            assert largest_stick(there, gone, at, 0.99 * epsilon) > delta or epsilon < 1e-3


@accountants
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=3), st.lists(st.floats(-1, 1), max_size=2))
def test_the_charge_covers_rows_of_any_length_and_direction(accountant, brought, taken):
    event = steps(0.9, 0.2, 3, 2)
    at, there, gone = both_laws(0.9, 0.2, brought, taken)
    for epsilon in (0.5, 2.0, 5.0):
        delta = largest_stick(there, gone, at, epsilon)
        if delta > 1e-9:
            assert epsilon_of([event], delta=delta, accountant=accountant) >= epsilon * (1 - 1e-6)


@pytest.mark.parametrize("angle", [0.3, 1.6, 2.5])
def test_the_charge_covers_rows_in_a_plane(angle):
    event, line = steps(1.0, 0.3, 2, 1), np.linspace(-8, 8, 401)
    x, y = np.meshgrid(line, line)
    ways = [(1, 0), (math.cos(angle), math.sin(angle))]

    def law(vectors):
        density = 0
        for coins in itertools.product([0, 1], repeat=len(vectors)):
            chance = math.prod(0.3 if coin else 0.7 for coin in coins)
            to = np.dot(coins, vectors)
            density += chance * norm(to[0]).pdf(x) * norm(to[1]).pdf(y)
        return density

    there, gone = law(ways), law([(-math.cos(2 * angle), math.sin(angle))])
    for epsilon in (0.3, 1.5):
        delta = max(
            np.maximum(one - math.exp(epsilon) * other, 0).sum() * (line[1] - line[0]) ** 2
            for one, other in ((there, gone), (gone, there))
        )
        assert epsilon_of([event], delta=delta) >= epsilon


def test_a_charge_for_the_rows_brought_alone_would_not_cover_those_taken():
    at, there, gone = both_laws(1.0, 0.1, [1], [-1] * 3)
    epsilon = epsilon_of([steps(1.0, 0.1, 1, 0)], delta=1e-3)
    assert largest_stick(there, gone, at, epsilon) > 2e-3


@pytest.mark.parametrize("order", [1.5, 2, 7.3])
@pytest.mark.parametrize(("brought", "taken"), [(3, 1), (1, 3), (2, 2)])
def test_renyi_divergences_are_those_of_a_finer_sum(order, brought, taken):
    reach = order * max(brought, taken) + 12
    at = np.linspace(-reach, reach, 200_001)
    there, gone = log_moved(at, 0.8, 0.07, brought, 1), log_moved(at, 0.8, 0.07, taken, -1)
    integrals = (
        np.trapezoid(np.exp(order * one + (1 - order) * other), at)
        for one, other in ((there, gone), (gone, there))
    )
    by_hand = math.log(max(integrals)) / (order - 1)
    (found,) = mixture_renyi(
        [order], noise_multiplier=0.8, sampling_rate=0.07, most_copies=brought, most_taken=taken
    )
    assert by_hand * (1 - 1e-9) <= found == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("noise_multiplier", [1e-6, 0.05, 0.4, 3.0])
def test_no_order_costs_more_than_every_row_in_every_step(noise_multiplier):
    event = steps(noise_multiplier, 0.3, 3, 2)
    cost = renyi_cost(comparable([event]))
    assert (cost <= np.array(ORDERS) * 25 / noise_multiplier**2 / 2 * (1 + 1e-9)).all()
    assert (np.diff(cost[:-1]) >= -1e-12).all()


@accountants
def test_more_rows_steps_and_samples_cost_more(accountant):
    less = (3.0, 0.01, 3, 1, 100)
    cost = epsilon_of([steps(*less)], delta=1e-5, accountant=accountant)
    for more in (
        (2.5, 0.01, 3, 1, 100),
        (3.0, 0.02, 3, 1, 100),
        (3.0, 0.01, 4, 1, 100),
        (3.0, 0.01, 3, 2, 100),
        (3.0, 0.01, 3, 1, 150),
    ):
        assert epsilon_of([steps(*more)], delta=1e-5, accountant=accountant) > 1.01 * cost


@accountants
@pytest.mark.parametrize(("brought", "taken"), [(1, 2), (3, 1), (2, 5)])
def test_who_comes_and_who_goes_cost_the_same(accountant, brought, taken):
    one, other = (
        epsilon_of([steps(1.5, 0.05, *rows, 10)], delta=1e-5, accountant=accountant)
        for rows in ((brought, taken), (taken, brought))
    )
    assert one == pytest.approx(other, rel=1e-9)


@accountants
@pytest.mark.parametrize("brought", [2, 5])
def test_rows_taken_away_come_on_top_of_copies(accountant, brought):
    copies = RepeatedRowSteps(1.5, 0.05, brought, 10, unit="record", relation="add_or_remove")
    fewer, same, more, many = (
        epsilon_of([event], delta=1e-5, accountant=accountant)
        for event in (copies, *(steps(1.5, 0.05, brought, taken, 10) for taken in (0, 1, 4)))
    )
    assert same == fewer < more < many


def test_which_event_it_is_by_hand():
    its = {"unit": "record", "relation": "add_or_remove"}
    assert steps(2.0, 0.01, 3, 1, 5) == TouchedRowSteps(2.0, 0.01, 3, 1, 5, **its)
    assert steps(2.0, 0.01, 3, 0, 5) == RepeatedRowSteps(2.0, 0.01, 3, 5, **its)
    assert steps(2.0, 0.01, 1, 0, 5) == GaussianSteps(2.0, 0.01, 5, **its)
    assert steps(2.0, 1.0, 3, 1, 5) == GaussianSteps(0.5, 1.0, 5, **its)


@accountants
def test_a_replaced_record_brings_and_takes_as_much_as_two(accountant):
    event = steps(1.0, 0.1, 3, 1)
    both = as_replace(event)
    assert both == TouchedRowSteps(1.0, 0.1, 4, 4, unit="record", relation="replace")
    assert as_replace(both) == both
    at, one, other = both_laws(1.0, 0.1, [1] * 4, [-1] * 4)
    epsilon = epsilon_of([both], delta=1e-4, accountant=accountant)
    assert largest_stick(one, other, at, epsilon) <= 1e-4 * (1 + 1e-6)
    silent = GaussianSteps(2.0, 0.1, unit="record", relation="replace")
    mixed = epsilon_of([event, silent], delta=1e-4, accountant=accountant)
    assert mixed >= epsilon


def test_it_adds_up_with_other_events_and_a_sum_by_loss_is_never_above_one_by_renyi():
    laplace = LaplaceRelease(5.0, 3, unit="record", relation="add_or_remove")
    copies = steps(1.0, 0.02, 3, 0, 20)
    for events in ([steps(count=50)], [steps(count=50), laplace], [steps(count=50), copies]):
        by_loss = epsilon_of(events, delta=1e-5)
        assert 0 < by_loss <= epsilon_of(events, delta=1e-5, accountant="rdp")
    alone = epsilon_of([steps(count=50)], delta=1e-5)
    assert epsilon_of([steps(count=50), copies], delta=1e-5) > alone


@accountants
def test_two_steps_of_two_kinds_are_covered_together(accountant):
    events = [steps(1.0, 0.2, 3, 1), steps(1.5, 0.1, 2, 0)]
    at = np.linspace(-9, 11, 1501)
    cell = (at[1] - at[0]) ** 2
    one, two = ((1.0, 0.2, [1] * 3, [-1]), (1.5, 0.1, [1] * 2, []))
    there, gone = (
        np.outer(moved(at, *one[:2], one[side]), moved(at, *two[:2], two[side])) * cell
        for side in (2, 3)
    )
    for delta in (1e-2, 1e-4):
        epsilon = epsilon_of(events, delta=delta, accountant=accountant)
        assert largest_in_cells(there, gone, epsilon) <= delta * (1 + 1e-4)
        if accountant == "pld":
            assert largest_in_cells(there, gone, 0.98 * epsilon) > delta


def test_alone_it_has_no_pure_guarantee_and_turns_are_counted_together():
    assert epsilon_of([steps()], delta=0, accountant="pure") == math.inf
    assert condensed([steps(), steps(count=4)], times=2) == [steps(count=10)]


@pytest.mark.parametrize(
    "wrong", [{"taken": -1}, {"brought": 0}, {"sampling_rate": 0.0}, {"noise_multiplier": 0.0}]
)
def test_impossible_values_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        steps(**wrong)


def test_the_law_of_the_coins_is_the_binomial_one():
    at = np.linspace(-5, 8, 50)
    weights = binom(3, 0.2).pmf(range(4))
    by_number = sum(w * norm(j, 1).pdf(at) for j, w in enumerate(weights))
    assert moved(at, 1, 0.2, [1, 1, 1]) == pytest.approx(by_number)


def test_a_participant_touches_no_rows():
    with pytest.raises(ValueError, match='unit must be "record"'):
        TouchedRowSteps(1.0, 0.1, 2, 1, unit="participant", relation="zero_out")
    with pytest.raises(ValueError, match=r"sampling_rate must be in \(0, 1\)"):
        TouchedRowSteps(1.0, 1.0, 2, 1, unit="record", relation="zero_out")
