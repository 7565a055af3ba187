"""The record: what a run leaves in its directory, line by line, so that it survives any stop."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from tithe.checks import BadInput
from tithe.record_lines import (
    EvaluationLine,
    TurnLine,
    line_from_json,
    object_from_json,
    to_json,
)

__all__ = [
    "EvaluationLine",
    "RunRecord",
    "RunWriter",
    "TurnLine",
    "read_run",
    "write_atomically",
]

PLAN = "plan.toml"
ABOUT = "about.json"
TURNS = "turns.jsonl"
EVALUATIONS = "evaluations.jsonl"
SUMMARY = "summary.json"

_Line = TypeVar("_Line", TurnLine, EvaluationLine)


class RunWriter:
    """Writes one run's record; every line is complete on return or not there at all.

    A line reaches the operating system before the call returns, so a killed process loses none;
    ``sync`` makes them survive a power cut too, and belongs before a checkpoint that counts them.
    Make one with ``create`` or ``reopen``.
    """

    def __init__(self, directory: Path, *, num_turns: int, num_evaluations: int) -> None:
        self.directory = directory
        self.num_turns = num_turns
        self.num_evaluations = num_evaluations
        # Unbuffered: what is written is out, and no half line waits in a buffer for a crash.
        self._turns = (directory / TURNS).open("ab", buffering=0)
        self._evaluations = (directory / EVALUATIONS).open("ab", buffering=0)

    @classmethod
    def create(cls, directory: Path, *, plan_toml: str, about: Mapping[str, object]) -> RunWriter:
        """Starts a record in a directory that holds none yet; makes the directory.

        Args:
          directory: where; nothing of ours is left there if this raises.
          plan_toml: the plan as used, every key resolved.
          about: who, when, where and on what: the content of ``about.json``.
        Raises:
          BadInput: the directory already holds a run, is a file, or cannot be written.
        """
        if directory.exists() and not directory.is_dir():
            raise BadInput(f"{directory} is a file; a run needs a directory of its own")
        for name in (PLAN, ABOUT, TURNS, EVALUATIONS, SUMMARY):
            if (directory / name).exists():
                raise BadInput(
                    f"{directory} already holds a run ({name}); "
                    "choose another directory, or resume the run that is there"
                )
        about_json = to_json(about, indent=2)  # before anything is written: it may raise
        files = {TURNS: b"", EVALUATIONS: b"", PLAN: plan_toml.encode(), ABOUT: about_json}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                write_atomically(directory / name, content)
        except OSError as error:
            for name in files:
                with contextlib.suppress(OSError):
                    (directory / name).unlink()
            raise BadInput(f"{directory} cannot hold a run: {error.strerror}") from error
        return cls(directory, num_turns=0, num_evaluations=0)

    @classmethod
    def reopen(cls, directory: Path, *, num_turns: int, num_evaluations: int) -> RunWriter:
        """Goes on with a record after its first lines; what followed them is cut off.

        A summary is removed: the run is under way again.

        Args:
          directory: of the run.
          num_turns: how many turn lines to keep, as the checkpoint counts them.
          num_evaluations: how many evaluation lines to keep.
        Raises:
          BadInput: the directory holds no run, or fewer whole lines; nothing was changed.
        """
        _require_run(directory)
        keep = [(directory / TURNS, num_turns), (directory / EVALUATIONS, num_evaluations)]
        lengths = [_length_of_lines(path, num_lines) for path, num_lines in keep]
        for (path, _), length in zip(keep, lengths, strict=True):
            with path.open("r+b") as file:
                file.truncate(length)
                os.fsync(file.fileno())
        (directory / SUMMARY).unlink(missing_ok=True)
        return cls(directory, num_turns=num_turns, num_evaluations=num_evaluations)

    def turn(self, line: TurnLine) -> None:
        """Appends one turn."""
        _append(self._turns, asdict(line))
        self.num_turns += 1

    def evaluation(self, line: EvaluationLine) -> None:
        """Appends one measurement."""
        _append(self._evaluations, asdict(line))
        self.num_evaluations += 1

    def sync(self) -> None:
        """Returns when every line so far is on the disk itself."""
        os.fsync(self._turns.fileno())
        os.fsync(self._evaluations.fileno())

    def finish(self, summary: Mapping[str, object]) -> None:
        """Writes ``summary.json`` and closes the record."""
        self.sync()
        write_atomically(self.directory / SUMMARY, to_json(summary, indent=2))
        self.close()

    def close(self) -> None:
        """Closes the files; what was written stays and can be reopened."""
        self._turns.close()
        self._evaluations.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class RunRecord:
    """What a run left, read back; ``summary`` is None if it never came to its end."""

    directory: Path
    plan_toml: str
    about: Mapping[str, Any]
    turns: tuple[TurnLine, ...]
    evaluations: tuple[EvaluationLine, ...]
    summary: Mapping[str, Any] | None

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its planned end."""
        return self.summary is not None and self.summary.get("complete") is True


