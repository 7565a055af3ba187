"""Who is there: connected, willing, and not awaited in vain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tithe.checks import require_at_least, require_positive


@dataclass(frozen=True)
class Patience:
    """How long the server waits, and for how many.

    Attributes:
      turn_seconds: for one participant's turn, or for its return; then the others go on without it.
      at_least: with fewer participants present the training waits, however long.
      again_seconds: until an offer that was refused, or a message that failed, is tried again.
      lost_seconds: until a message that nobody answered is left once more.
      look_seconds: between two looks at who is connected.
    """

    turn_seconds: float = 600.0
    at_least: int = 1
    again_seconds: float = 5.0
    lost_seconds: float = 600.0
    look_seconds: float = 0.0

    def __post_init__(self) -> None:
        require_positive(turn_seconds=self.turn_seconds, lost_seconds=self.lost_seconds)
        require_at_least(0, again_seconds=self.again_seconds, look_seconds=self.look_seconds)
        require_at_least(1, at_least=self.at_least)


class Attendance:
    """What is known of the participants' presence; forgotten at a restart and learnt anew.

    Attributes:
      connected: participant number to node id.
      agreed: who takes part in the run.
      ended: who takes no more turns.
      missing: who was awaited in vain and was not heard since.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._begun = clock()
        self._asked_at: dict[int, float] = {}
        self.connected: dict[int, int] = {}
        self.agreed: set[int] = set()
        self.ended: set[int] = set()
        self.missing: set[int] = set()

    def is_here(self, number: int) -> bool:
        """Whether it can take a turn now."""
        return number in self.connected and number in self.agreed and number not in self.ended

    @property
    def num_present(self) -> int:
        """How many can take a turn and are not awaited in vain."""
        return sum(self.is_here(number) for number in self.agreed - self.missing)

    def asked(self, number: int) -> None:
        """Its time begins to run."""
        self._asked_at[number] = self._clock()

    def heard(self, number: int) -> None:
        """It gave a sign of life."""
        self.missing.discard(number)
        self._asked_at[number] = self._clock()

    def is_missing(self, number: int) -> bool:
        """Whether the others go on without it, as enough of them are there.

        One whose time is over is missing until it is heard or, if it owes nothing, connected again.
        """
        if number in self.ended:
            return self._are_enough()
        waited = self._clock() - self._asked_at.get(number, self._begun)
        if waited > self._patience.turn_seconds:
            self.missing.add(number)
        return number in self.missing and self._are_enough()

    def _are_enough(self) -> bool:
        return self.num_present >= self._patience.at_least
