"""The filter: what was planned passes, one thing more does not, and choosing buys nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import GaussianSteps, GumbelSelection, LaplaceRelease, PlainValues
from tithe.privacy.filter import RdpFilter, best_order
from tithe.privacy.renyi import ORDERS

HERS = {"unit": "participant", "relation": "replace"}

events = st.one_of(
    st.builds(lambda b, c: LaplaceRelease(b, c, **HERS), st.floats(1, 1e3), st.integers(1, 9)),
    st.builds(lambda b, c: GumbelSelection(b, c, **HERS), st.floats(1, 1e3), st.integers(1, 9)),
    st.builds(lambda s: GaussianSteps(s, **HERS), st.floats(1, 1e3)),
)


@settings(max_examples=40)
@given(st.lists(events, min_size=1, max_size=20), st.sampled_from(ORDERS[:-1]))
def test_what_passes_one_by_one_stays_within_the_budget(offered, order):
    gate, spent = RdpFilter(epsilon=2.0, delta=1e-5, order=order), []
    for event in offered:
        if gate.can_afford(spent, [event]):
            spent.append(event)
    assert epsilon_of(spent, delta=1e-5, accountant="rdp") <= gate.epsilon_of(spent) <= 2.0


@settings(max_examples=40)
@given(st.lists(events, min_size=1, max_size=5), events, st.sampled_from(ORDERS))
def test_more_never_costs_less(spent, event, order):
    gate = RdpFilter(epsilon=1.0, delta=1e-5, order=order)
    assert gate.epsilon_of([*spent, event]) >= gate.epsilon_of(spent) >= gate.epsilon_of([]) == 0


def test_everything_planned_fits_exactly_at_the_best_order():
    turn = [GaussianSteps(1.1, 256 / 60_000, 235, unit="record", relation="add_or_remove")]
    planned = turn * 60
    epsilon = epsilon_of(planned, delta=1e-5, accountant="rdp")
    gate = RdpFilter(epsilon, 1e-5, best_order(planned, delta=1e-5))
    assert gate.epsilon_of(planned) == epsilon
    assert gate.can_afford(turn * 59, turn)
    assert not gate.can_afford(turn * 60, turn)


def test_another_order_than_the_planned_one_is_a_worse_gate():
    planned = [LaplaceRelease(100.0, 2000, **HERS)]
    best = best_order(planned, delta=1e-5)
    costs = [RdpFilter(9.0, 1e-5, order).epsilon_of(planned) for order in ORDERS]
    assert RdpFilter(9.0, 1e-5, best).epsilon_of(planned) == min(costs)
    assert costs[0] > 2 * min(costs) < costs[-1]


def test_at_order_infinity_it_is_the_plain_sum():
    gate = RdpFilter(epsilon=1.0, delta=0.0, order=math.inf)
    third = [LaplaceRelease(4.0, 1, **HERS)]
    assert gate.can_afford(third * 3, third)
    assert not gate.can_afford(third * 4, third)
    assert not gate.can_afford([], [GaussianSteps(1e6, **HERS)])


def test_the_best_order_is_infinity_where_the_plain_sum_is_smallest():
    assert best_order([LaplaceRelease(1.0, 1, **HERS)], delta=1e-5) == math.inf
    assert best_order([LaplaceRelease(1e3, 9999, **HERS)], delta=0.0) == math.inf
    assert math.isfinite(best_order([LaplaceRelease(1e3, 9999, **HERS)], delta=1e-5))


def test_an_order_between_those_of_the_list_is_counted_too():
    planned = [GaussianSteps(3.0, **HERS)]
    low, between, high = (RdpFilter(9.0, 1e-5, order) for order in (11.0, 11.5, 12.0))
    ends = sorted([low.epsilon_of(planned), high.epsilon_of(planned)])
    assert ends[0] - 0.01 <= between.epsilon_of(planned) <= ends[1]


@pytest.mark.parametrize("order", [2.0, math.inf])
def test_nothing_plain_ever_passes(order):
    gate = RdpFilter(epsilon=1e9, delta=1e-5, order=order)
    assert not gate.can_afford([], [PlainValues(1)])


def test_records_are_counted_where_the_budget_speaks_of_records():
    gate = RdpFilter(epsilon=1.0, delta=0.0, order=math.inf, unit="record")
    silent = LaplaceRelease(4.0, 1, unit="participant", relation="zero_out")
    assert gate.epsilon_of([silent]) == 0.5  # her data with and without the record: two steps


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ((0.0, 1e-5, 8.0), "epsilon must be finite and > 0"),
        ((1.0, 1.0, 8.0), r"delta must be in \[0, 1\)"),
        ((1.0, 1e-5, 1.0), "order must be > 1"),
        ((1.0, 1e-5, math.nan), "order must be > 1"),
        ((1.0, 0.0, 8.0), "delta 0 needs order infinity"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(values, why):
    with pytest.raises(ValueError, match=why):
        RdpFilter(*values)


def test_an_order_cannot_suit_an_empty_plan():
    with pytest.raises(ValueError, match="planned must hold at least one event"):
        best_order([], delta=1e-5)
