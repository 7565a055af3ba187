"""How far a run is: what is done, how long that took, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tithe.engines.loop import places_of_turns
from tithe.parties.phase import Phase
from tithe.progress import Progress
from tithe.verdict import Outcome


class RunPace:
    """Counts rows trained on, since turns differ in size; over all resumptions of a run.

    Args:
      phases: of the run, in their order.
      clock: seconds that only grow.
    """

    def __init__(
        self, phases: Sequence[Phase], *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        ends = [(phase, places_of_turns(phase)) for phase in phases]
        self._num_turns = {phase.name: len(places) for phase, places in ends}
        self._num_rows = sum(
            len(phase.participants[place].shard) for phase, places in ends for place in places
        )
        self._num_phases = len(phases)
        self._clock = clock
        self._begun = clock()
        self._seconds_before = 0.0
        self.rows_done = 0.0
        self._rows_done_here = 0.0

    @property
    def seconds(self) -> float:
        """Wall time of the run so far."""
        return self._seconds_before + self._clock() - self._begun

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this process; None before its first turn."""
        if not self._rows_done_here:
            return None
        seconds_here = self._clock() - self._begun
        return max(0.0, self._num_rows - self.rows_done) * seconds_here / self._rows_done_here

    def progress(self, phase: Phase, outcome: Outcome, *, phases_done: int) -> Progress:
        """How far the run is in a phase that has come to this so far."""
        return Progress(
            phase=phase.name,
            phases_done=phases_done,
            num_phases=self._num_phases,
            turn=outcome.num_turns,
            num_turns=self._num_turns[phase.name],
            round=outcome.round,
            rounds=phase.rounds,
            accuracy=outcome.accuracy,
            loss=outcome.loss,
            bytes_up=outcome.bytes_up,
            bytes_down=outcome.bytes_down,
            seconds_left=self.seconds_left,
        )

    def go_on(self, *, seconds: float, rows_done: float) -> None:
        """Takes up where an earlier process stood."""
        self._seconds_before, self.rows_done = seconds, rows_done

    def passed(self, num_rows: int) -> None:
        """A turn on so many rows is over."""
        self.rows_done += num_rows
        self._rows_done_here += num_rows
