"""What the server keeps on disk: everything that happened to its parameters, in order."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from tithe.checks import BadInput
from tithe.federation.owned import Passing, owned_folder, unwatched
from tithe.storage import load_tensors, save_tensors
from tithe.storage.disk import is_full
from tithe.storage.lock import FileLock

Kind = Literal["start", "upload", "drop", "forget", "end_round"]

_FORMAT = 1
_SCHEMA = """
CREATE TABLE about (format INTEGER NOT NULL, run BLOB NOT NULL, plan_hash BLOB NOT NULL);
CREATE TABLE entry (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, participant INTEGER NOT NULL,
  turn INTEGER NOT NULL, position INTEGER NOT NULL, round INTEGER NOT NULL,
  ledger_sequence INTEGER NOT NULL, ledger_digest BLOB NOT NULL,
  payload_digest BLOB NOT NULL, payload BLOB);
CREATE UNIQUE INDEX applied_once ON entry (participant, turn) WHERE kind = 'upload';
CREATE TABLE snapshot (number INTEGER PRIMARY KEY, digest BLOB NOT NULL);
"""
_COLUMNS = (
    "kind, participant, turn, position, round, ledger_sequence, ledger_digest, "
    "payload_digest, payload"
)
_KEPT_SNAPSHOTS = 2  # should the newest be damaged, the one before it and the entries since do


@dataclass(frozen=True)
class Entry:
    """One thing that happened to the joint parameters or to who has which of them.

    Attributes:
      kind: a download was made; an upload was accepted; a turn ended with nothing; a participant
        has lost its parameters; a round ended.
      participant, turn: whose; -1 for a round.
      position: how many moves of the schedule are done once this happened.
      round: in which round.
      ledger_sequence, ledger_digest: of an upload, the mark of its participant's ledger.
      payload: of an upload, its codec bytes; ``b""`` otherwise.
    """

    kind: Kind
    participant: int = -1
    turn: int = -1
    position: int = 0
    round: int = 0
    ledger_sequence: int = 0
    ledger_digest: bytes = b""
    payload: bytes = b""


class UploadStore:
    """An SQLite file of entries, and snapshots that make the older ones unneeded.

    Guarantee: an entry is on the disk before ``append`` returns, whole or not at all; one turn of a
    participant is in it once. ``newest_snapshot`` and ``entries_after`` it are all that happened.
    Payloads that two snapshots cover are removed; the rest of their entries stays for audits.
    One process at a time has it open. Make one with ``open``.
    """

    def __init__(self, directory: Path, lock: FileLock, passing: Passing) -> None:
        self._directory = directory
        self._lock = lock
        self._passing = passing
        self._connection = sqlite3.connect(
            directory / "uploads.sqlite", isolation_level=None, timeout=5.0
        )
        self.number = 0  # of the last entry

    @classmethod
    def open(
        cls, directory: Path, *, run: bytes, plan_hash: bytes, passing: Passing = unwatched
    ) -> UploadStore:
        """Opens the store of a run, or begins one where there is none.

        Raises:
          BadInput: it is another run's or plan's, is damaged, is held, or cannot be written.
        """
        lock = FileLock.take(owned_folder(directory) / "uploads.lock")
        store = cls(directory, lock, passing)
        try:
            with store._told():
                store._prepare(run, plan_hash)
        except BaseException:
            store.close()
            raise
        return store

    def append(self, entry: Entry) -> int:
        """Adds an entry and returns its number (1, 2, ...) once it is on the disk.

        Raises:
          BadInput: the disk refused; the entry is not there and the store goes on.
        """
        number = self.number + 1
        digest = hashlib.sha256(entry.payload).digest()
        self._passing(f"before {entry.kind}")
        with self._told():
            self._connection.execute(
                f"INSERT INTO entry (number, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (
                    number,
                    entry.kind,
                    entry.participant,
                    entry.turn,
                    entry.position,
                    entry.round,
                    entry.ledger_sequence,
                    entry.ledger_digest,
                    digest,
                    entry.payload,
                ),
            )
        self.number = number
        self._passing(f"after {entry.kind}")
        return number

    def entries_after(self, number: int) -> Iterator[Entry]:
        """All entries after this one, in order, their payloads checked.

        Raises:
          BadInput: one is missing, was pruned, or is not what was written.
        """
        with self._told():
            rows = self._connection.execute(
                f"SELECT number, {_COLUMNS} FROM entry WHERE number > ? ORDER BY number",  # noqa: S608
                (number,),
            )
            for found, *fields, digest, payload in rows:
                number += 1
                is_whole = payload is not None and hashlib.sha256(payload).digest() == digest
                if found != number or not is_whole:
                    raise BadInput(
                        f"{self._directory} is damaged at entry {number}; restore a copy of it"
                    )
                yield _entry_of(fields, payload)

    def history(self) -> list[tuple[Entry, bytes]]:
        """Every entry from the first, with its payload's SHA-256; a pruned payload is empty."""
        with self._told():
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM entry ORDER BY number"  # noqa: S608
            ).fetchall()
        return [(_entry_of(fields, payload or b""), digest) for *fields, digest, payload in rows]

    def save_snapshot(self, tensors: dict[str, Tensor], plain: object) -> None:
        """Keeps the state after the last entry, then removes what is not needed any more."""
        number = self.number
        path = self._path(number)
        save_tensors(path, tensors, plain)
        self._passing("snapshot written")
        with self._told():
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?)", (number, _digest_of(path))
            )
            self._passing("snapshot noted")
            kept = self._snapshots()[:_KEPT_SNAPSHOTS]
            if len(kept) == _KEPT_SNAPSHOTS:
                self._connection.execute(
                    "UPDATE entry SET payload = NULL WHERE number <= ? AND payload IS NOT NULL",
                    (kept[-1][0],),
                )
                self._connection.execute("DELETE FROM snapshot WHERE number < ?", (kept[-1][0],))
        self._passing("payloads pruned")
        needed = {self._path(each) for each, _ in kept}
        for old in self._directory.glob("snapshot-*.safetensors"):
            if old not in needed:
                old.unlink(missing_ok=True)

    def newest_snapshot(self) -> tuple[int, dict[str, Tensor], object] | None:
        """The newest snapshot that is whole, with the number of the last entry in it."""
        for number, digest in self._snapshots():
            path = self._path(number)
            if path.exists() and _digest_of(path) == digest:
                return number, *load_tensors(path)
        return None

    def last_payloads(self, count: int) -> list[bytes]:
        """The payloads of the last uploads that are still there, at most so many, oldest first."""
        with self._told():
            rows = self._connection.execute(
                "SELECT payload FROM entry WHERE kind = 'upload' AND payload IS NOT NULL "
                "ORDER BY number DESC LIMIT ?",
                (count,),
            ).fetchall()
        return [payload for (payload,) in reversed(rows)]

    def payload_digests(self) -> list[tuple[int, int, bytes]]:
        """Participant, turn and SHA-256 of every upload accepted so far, in order; for audits."""
        with self._told():
            return self._connection.execute(
                "SELECT participant, turn, payload_digest FROM entry WHERE kind = 'upload' "
                "ORDER BY number"
            ).fetchall()

    def close(self) -> None:
        """Folds the newest entries into the one file and lets others open it."""
        try:
            self._connection.close()
        finally:
            self._lock.release()

    def _prepare(self, run: bytes, plan_hash: bytes) -> None:
        connection = self._connection
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise BadInput(f"{self._directory} lies where SQLite keeps no log; choose a disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA secure_delete = ON")  # not every build overwrites what is pruned
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        found = connection.execute("SELECT format, run, plan_hash FROM about").fetchall()
        if not found:
            found = [(_FORMAT, run, plan_hash)]
            connection.execute("INSERT INTO about VALUES (?, ?, ?)", found[0])
        if found != [(_FORMAT, run, plan_hash)]:
            raise BadInput(
                f"{self._directory} is the store of another run or plan; choose another directory"
            )
        (self.number,) = connection.execute("SELECT COALESCE(MAX(number), 0) FROM entry").fetchone()

    def _snapshots(self) -> list[tuple[int, bytes]]:
        """Number and digest of every snapshot noted, newest first."""
        return self._connection.execute(
            "SELECT number, digest FROM snapshot ORDER BY number DESC"
        ).fetchall()

    def _path(self, number: int) -> Path:
        return self._directory / f"snapshot-{number:010d}.safetensors"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if is_full(error):
                raise BadInput(
                    f"the disk of {self._directory} is full; nothing was accepted that is not "
                    "there; make room and start again"
                ) from error
            raise BadInput(f"{self._directory} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise BadInput(f"{self._directory} is damaged or refuses this: {error}") from error


def run_of(directory: Path) -> tuple[bytes, bytes] | None:
    """Identity and plan hash of the run whose store lies here; None if there is none."""
    path = directory / "uploads.sqlite"
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("SELECT run, plan_hash FROM about").fetchone()
        except sqlite3.DatabaseError:
            return None
    return (row[0], row[1]) if row else None


def _entry_of(fields: list[Any], payload: bytes) -> Entry:
    kind, participant, turn, position, round_, ledger_sequence, ledger_digest = fields
    return Entry(kind, participant, turn, position, round_, ledger_sequence, ledger_digest, payload)


def _digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
