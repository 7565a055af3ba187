"""Traffic: what each participant sent and received, and which turns shared nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tithe.record import TurnLine

BYTES_OF_A_VALUE = 4  # float32: what a dense exchange sends for each parameter


@dataclass(frozen=True)
class Traffic:
    """Sums over the joint turns, one entry a participant, each of shape ``(participants,)``."""

    bytes_up: NDArray[np.int64]
    bytes_down: NDArray[np.int64]
    entries: NDArray[np.int64]
    num_shared: NDArray[np.int64]
    num_stopped: NDArray[np.int64]
    has_left: NDArray[np.bool_]
    dense_up: int
    dense_down: int

    @property
    def total_up(self) -> int:
        """Bytes sent by all."""
        return int(self.bytes_up.sum())

    @property
    def total_down(self) -> int:
        """Bytes received by all."""
        return int(self.bytes_down.sum())

    @property
    def turns_shared(self) -> int:
        """How many updates were sent."""
        return int(self.num_shared.sum())


@dataclass(frozen=True)
class Silence:
    """The turns in which one participant shared nothing for one reason."""

    participant: int
    status: str
    reason: str
    num_turns: int
    first_round: int


def traffic(turns: Iterable[TurnLine], *, num_participants: int) -> Traffic:
    """Adds up the joint turns.

    Beside them stands the dense exchange: every parameter as a float32, each way, in the same
    turns; up where an update was sent, down where the participant trained.
    """
    columns = np.zeros((5, num_participants), dtype=np.int64)
    has_left = np.zeros(num_participants, dtype=np.bool_)
    dense_up = dense_down = 0
    for line in turns:
        if line.status == "left":
            has_left[line.participant] = True
        shared, stopped = line.status == "shared", line.status in ("stopped", "refused")
        columns[:, line.participant] += (
            line.bytes_up,
            line.bytes_down,
            line.entries,
            shared,
            stopped,
        )
        dense_up += BYTES_OF_A_VALUE * line.size * shared
        dense_down += BYTES_OF_A_VALUE * line.size * (shared or stopped)
    return Traffic(
        bytes_up=columns[0],
        bytes_down=columns[1],
        entries=columns[2],
        num_shared=columns[3],
        num_stopped=columns[4],
        has_left=has_left,
        dense_up=dense_up,
        dense_down=dense_down,
    )


def silences(turns: Iterable[TurnLine]) -> list[Silence]:
    """Who shared nothing, why and how often; by participant."""
    found: dict[tuple[int, str, str], tuple[int, int]] = {}
    for line in turns:
        if line.status != "shared":
            key = (line.participant, line.status, line.reason)
            num_turns, first_round = found.get(key, (0, line.round))
            found[key] = (num_turns + 1, min(first_round, line.round))
    return [Silence(*key, *found[key]) for key in sorted(found)]