def read_run(directory: Path) -> RunRecord:
    """Reads a run's record, also of a run that is under way or was killed.

    A last line without its newline was cut off in the writing and is left out. Keys that this
    version does not know are left out too; keys it needs must be there, of the right kind.

    Raises:
      BadInput: the directory holds no run, or a file of it is damaged; it names file and line.
    """
    _require_run(directory)
    summary = directory / SUMMARY
    return RunRecord(
        directory=directory,
        plan_toml=_decode((directory / PLAN).read_bytes(), directory / PLAN),
        about=_read_object(directory / ABOUT),
        turns=tuple(_read_lines(directory / TURNS, TurnLine)),
        evaluations=tuple(_read_lines(directory / EVALUATIONS, EvaluationLine)),
        summary=_read_object(summary) if summary.exists() else None,
    )


def read_about(directory: Path) -> dict[str, Any]:
    """What a run noted of itself before it began: the content of its ``about.json``."""
    _require_run(directory)
    return _read_object(directory / ABOUT)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Puts a whole file in place, or leaves the old one; durable on return.

    Args:
      path: of the file.
      content: all of it.
      mode: who may read and write it, as far as the process's own mask allows.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Makes the directory's own entries durable, where the system can."""
    if os.name == "nt":  # Windows opens no directories
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(file: FileIO, values: Mapping[str, object]) -> None:
    """Appends one JSON line, whole or not at all."""
    line = memoryview(to_json(values))
    start = os.fstat(file.fileno()).st_size
    try:
        while line:
            line = line[file.write(line) :]
    except OSError:  # say, a full disk: a half line must not stand before the next one
        os.ftruncate(file.fileno(), start)
        raise


def _require_run(directory: Path) -> None:
    for name in (ABOUT, PLAN, TURNS, EVALUATIONS):
        if not (directory / name).is_file():
            raise BadInput(f"{directory} holds no run: it has no {name}")


def _length_of_lines(path: Path, num_lines: int) -> int:
    """How many bytes the first num_lines whole lines take."""
    length = 0
    with path.open("rb") as file:
        for found in range(num_lines):
            line = file.readline()
            if not line.endswith(b"\n"):
                raise BadInput(
                    f"{path} has {found} whole lines and the checkpoint counts {num_lines}; "
                    "they do not belong together, so the run cannot be resumed"
                )
            length += len(line)
    return length


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is damaged: it is not UTF-8 text") from error


def _read_object(path: Path) -> dict[str, Any]:
    return object_from_json(_decode(path.read_bytes(), path), where=str(path))


def _read_lines(path: Path, kind: type[_Line]) -> list[_Line]:
    """The whole lines of a file; what stands after the last newline was cut off."""
    whole, newline, _torn = path.read_bytes().rpartition(b"\n")
    lines = _decode(whole, path).split("\n") if newline else []
    return [
        line_from_json(text, kind, where=f"{path}, line {number},")
        for number, text in enumerate(lines, start=1)
    ]
