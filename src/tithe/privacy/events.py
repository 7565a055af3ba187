"""Privacy events: plain facts about a release, just what an accountant needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PlainSelection:
    """Coordinates were chosen by looking at raw values; which ones is itself a release.

    Guarantee: none. Its epsilon is infinite for every neighbouring relation and every delta.
    """

    num_selected: int
    rule: Literal["largest", "random_above_tau"]


@dataclass(frozen=True)
class PlainValues:
    """Raw values leave without noise; a bound alone is no protection.

    Guarantee: none. Its epsilon is infinite for every neighbouring relation and every delta.
    """

    num_values: int


Event = PlainSelection | PlainValues


def epsilon_of(events: list[Event]) -> float:
    """The total epsilon of these events: 0 for none, infinity for any plain release.

    Raises:
      TypeError: an event this accountant does not know; it never guesses.
    """
    total = 0.0
    for event in events:
        if not isinstance(event, PlainSelection | PlainValues):
            raise TypeError(f"no accountant knows the event {type(event).__name__}")
        total = math.inf
    return total
