"""The ledger: nothing leaves a participant before what it costs has been charged here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from tithe.checks import BadInput, require_at_least
from tithe.privacy.budget import Budget, BudgetExhausted
from tithe.privacy.condensed import condensed
from tithe.privacy.events import Event, PlainSelection, PlainValues, event_of, row_of

__all__ = [
    "Budget",
    "BudgetExhausted",
    "BudgetLedger",
    "Gate",
    "Ledger",
    "Rows",
    "TallyLedger",
    "as_begun",
    "begun_order",
]

Gate = Callable[[Sequence[Event]], float]
"""The epsilon of everything charged to one participant, in any order, at the budget's delta.

It counts for the budget's unit, which may be narrower than an event's own. It must stay a valid
bound when later events are chosen by looking at what earlier ones released, as a Renyi filter at a
fixed order and a plain sum are and a privacy-loss distribution is not. More events never cost less.
"""


KIND = "ledger"
"""What the journal calls itself in which charges last."""


class Ledger(Protocol):
    """Where a participant's turn is charged; refusing (raising) means that nothing leaves."""

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Charges one turn and returns the participant's epsilon so far, this turn included."""
        ...


class Rows(Protocol):
    """Where a ledger's rows last; ``append`` returns once the row cannot be lost any more."""

    def append(self, row: Mapping[str, object]) -> int:
        """Adds a row of plain data; if it raises, the row may be there or not."""
        ...

    def rows(self) -> list[dict[str, Any]]:
        """All rows in their order."""
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
        total = self._epsilon.get(participant, 0.0) + _plain_epsilon(events)
        self._epsilon[participant] = total
        return total


