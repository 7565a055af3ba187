"""A participant's own ledger: one journal for its data, whatever run or number it is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tithe.federation.frames import LedgerMark
from tithe.parties.participant import Participant
from tithe.privacy.budget import Budget
from tithe.privacy.events import Event
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import KIND, BudgetLedger, as_begun
from tithe.storage.journal import Journal

WITHOUT_LIMIT = Budget(math.inf, 0.0, "participant", "zero_out", math.inf)


class OwnLedger:
    """A ``Ledger`` that charges every turn of one participant to the journal of its data.

    The rows carry the number that the journal began with, so that a run that calls the same data by
    another number goes on with the same total.

    Guarantee: that of ``BudgetLedger``; plain sharing, which has no budget, is written down too.

    Args:
      path: of the journal; made where there is none.
      participant: whose rows and budget.
      run: names the run.
    Raises:
      BadInput: it is of other data, was counted on other terms, is damaged, or is held.
    """

    def __init__(self, path: Path, participant: Participant, *, run: str) -> None:
        self._journal = Journal.open(
            path, kind=KIND, fingerprint=participant.shard.fingerprint(), wait_seconds=10.0
        )
        try:
            budget = as_begun(participant.budget or WITHOUT_LIMIT, self._journal)
            rows = self._journal.rows()
            self._number = rows[0]["participant"] if rows else participant.number
            is_private = participant.budget is not None
            self._ledger = BudgetLedger(
                self._journal,
                budget=budget,
                gate=gate_of(budget),
                run=run,
                is_simulated=is_private and not participant.has_secure_noise,
            )
        except BaseException:
            self._journal.close()
            raise

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Charges one turn, on the disk before it returns; gives the epsilon so far.

        Raises:
          BudgetExhausted: it would cost too much; nothing was written and nothing may leave.
        """
        return self._ledger.charge(participant=self._number, turn=turn, events=events)

    @property
    def mark(self) -> LedgerMark:
        """The last row, as the server is told of it."""
        sequence, digest = self._journal.last
        return LedgerMark(sequence, bytes.fromhex(digest))

    @property
    def epsilon(self) -> float:
        """What all turns so far have cost."""
        return self._ledger.total(self._number)

    def num_turns_left(self, cost: Sequence[Event], *, at_most: int) -> int:
        """How many more turns of this cost fit into the budget; nothing is charged."""
        return self._ledger.num_turns_left(self._number, cost, at_most=at_most)

    def require_reached(self, mark: LedgerMark) -> None:
        """Refuses to go on if the journal lacks a row that the server has acknowledged.

        Raises:
          DamagedJournal: an older copy was put back, or the journal was begun anew.
        """
        if mark.sequence:
            self._journal.require_reached(mark.sequence, mark.digest.hex())

    def close(self) -> None:
        """Lets others open the journal."""
        self._journal.close()
