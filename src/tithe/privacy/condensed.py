"""Fewer events that cost the same: what a long history comes down to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tithe.checks import require_at_least
from tithe.privacy.events import (
    Event,
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainSelection,
    PlainValues,
    RepeatedRowSteps,
    SparseVectorSelection,
    TouchedRowSteps,
)


def condensed(events: Iterable[Event], *, times: int = 1) -> list[Event]:
    """All these releases, so many times over, with equal mechanisms counted in one event.

    Guarantee: every sum of costs stays the same, since each merged event stands for ``count``
    mechanisms of one law: noisy steps, Laplace releases, Gumbel selections, and above-threshold
    rounds with a redrawn threshold. A threshold that is kept makes its positions one mechanism, so
    those events stay apart. Plain releases are infinite however many there are.

    Raises:
      ValueError: ``times`` is below 1.
    """
    require_at_least(1, times=times)
    counts: Counter[Event] = Counter()
    for event in events:
        single, count = _single(event)
        counts[single] += count * times
    return [event for single, count in counts.items() for event in _several(single, count)]


def _single(event: Event) -> tuple[Event, int]:
    """One mechanism of this event, and how many of it there are."""
    match event:
        case GaussianSteps() | RepeatedRowSteps() | TouchedRowSteps():
            return replace(event, count=1), event.count
        case LaplaceRelease() | GumbelSelection():
            return replace(event, count=1), event.count
        case SparseVectorSelection() if event.is_redrawn:
            return replace(event, count=1), event.count
        case PlainSelection():
            return replace(event, num_selected=1), event.num_selected
        case PlainValues():
            return PlainValues(1), event.num_values
    return event, 1


def _several(single: Event, count: int) -> list[Event]:
    """The inverse: that many of one mechanism in as few events as can be."""
    match single:
        case GaussianSteps() | RepeatedRowSteps() | TouchedRowSteps():
            return [replace(single, count=count)]
        case LaplaceRelease() | GumbelSelection():
            return [replace(single, count=count)]
        case SparseVectorSelection() if single.is_redrawn:
            return [replace(single, count=count)]
        case PlainSelection():
            return [replace(single, num_selected=count)]
        case PlainValues():
            return [PlainValues(count)]
    return [single] * count
