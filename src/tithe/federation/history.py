"""What a server saw over time: one line an upload and one a measurement, for people to look at."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tithe.federation.frames import Upload
from tithe.sharing.update import SparseUpdate

_MOST_BYTES = 1 << 20  # of a file, from its end: about seven thousand lines


@dataclass(frozen=True)
class Seen:
    """One upload that was applied, as far as a server may tell of it.

    Attributes:
      at: when, seconds since 1970.
      participant, turn, round: whose, which, and in which round it came.
      entries, bytes: how much it held.
      length: L2 norm of its values.
      staleness: updates that were applied between its download and itself.
    """

    at: float
    participant: int
    turn: int
    round: int
    entries: int
    bytes: int
    length: float
    staleness: int


@dataclass(frozen=True)
class Measured:
    """The joint model on the server's own rows.

    Attributes:
      at: when, seconds since 1970.
      round, uploads: after which round, and after how many uploads that this server applied.
      accuracy, loss: on those rows.
    """

    at: float
    round: int
    uploads: int
    accuracy: float
    loss: float


_Line = TypeVar("_Line", Seen, Measured)


class History:
    """Two files of lines in a folder. No line is synced: they are to be looked at, not relied on.

    A disk that refuses a line costs the line; what must last is in the store.

    Args:
      folder: exists, for its owner alone.
      now: the wall clock, seconds since 1970.
    """

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._uploads = folder / "uploads.jsonl"
        self._measured = folder / "measured.jsonl"
        self._now = now

    def uploaded(
        self, upload: Upload, update: SparseUpdate, *, round_: int, staleness: int
    ) -> None:
        """Adds an upload that was applied."""
        line = Seen(
            at=self._now(),
            participant=upload.participant,
            turn=upload.turn,
            round=round_,
            entries=len(update),
            bytes=len(upload.payload),
            length=float(update.values.double().norm()),
            staleness=staleness,
        )
        add_line(self._uploads, asdict(line))

    def measured(self, *, round_: int, uploads: int, accuracy: float, loss: float) -> None:
        """Adds a measurement."""
        add_line(self._measured, asdict(Measured(self._now(), round_, uploads, accuracy, loss)))

    def uploads(self) -> list[Seen]:
        """The last uploads, in order; thousands at most."""
        return _as(Seen, last_lines(self._uploads))

    def measurements(self) -> list[Measured]:
        """The last measurements, in order; thousands at most."""
        return _as(Measured, last_lines(self._measured))


def add_line(path: Path, line: dict[str, Any]) -> bool:
    """Adds one JSON object to a file of mode 0600; whether the disk took it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError:
        return False
    return True


def last_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines at the end of a file, at most a megabyte of them; none without a file.

    A line that a full disk or a kill cut short is left out.
    """
    try:
        with path.open("rb") as file:
            start = max(0, path.stat().st_size - _MOST_BYTES)
            file.seek(start)
            content = file.read(_MOST_BYTES)
    except OSError:
        return []
    first, *rest = content.rpartition(b"\n")[0].split(b"\n")
    return [found for line in ([] if start else [first]) + rest if (found := _object(line))]


def _as(kind: type[_Line], lines: list[dict[str, Any]]) -> list[_Line]:
    """The lines that have just the fields of their kind."""
    names = {field.name for field in fields(kind)}
    return [kind(**line) for line in lines if line.keys() == names]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
