"""The honest total: what a list of events costs, by each accountant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tithe.privacy.events import Event, LaplaceRelease, Relation, Unit, event_of, row_of
from tithe.privacy.loss_distribution import loss_epsilon
from tithe.privacy.neighbours import Comparable, comparable
from tithe.privacy.pure import pure_sum
from tithe.privacy.renyi import epsilon_from_renyi, renyi_cost

__all__ = [
    "Accountant",
    "Cost",
    "TotalCost",
    "epsilon_of",
    "event_of",
    "require_delta",
    "row_of",
    "smallest_bound",
    "total_cost",
]

Accountant = Literal["pld", "rdp", "pure"]
"""Privacy loss distributions, Renyi divergences, or the plain sum at delta 0."""


@dataclass(frozen=True)
class Cost:
    """One sentence of differential privacy, with everything it needs to mean something."""

    epsilon: float
    delta: float
    unit: Unit
    relation: Relation
    accountant: Accountant


@dataclass(frozen=True)
class TotalCost:
    """The same releases, charged by each accountant; all three hold.

    ``naive_epsilon_per_value`` is no guarantee about anybody: it is the plain sum divided by the
    number of values released, the figure that is often quoted as epsilon. None where there are no
    values or no plain sum.
    """

    pure: Cost
    rdp: Cost
    pld: Cost
    naive_epsilon_per_value: float | None


def epsilon_of(
    events: Sequence[Event],
    *,
    delta: float,
    accountant: Accountant = "pld",
    unit: Unit | None = None,
    grid: float | None = None,
) -> float:
    """The total epsilon of these events at this delta; infinity as soon as one of them is plain.

    Guarantee: whoever sees everything these events released cannot tell two neighbours apart beyond
    (epsilon, delta), for the unit named and the relation the events share; where relations differ,
    for "replace". How the events are grouped or ordered does not matter. Each accountant reports
    the smallest bound it has a proof for, the coarser ones included, so pld <= rdp <= pure.
    Precondition: the parameters were chosen beforehand, or the sum is guarded by
    :class:`tithe.privacy.filter.RdpFilter`. The plain sum and Renyi costs at one order may be
    added up over adaptively chosen parameters; a privacy loss distribution may not.

    Args:
      events: in any order; none at all cost 0.
      delta: in [0, 1); at 0 only the plain sum answers.
      accountant: the tightest that may be used.
      unit: what the total speaks of; by default what all events share.
      grid: the distance between two losses of the distribution; by default chosen by the events.
    Raises:
      TypeError: an event no accountant knows; it never guesses.
      ValueError: delta out of range, an unknown accountant, or units that do not go together.
    Source: Dwork & Roth 2014, Theorem 3.16; Mironov 2017; Doroshenko et al. 2022.
    """
    require_delta(delta)
    if accountant not in get_args(Accountant):
        known = ", ".join(get_args(Accountant))
        raise ValueError(f"accountant must be one of {known}, got {accountant!r}")
    released = comparable(events, unit=unit)
    return smallest_bound(released, delta=delta, accountant=accountant, grid=grid)


def total_cost(
    events: Sequence[Event], *, delta: float, unit: Unit | None = None, grid: float | None = None
) -> TotalCost:
    """What these events cost together, by every accountant, and the figure not to be quoted.

    Guarantee: that of :func:`epsilon_of` for each of the three costs.
    Raises:
      TypeError, ValueError: as :func:`epsilon_of`.
    """
    require_delta(delta)
    released = comparable(events, unit=unit)

    def cost(accountant: Accountant) -> Cost:
        epsilon = smallest_bound(released, delta=delta, accountant=accountant, grid=grid)
        at = 0.0 if accountant == "pure" else delta
        return Cost(epsilon, at, released.unit, released.relation, accountant)

    pure = cost("pure")
    num_values = sum(event.count for event in events if isinstance(event, LaplaceRelease))
    naive = pure.epsilon / num_values if num_values and math.isfinite(pure.epsilon) else None
    return TotalCost(pure, cost("rdp"), cost("pld"), naive)


def require_delta(delta: float) -> None:
    """Raises ValueError unless delta is a probability below 1."""
    if not (math.isfinite(delta) and 0 <= delta < 1):
        raise ValueError(f"delta must be in [0, 1), got {delta}")


def smallest_bound(
    released: Comparable, *, delta: float, accountant: Accountant, grid: float | None = None
) -> float:
    """The smallest bound among this accountant's and those of the coarser ones."""
    if released.has_plain:
        return math.inf
    smallest = pure_sum(released)
    if accountant == "pure" or delta == 0:
        return smallest
    smallest = min(smallest, epsilon_from_renyi(renyi_cost(released), delta=delta)[0])
    if accountant == "rdp":
        return smallest
    return min(smallest, loss_epsilon(released, delta=delta, at_most=smallest, grid=grid))
