"""The loop every engine shares: it plays the schedule's moves against one server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from torch import Tensor

from tithe.parties.participant import Turn
from tithe.parties.phase import Phase, schedule_of, server_of
from tithe.parties.schedule import Move
from tithe.parties.server import Download


class Engine(Protocol):
    """Takes turns somewhere; between ``start`` and ``finish`` nobody waits for the result."""

    def start(self, place: int, download: Download) -> None:
        """Begins the turn of the participant at this place."""

    def finish(self, place: int) -> Turn:
        """What came of it; waits until it is there."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """All that a restart needs: tensors, and plain data for JSON."""
        ...

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""

    def close(self) -> None:
        """Lets go of processes and shared memory."""


@dataclass(frozen=True)
class Happening:
    """What one move came to.

    Attributes:
      move: the move.
      position: how many moves are done, this one included.
      turn: for ``finish``, the turn.
      bytes_down, num_downloaded: what this turn's download cost.
      staleness: uploads of others that came between this turn's download and its upload.
      engine_seconds: wall time of this turn that was not training.
    """

    move: Move
    position: int
    turn: Turn | None = None
    bytes_down: int = 0
    num_downloaded: int = 0
    staleness: int = 0
    engine_seconds: float = 0.0


@dataclass
class _Fetch:
    """What a turn's beginning cost, kept until its end."""

    bytes_down: int
    num_downloaded: int
    seconds: float


class Training:
    """One phase under way: a server, an engine, and how far the schedule has been played."""

    def __init__(self, phase: Phase, engine: Engine):
        self.phase = phase
        self.engine = engine
        self.position = 0
        self.server = server_of(phase)
        self._fetched: dict[int, _Fetch] = {}

    def play(self) -> Iterator[Happening]:
        """Plays what is left of the schedule; between two happenings the state is consistent."""
        for move in islice(schedule_of(self.phase), self.position, None):
            happening = Happening(move, self.position + 1)
            if move.kind == "start":
                self._start(move)
            elif move.kind == "finish":
                happening = self._finish(move)
            elif move.kind == "leave":
                fetch = self._fetched.pop(move.participant)
                happening = Happening(
                    move, self.position + 1, None, fetch.bytes_down, fetch.num_downloaded
                )
            else:
                self.server.end_round()
            self.position += 1
            yield happening

    def _start(self, move: Move) -> None:
        begun = time.perf_counter()
        participant = self.phase.participants[move.participant]
        download = self.server.download(
            participant.number, theta_d=participant.theta_d, values=participant.download_format
        )
        self._fetched[move.participant] = _Fetch(
            len(download.payload), len(download.overwrite), time.perf_counter() - begun
        )
        if not move.is_lost:
            self.engine.start(move.participant, download)

    def _finish(self, move: Move) -> Happening:
        turn = self.engine.finish(move.participant)
        fetch = self._fetched.pop(move.participant)
        begun = time.perf_counter()
        staleness = 0
        if turn.status == "shared":
            number = self.phase.participants[move.participant].number
            staleness = self.server.upload(number, turn=turn.number, payload=turn.payload)
        seconds = fetch.seconds + turn.own_seconds + time.perf_counter() - begun
        return Happening(
            move,
            self.position + 1,
            turn,
            fetch.bytes_down,
            fetch.num_downloaded,
            staleness,
            seconds,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """All that a restart needs: tensors, and plain data for JSON."""
        server_tensors, server_plain = self.server.state()
        engine_tensors, engine_plain = self.engine.state()
        tensors = {f"server.{name}": tensor for name, tensor in server_tensors.items()}
        tensors |= {f"engine.{name}": tensor for name, tensor in engine_tensors.items()}
        plain: dict[str, object] = {
            "position": self.position,
            "server": server_plain,
            "engine": engine_plain,
            "fetched": [
                [place, fetch.bytes_down, fetch.num_downloaded]
                for place, fetch in sorted(self._fetched.items())
            ],
        }
        return tensors, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""
        position, fetched = plain["position"], plain["fetched"]
        server, engine = plain["server"], plain["engine"]
        assert isinstance(position, int) and isinstance(fetched, list)
        assert isinstance(server, dict) and isinstance(engine, dict)
        self.position = position
        self._fetched = {place: _Fetch(size, count, 0.0) for place, size, count in fetched}
        self.server.restore(_under("server.", tensors), server)
        self.engine.restore(_under("engine.", tensors), engine)


def places_of_turns(phase: Phase) -> list[int]:
    """Whose turn ends, for every turn of a phase, those of who leaves in the middle included."""
    ends = ("finish", "leave")
    return [move.participant for move in schedule_of(phase) if move.kind in ends]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
