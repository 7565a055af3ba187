"""Turns that are taken in another process than the one that holds the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from tithe.parties.participant import Participant
from tithe.privacy.events import Event
from tithe.privacy.ledger import Ledger


def charged_ahead(ledger: Ledger, participant: Participant, *, turn: int) -> float:
    """Charges what a turn is known to cost before it begins; 0 if only the turn itself can tell.

    Raises:
      BudgetExhausted: the turn must not begin.
    """
    if participant.cost is None:
        return 0.0
    return ledger.charge(participant=participant.number, turn=turn, events=list(participant.cost))


@dataclass(frozen=True)
class Paid:
    """Stands for the ledger where a turn is taken that was charged ahead."""

    epsilon: float

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """What the participant had spent when the turn was charged, this turn included."""
        return self.epsilon
