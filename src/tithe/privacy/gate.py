"""The gate of a budget: what counts all that was released against it."""

from __future__ import annotations

import math
from functools import partial

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.budget import Budget
from tithe.privacy.filter import RdpFilter
from tithe.privacy.ledger import Gate


def gate_of(budget: Budget) -> Gate:
    """A Renyi filter at the budget's order, or the plain sum where it has none or no limit.

    Guarantee: both may count events that were chosen by looking at what earlier ones released.
    Source: Feldman & Zrnic 2021, Theorem 3.1; Rogers et al. 2016 for the plain sum.
    """
    if math.isinf(budget.epsilon) or budget.order is None:
        return partial(epsilon_of, delta=0.0, accountant="pure", unit=budget.unit)
    return RdpFilter(budget.epsilon, budget.delta, budget.order, budget.unit).epsilon_of
