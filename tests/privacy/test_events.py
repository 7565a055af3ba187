"""Events: what a release costs, told without guessing."""

from __future__ import annotations

import math

import pytest

from tithe.privacy.events import PlainSelection, PlainValues, epsilon_of


def test_nothing_released_costs_nothing():
    assert epsilon_of([]) == 0.0


@pytest.mark.parametrize("event", [PlainSelection(3, "largest"), PlainValues(1)])
def test_any_plain_release_costs_everything(event):
    assert epsilon_of([event]) == math.inf


def test_an_event_nobody_knows_is_refused():
    with pytest.raises(TypeError, match="no accountant knows the event str"):
        epsilon_of([PlainValues(1), "something else"])
