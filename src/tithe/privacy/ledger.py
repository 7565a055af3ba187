"""The ledger: nothing leaves a participant before what it costs has been charged here."""

from __future__ import annotations

from typing import Protocol

from tithe.privacy.events import Event, epsilon_of


class Ledger(Protocol):
    """Where a participant's turn is charged; refusing (raising) means that nothing leaves."""

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Charges one turn and returns the participant's epsilon so far, this turn included."""
        ...


class TallyLedger:
    """Adds up what each participant released, with no budget: plain sharing refuses nothing.

    Guarantee: none of its own. It makes the honest total visible, which is infinity as soon as one
    raw value has left. It lives in memory, so it is for simulation in one process.
    """

    def __init__(self) -> None:
        self._epsilon: dict[int, float] = {}

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Adds the events of this turn to the participant's total and returns it."""
        total = self._epsilon.get(participant, 0.0) + epsilon_of(events)
        self._epsilon[participant] = total
        return total
