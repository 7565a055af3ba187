"""The participants' ledgers on disk: one journal for each, charged before anything leaves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tithe.parties.participant import Participant
from tithe.parties.phase import Phase
from tithe.plan import Plan
from tithe.privacy.accounting import TotalCost, total_cost
from tithe.privacy.condensed import condensed
from tithe.privacy.events import Event
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import KIND, BudgetLedger, as_begun
from tithe.record import read_about
from tithe.storage.journal import Journal

MOST_OPEN = 64  # each takes four file descriptors


class LedgerFolder:
    """A ``Ledger`` for all participants of a simulation, each with a journal of its own.

    A journal is opened with its participant's turn, verified whole, and held alone until it is
    closed: the one that was idle longest when too many are open, all of them by ``close``. One that
    is there already goes on: all runs charged to it add up, in the order of the Renyi filter that
    it began with.

    Guarantee: that of ``BudgetLedger`` for each participant.

    Args:
      folder: of ``participant-<number>.sqlite``.
      participants: those who have a budget.
      run: names the run; two different runs never share a name.
      is_simulated: whether noise comes from named streams.
      wait_seconds: how long to wait for another process that holds a ledger.
    """

    def __init__(
        self,
        folder: Path,
        participants: Iterable[Participant],
        *,
        run: str,
        is_simulated: bool,
        wait_seconds: float = 10.0,
    ) -> None:
        self._folder = folder
        self._participants = {each.number: each for each in participants}
        self._run = run
        self._is_simulated = is_simulated
        self._wait_seconds = wait_seconds
        self._open: dict[int, tuple[Journal, BudgetLedger]] = {}  # the last is the newest in use

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Charges one turn to its participant's ledger; returns the epsilon so far.

        Raises:
          BudgetExhausted: it would cost too much; nothing was written and nothing may leave.
          BadInput: the ledger is of other data, was counted on other terms, is damaged, or another
            process holds it.
        """
        ledger = self._ledger(participant)
        return ledger.charge(participant=participant, turn=turn, events=events)

    def events_of(self, participant: int) -> tuple[Event, ...]:
        """All that a participant was charged for so far."""
        return self._ledger(participant).events_of(participant)

    def spent(self) -> tuple[float | None, dict[str, object]]:
        """What the participant that spent most has spent: its epsilon, and all that the record has.

        None and nothing where nobody has a budget.
        """
        most: TotalCost | None = None
        totals: dict[tuple[Event, ...], TotalCost] = {}
        for number, participant in self._participants.items():
            if participant.budget is None:
                continue
            events = tuple(condensed(self.events_of(number)))
            if events not in totals:  # participants alike cost alike
                budget = participant.budget
                totals[events] = total_cost(events, delta=budget.delta, unit=budget.unit)
            total = totals[events]
            if most is None or total.pld.epsilon > most.pld.epsilon:
                most, relation = total, participant.budget.relation
        if most is None:
            return None, {}
        return most.pld.epsilon, {
            "unit": most.pld.unit,
            "relation": relation,
            "delta": most.pld.delta,
            "epsilon": {cost.accountant: cost.epsilon for cost in (most.pld, most.rdp, most.pure)},
            "naive_epsilon_per_value": most.naive_epsilon_per_value,
        }

    def close(self) -> None:
        """Lets go of all journals."""
        while self._open:
            self._close_idlest()

    def _ledger(self, number: int) -> BudgetLedger:
        if number in self._open:
            self._open[number] = self._open.pop(number)
            return self._open[number][1]
        if len(self._open) >= MOST_OPEN:
            self._close_idlest()
        participant = self._participants[number]
        assert participant.budget is not None
        journal = Journal.open(
            path_of(self._folder, number),
            kind=KIND,
            fingerprint=participant.shard.fingerprint(),
            wait_seconds=self._wait_seconds,
        )
        try:
            budget = as_begun(participant.budget, journal)
            ledger = BudgetLedger(
                journal,
                budget=budget,
                gate=gate_of(budget),
                run=self._run,
                is_simulated=self._is_simulated,
            )
        except BaseException:
            journal.close()
            raise
        self._open[number] = journal, ledger
        return ledger

    def _close_idlest(self) -> None:
        journal, _ = self._open.pop(next(iter(self._open)))
        journal.close()


def ledgers_of(plan: Plan, phase: Phase, directory: Path) -> LedgerFolder:
    """The ledgers of a run's joint phase, in the folder its plan names or in its own."""
    named = Path(plan.run.ledgers).expanduser() if plan.run.ledgers else directory / "ledgers"
    return LedgerFolder(
        named,
        phase.participants,
        run=str(read_about(directory).get("run", plan.digest())),
        is_simulated=plan.privacy.noise == "simulated",
    )


def path_of(folder: Path, number: int) -> Path:
    """Where a participant's ledger lies."""
    return folder / f"participant-{number:04d}.sqlite"
