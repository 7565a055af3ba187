"""A filter: it says beforehand whether a release still fits, though earlier ones chose it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.checks import require_positive
from tithe.privacy.accounting import require_delta
from tithe.privacy.events import Event, Unit
from tithe.privacy.neighbours import comparable
from tithe.privacy.renyi import ORDERS, epsilon_from_renyi, renyi_cost


@dataclass(frozen=True)
class RdpFilter:
    """Lets releases pass while their Renyi costs at one order, fixed beforehand, fit the budget.

    Guarantee: if nothing leaves unless :meth:`can_afford` said yes, everything that left is
    (epsilon, delta)-DP together, for the unit and relation that :meth:`epsilon_of` counts in, also
    if each release and its parameters were chosen by looking at what came before. At order infinity
    the costs are pure, delta is not used and the filter is the plain sum.
    Precondition: the order does not depend on the data; :func:`best_order` chooses it from a plan.
    Why one order: the proof follows one sum. A minimum over orders, each good for another course of
    events, would be a choice made afterwards, which it does not cover. A privacy loss distribution
    is no filter at all.

    Args:
      epsilon: the budget, > 0.
      delta: in [0, 1); 0 needs order infinity.
      order: > 1, or infinity.
      unit: what the budget speaks of; by default what all events share.
    Raises:
      ValueError: a value out of its range.
    Source: Feldman & Zrnic 2021, Theorem 3.1 and Section 4; Lecuyer 2021; at order
      infinity Rogers et al. 2016.
    """

    epsilon: float
    delta: float
    order: float
    unit: Unit | None = None

    def __post_init__(self) -> None:
        require_positive(epsilon=self.epsilon)
        require_delta(self.delta)
        if not self.order > 1:
            raise ValueError(f"order must be > 1, or infinity for a plain sum, got {self.order}")
        if self.delta == 0 and math.isfinite(self.order):
            raise ValueError(f"delta 0 needs order infinity, the plain sum, got {self.order}")

    def epsilon_of(self, events: Sequence[Event]) -> float:
        """What these events cost at the filter's order; more events never cost less.

        The first event already costs about ``ln(1 / delta) / (order - 1)``, which is paid once.
        """
        orders = tuple(sorted({*ORDERS, self.order}))  # the same bounds as the order's choice saw
        at = orders.index(self.order)
        cost = renyi_cost(comparable(events, unit=self.unit), orders=orders)[at : at + 1]
        return epsilon_from_renyi(cost, delta=self.delta, orders=(self.order,))[0]

    def can_afford(self, spent: Sequence[Event], new: Sequence[Event]) -> bool:
        """Whether ``new`` may leave after ``spent`` has left."""
        return self.epsilon_of([*spent, *new]) <= self.epsilon


def best_order(planned: Sequence[Event], *, delta: float, unit: Unit | None = None) -> float:
    """The order at which a filter lets the most of these planned events pass.

    Args:
      planned: everything a participant means to release, known before anything is.
      delta: the filter's; at 0 the answer is infinity, the plain sum.
      unit: as for the filter.
    Raises:
      ValueError: nothing is planned, delta is out of range or units do not go together.
    """
    require_delta(delta)
    if not planned:
        raise ValueError("planned must hold at least one event, for an order suits what is planned")
    cost = renyi_cost(comparable(planned, unit=unit), orders=ORDERS)
    return epsilon_from_renyi(cost, delta=delta)[1]
