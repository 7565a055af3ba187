"""A lower bound on epsilon from many runs of a mechanism on each of two neighbouring inputs.

The runs are cut in three. From the first part come statistics of an output that might tell the two
inputs apart, and for each an order of its values by how much they tell. The second part says which
statistic and how many of its values make the best event. The third alone judges that event, so
however clever or lucky the choice was, the bound holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tithe.audit.exact import lower_limit, require_confidence, require_loss, upper_limit
from tithe.audit.scores import Floats, Integers
from tithe.checks import BadInput

Statistic = Callable[[Floats], Floats]
"""From outputs ``(n, k)`` to one number an output, ``(n,)``."""

_MAX_BINS = 40
_SMALLEST = 40  # runs an input, below which nothing could be shown


@dataclass(frozen=True)
class Told:
    """What the runs told.

    Attributes:
      epsilon: the lower bound, >= 0.
      ceiling: what outputs that never overlap would have shown.
      statistic: the name of the statistic that told it.
      confidence: the bound is above the truth with probability at most one minus this.
    """

    epsilon: float
    ceiling: float
    statistic: str
    confidence: float


@dataclass(frozen=True, eq=False)
class _Event:
    """Some values of a statistic that are likelier on one input (0 or 1) than on the other."""

    name: str
    statistic: Statistic
    cuts: Floats
    cells: Integers
    likely: int

    def counts(self, outputs: tuple[Floats, Floats]) -> tuple[int, int]:
        """How often it was seen on its likely and on its unlikely input."""
        seen = [
            int(
                np.isin(np.searchsorted(self.cuts, self.statistic(side), "right"), self.cells).sum()
            )
            for side in outputs
        ]
        return seen[self.likely], seen[1 - self.likely]


def tell_apart(one: Floats, other: Floats, *, delta: float = 0.0, confidence: float = 0.95) -> Told:
    """Bounds from below the epsilon of a mechanism that was run on two neighbouring inputs.

    Guarantee: the bound is above the epsilon of the mechanism at this delta with probability at
    most ``1 - confidence``, if the runs are independent.

    Args:
      one: outputs on the first input, shape ``(n, k)``; any function of an output is an output.
      other: the same on the second input, the same shape.
      delta: in [0, 1).
      confidence: in (0.5, 1).
    Raises:
      BadInput: shapes that differ, too few runs, or a value out of its range.
    Source: the bound is that of ``bound_by_pairs``; the event follows Neyman & Pearson.
    """
    level = 1 - require_confidence(confidence)
    require_loss(delta)
    if one.shape != other.shape or one.ndim != 2:
        raise BadInput(
            f"outputs must have one shape (n, k) for both inputs, got {one.shape} and {other.shape}"
        )
    if len(one) < _SMALLEST:
        raise BadInput(f"a mechanism must be run at least {_SMALLEST} times, got {len(one)}")
    quarter, half = len(one) // 4, len(one) // 2
    learn, choose, judge = (
        (one[part], other[part])
        for part in (slice(0, quarter), slice(quarter, half), slice(half, None))
    )
    events = [
        event
        for name, statistic in statistics(*learn).items()
        for likely in (0, 1)
        for event in _nested(name, statistic, likely, learn)
    ]
    best = max(events, key=lambda event: _bound(event, choose, level=level, delta=delta))
    found = _bound(best, judge, level=level, delta=delta)
    runs = len(judge[0])
    ceiling = math.log(
        (float(lower_limit(runs, runs, level=level / 2)) - delta)
        / float(upper_limit(0, runs, level=level / 2))
    )
    return Told(max(0.0, found), ceiling, best.name, confidence)


def statistics(one: Floats, other: Floats) -> dict[str, Statistic]:
    """Candidates that the first part of the runs suggests, by name.

    For Laplace noise the likelihood ratio is the sum of values cut off at the two true ones; for
    Gaussian noise it is a weighted sum; where a mechanism is broken a single value often tells all.
    """
    ends = np.stack([_typical(one), _typical(other)])
    low, high = ends.min(axis=0), ends.max(axis=0)

    def cut_off(outputs: Floats) -> Floats:
        return np.clip(outputs, low, high)

    single = int(_effects(one, other).argmax())
    clipped = _direction(cut_off(one), cut_off(other))
    plain = _direction(one, other)
    return {
        "weighted sum": lambda outputs: outputs @ plain,
        "weighted sum of values cut off at the medians": lambda outputs: cut_off(outputs) @ clipped,
        "sum": lambda outputs: outputs.sum(axis=1),
        "largest magnitude": lambda outputs: np.abs(outputs).max(axis=1),
        f"column {single}": lambda outputs: outputs[:, single],
    }


def _typical(outputs: Floats) -> Floats:
    """The median of each column where it is not zero: what was not sent says nothing of it."""
    found = np.zeros(outputs.shape[1])
    for column, values in enumerate(outputs.T):
        sent = values[values != 0]
        found[column] = np.median(sent) if len(sent) else 0.0
    return found


def _effects(one: Floats, other: Floats) -> Floats:
    """How far the means of each column lie apart, in its spread."""
    spread = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2)
    apart: Floats = np.abs(one.mean(axis=0) - other.mean(axis=0)) / (spread + 1e-12)
    return apart


def _direction(one: Floats, other: Floats) -> Floats:
    """Fisher's discriminant, shrunk a little so that few runs do not mislead it."""
    scale = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2)
    scale = np.where(scale > 0, scale, 1.0)
    left, right = one / scale, other / scale
    within = (np.cov(left, rowvar=False) + np.cov(right, rowvar=False)) / 2
    within = np.atleast_2d(within) + 0.1 * np.eye(one.shape[1])
    weights: Floats = np.linalg.solve(within, left.mean(axis=0) - right.mean(axis=0)) / scale
    return weights


def _nested(
    name: str, statistic: Statistic, likely: int, learn: tuple[Floats, Floats]
) -> list[_Event]:
    """Ever larger events, made of the cells that tell most."""
    values = [statistic(side) for side in learn]
    together = np.concatenate(values)
    distinct = np.unique(together)
    if len(distinct) <= _MAX_BINS:
        cuts = distinct[1:]
    else:
        ends = np.array([1e-3, 3e-3, 1e-2, 2e-2])
        inner = np.linspace(0, 1, _MAX_BINS - 2 * len(ends))[1:-1]
        cuts = np.unique(np.quantile(together, np.unique([*ends, *inner, *(1 - ends)])))
    seen = [
        np.bincount(np.searchsorted(cuts, side, "right"), minlength=len(cuts) + 1)
        for side in values
    ]
    order = np.argsort(-(seen[likely] + 0.5) / (seen[1 - likely] + 0.5), kind="stable")
    return [
        _Event(name, statistic, cuts, order[: size + 1].astype(np.int64), likely)
        for size in range(len(order))
    ]


def _bound(event: _Event, outputs: tuple[Floats, Floats], *, level: float, delta: float) -> float:
    found, false = event.counts(outputs)
    runs = len(outputs[0])
    likely = float(lower_limit(found, runs, level=level / 2)) - delta
    unlikely = float(upper_limit(false, runs, level=level / 2))
    return math.log(likely / unlikely) if likely > 0 else -math.inf