class BudgetLedger:
    """Charges each participant's turns against a budget and writes them down before they leave.

    Guarantee: what the participants released while this ledger was asked first, in every run whose
    rows it holds, costs each of them at most ``budget.epsilon`` as ``gate`` counts, at
    ``budget.delta``, for ``budget.unit`` and ``budget.relation``; also if the process is killed at
    any point, since the row lasts before ``charge`` returns. If the limit was once higher, the
    higher one counts. A crash may waste budget and never refunds it.
    Precondition: a participant's number stands for the same data in every row, which is what the
    fingerprint of a journal is for; and ``gate`` is valid for events chosen on the way.
    Not covered: who sees that a turn was refused learns that the budget is spent, which depends on
    the events and not on the data.

    With **simulated** noise, a turn that was charged and is played again after a crash draws the
    very same noise from its named stream and releases the very same numbers, so it costs nothing
    more: the row of this run, participant and turn is found again. With **deployed** noise each
    attempt draws fresh noise and is a release of its own, whether its bytes arrived or not, so each
    attempt is charged, a repeated turn too.

    Args:
      rows: where the rows last, e.g. a ``Journal``; those already there are counted first.
      budget: the limit of each participant, and its terms.
      gate: what all events of one participant cost at ``budget.delta``, e.g. the ``epsilon_of``
        of an ``RdpFilter`` with the budget's delta, order and unit.
      run: names the run that charges; two different runs never share a name.
      is_simulated: whether the noise comes from named streams, as in a simulation.
    Raises:
      BadInput: the rows there were counted on other terms, or are no ledger's.
    Source: Rogers, Roth, Ullman & Vadhan 2016 (filters); Feldman & Zrnic 2021 (Renyi filters).
    """

    def __init__(
        self, rows: Rows, *, budget: Budget, gate: Gate, run: str, is_simulated: bool
    ) -> None:
        self._rows = rows
        self._budget = budget
        self._gate = gate
        self._run = run
        self._noise = "simulated" if is_simulated else "deployed"
        self._events: dict[int, list[Event]] = {}
        self._condensed: dict[int, list[Event]] = {}  # the same, as the gate is asked
        self._total: dict[int, float] = {}
        self._charged: dict[tuple[str, int, int, str], tuple[int, int]] = {}  # key -> its events
        for number, row in enumerate(rows.rows(), start=1):
            self._take_in(row, where=f"row {number} of the ledger")

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Writes the turn down if the budget allows it; only what returns here may leave.

        Args:
          participant: who wants to share.
          turn: that participant's turn.
          events: all that its upload releases, in order.
        Returns:
          The participant's epsilon so far, this turn included; for a turn of a simulation that is
          played again, what it was at that turn.
        Raises:
          BudgetExhausted: it would cost too much; nothing was written and nothing may leave.
          BadInput: the turn was charged before, in the same simulated run, for other events.
          ValueError: an event is about other neighbours than the budget.
          Exception: whatever ``rows.append`` raises; then nothing may leave, though it may count.
        """
        self._budget.require_counts(events)
        found = self._charged.get((self._run, participant, turn, self._noise))
        if found and self._noise == "simulated":
            start, end = found
            history = self._events[participant]
            if history[start:end] != events:
                raise BadInput(
                    f"turn {turn} of participant {participant} was charged for other releases in "
                    f"run {self._run}; a run that is changed needs a name of its own"
                )
            return self._gate(condensed(history[:end]))
        spent, total = self.total(participant), self._total_with(participant, events)
        if not self._budget.allows(total):
            cost = total - spent if math.isfinite(total) else self._gate(events)
            raise BudgetExhausted(
                participant=participant, spent=spent, budget=self._budget.epsilon, cost=cost
            )
        row = self._row(participant, turn, events)
        self._rows.append(row)
        self._take_in(row, where="the row just written")
        self._total[participant] = total
        return total

    def total(self, participant: int) -> float:
        """The participant's epsilon so far, over all runs in this ledger."""
        if participant not in self._total:
            self._total[participant] = self._total_with(participant, [])
        return self._total[participant]

    def totals(self) -> dict[int, float]:
        """The epsilon so far of everybody who was ever charged."""
        return {participant: self.total(participant) for participant in sorted(self._events)}

    def events_of(self, participant: int) -> tuple[Event, ...]:
        """All that the participant was charged for, in order, for an accountant that reports."""
        return tuple(self._events.get(participant, []))

    def cost_of_next(self, participant: int, events: Sequence[Event]) -> float:
        """How much the participant's epsilon would grow by these events; nothing is charged."""
        return self._total_with(participant, events) - self.total(participant)

    def num_turns_left(
        self, participant: int, events: Sequence[Event], *, at_most: int = 10_000
    ) -> int:
        """How many more turns with these events the budget allows; nothing is charged.

        Args:
          participant: who asks.
          events: of each of these turns.
          at_most: where the search ends; it is the answer if the budget allows as many.
        """
        require_at_least(0, at_most=at_most)

        def fits(num_turns: int) -> bool:
            repeated = condensed(events, times=num_turns)
            return self._budget.allows(self._total_with(participant, repeated))

        fit, too_many = 0, 1  # double until it is too many, then halve the gap
        while too_many <= at_most and fits(too_many):
            fit, too_many = too_many, 2 * too_many
        too_many = min(too_many, at_most + 1)
        while too_many - fit > 1:
            middle = (fit + too_many) // 2
            fit, too_many = (middle, too_many) if fits(middle) else (fit, middle)
        return fit

    def _total_with(self, participant: int, events: Sequence[Event]) -> float:
        return self._gate(condensed([*self._condensed.get(participant, []), *events]))

    def _row(self, participant: int, turn: int, events: Sequence[Event]) -> dict[str, object]:
        return {
            "run": self._run,
            "participant": participant,
            "turn": turn,
            "noise": self._noise,
            **_terms(self._budget),
            "events": [row_of(event) for event in events],
        }

    def _take_in(self, row: Mapping[str, Any], *, where: str) -> None:
        """Counts one row that lasts."""
        try:
            events = [event_of(event) for event in row["events"]]
            key = (row["run"], row["participant"], row["turn"], row["noise"])
            terms = {name: row[name] for name in _terms(self._budget)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{where} is none that this version can count") from error
        for name, wanted in _terms(self._budget).items():
            if terms[name] != wanted:
                raise BadInput(
                    f"{where} was counted with {name} {terms[name]}, and the budget says {wanted}; "
                    f"a ledger keeps its {name}, so set the budget's to the ledger's"
                )
        own = self._events.setdefault(row["participant"], [])
        self._charged[key] = (len(own), len(own) + len(events))
        own += events
        before = self._condensed.get(row["participant"], [])
        self._condensed[row["participant"]] = condensed([*before, *events])
        self._total.pop(row["participant"], None)


def begun_order(rows: Rows) -> float | None:
    """The order of the Renyi filter that these rows were counted with; None if there is none.

    Who opens a ledger again asks for it, since a filter keeps the order it began with.
    """
    order = next((row.get("order") for row in rows.rows()), None)
    return None if order is None else float(order)  # "inf" is a number to Python


def as_begun(budget: Budget, rows: Rows) -> Budget:
    """The budget with the order of the filter that these rows were counted with, if any."""
    order = begun_order(rows)
    return budget if order is None else replace(budget, order=order)


def _terms(budget: Budget) -> dict[str, object]:
    """What every row of one ledger has in common."""
    return {
        "unit": budget.unit,
        "relation": budget.relation,
        "delta": budget.delta,
        "order": "inf" if budget.order == math.inf else budget.order,  # JSON has no infinity
    }


def _plain_epsilon(events: Sequence[Event]) -> float:
    """0 for nothing and infinity for a plain release; a count of noise needs a ``Gate``."""
    for event in events:
        if not isinstance(event, PlainSelection | PlainValues):
            raise TypeError(f"a tally counts plain releases only, got {type(event).__name__}")
    return math.inf if events else 0.0
