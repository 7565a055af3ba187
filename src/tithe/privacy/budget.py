"""A budget: how much privacy a participant is ready to lose, and what is said when it is gone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.checks import require_positive
from tithe.privacy.events import (
    Event,
    GaussianSteps,
    PlainSelection,
    PlainValues,
    Relation,
    Unit,
)

_ROUNDING = 1e-9  # so that three turns of epsilon 0.1 fit into 0.3 in binary numbers too


@dataclass(frozen=True)
class Budget:
    """What may be lost in all, and the terms on which it is counted.

    Attributes:
      epsilon: the most that may be lost, > 0; infinite for a count without a limit.
      delta: of (epsilon, delta)-DP, in [0, 1).
      unit: whose presence the budget protects.
      relation: what a neighbour is; ``require_counts`` says which events speak of it.
      order: of the Renyi filter that counts, > 1, infinite for the plain sum; None if none does.
        It is fixed before the first turn and kept for good, as the filter's proof asks (Feldman &
        Zrnic 2021).
    """

    epsilon: float
    delta: float
    unit: Unit
    relation: Relation
    order: float | None = None

    def __post_init__(self) -> None:
        if self.epsilon != math.inf:
            require_positive(epsilon=self.epsilon)
        if not 0 <= self.delta < 1:
            raise ValueError(f"delta must be in [0, 1), got {self.delta}")
        if self.order is not None and not self.order > 1:
            raise ValueError(f"order must be > 1, got {self.order}")

    @property
    def counted_by(self) -> str:
        """What counts against it, in words."""
        if self.order is None or math.isinf(self.order):
            return "the plain sum"
        return f"a Renyi filter of order {self.order:g}"

    def allows(self, total: float) -> bool:
        """Whether a total loss is within the budget, up to the rounding of one part in 10^9."""
        return total <= self.epsilon * (1 + _ROUNDING)

    def require_counts(self, events: Sequence[Event]) -> None:
        """Raises ValueError if an event says nothing about this budget's neighbours.

        What hides a participant, whatever her data become, hides each of her records under every
        relation, unless only a sample of the participants took part: that one answers for records
        under "replace" alone. What hides a record hides no participant. A plain release is about
        everybody.
        """
        for event in events:
            if isinstance(event, PlainSelection | PlainValues):
                continue
            if event.unit == self.unit:
                is_answered = event.relation == self.relation
            else:
                is_sampled = isinstance(event, GaussianSteps) and event.sampling_rate < 1
                is_answered = self.unit == "record" and (
                    self.relation == "replace" or not is_sampled
                )
            if not is_answered:
                raise ValueError(
                    f"a budget for each {self.unit} under the relation {self.relation} cannot "
                    f"count a release for each {event.unit} under {event.relation}"
                )


class BudgetExhausted(Exception):
    """An upload would cost more than is left; it was not charged and nothing of it may leave.

    Attributes:
      participant: whose upload it was.
      spent: epsilon so far, without this upload.
      budget: epsilon in all.
      cost: epsilon that this upload would add.
    """

    def __init__(self, participant: int, spent: float, budget: float, cost: float) -> None:
        super().__init__(participant, spent, budget, cost)  # what it is built of after a pickle
        self.participant = participant
        self.spent = spent
        self.budget = budget
        self.cost = cost

    def __str__(self) -> str:
        return (
            f"participant {self.participant} has spent epsilon {_told(self.spent)} of "
            f"{_told(self.budget)} and this upload costs {_told(self.cost)}; nothing was sent"
        )


def _told(epsilon: float) -> str:
    return "infinity" if math.isinf(epsilon) else f"{epsilon:.6g}"
