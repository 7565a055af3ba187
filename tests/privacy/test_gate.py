"""The gate of a budget: one filter at its order, or the plain sum."""

from __future__ import annotations

import math

import pytest

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.budget import Budget
from tithe.privacy.events import LaplaceRelease, PlainValues
from tithe.privacy.filter import RdpFilter
from tithe.privacy.gate import gate_of

EVENTS = [LaplaceRelease(scale=50.0, count=200, unit="participant", relation="zero_out")]


def budget(order, *, epsilon=3.0, delta=1e-5):
    return Budget(epsilon, delta, "participant", "zero_out", order)


def test_a_budget_with_an_order_is_counted_by_its_filter():
    told = gate_of(budget(8.0))(EVENTS)
    assert told == RdpFilter(3.0, 1e-5, 8.0, "participant").epsilon_of(EVENTS)
    assert told < epsilon_of(EVENTS, delta=0.0, accountant="pure")


@pytest.mark.parametrize("order", [None, math.inf])
def test_without_an_order_it_is_the_plain_sum(order):
    assert gate_of(budget(order, delta=0.0))(EVENTS) == pytest.approx(4.0)


def test_a_limit_never_changes_what_is_counted():
    assert gate_of(budget(8.0, epsilon=1.0))(EVENTS) == gate_of(budget(8.0, epsilon=99.0))(EVENTS)


def test_without_a_limit_a_plain_release_is_infinite():
    assert gate_of(budget(math.inf, epsilon=math.inf, delta=0.0))([PlainValues(1)]) == math.inf
