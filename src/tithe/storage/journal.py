"""A journal: rows that are only ever added, each durable when its call returns."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tithe.checks import BadInput
from tithe.record import write_atomically
from tithe.storage.journal_file import (
    DamagedJournal,
    connect,
    empty_journal,
    hash_of,
    make_durable,
    make_private,
    require_header,
    require_schema,
    told,
    verified,
)
from tithe.storage.lock import FileLock
from tithe.storage.reading import Entries, Reading, require_passed, rows_in

__all__ = ["DamagedJournal", "Journal", "Reading"]


class Journal:
    """JSON objects in an SQLite file, in the order in which they were appended.

    A row is committed and synced to the disk before ``append`` returns, so neither a killed
    process nor a power cut takes it back; a row whose ``append`` never returned is there whole or
    not at all. Row n holds SHA-256 of (the hash of row n-1, n, its text); row 0 is the header with
    kind, format, the data's fingerprint and a number drawn once. Opening verifies all of it.

    Guarantee: an edited, removed, inserted or re-ordered row, a cut file and flipped bits are
    found at the next opening. So is an older copy put back, as long as the lock file next to the
    journal, which notes the last row, was left in its place.
    Not covered: the chain has no secret, so whoever may write the files may rewrite all of them or
    put all of them back. ``require_reached`` finds that too, if the last row was told to somebody
    who cannot be made to forget it. While the journal is open, and after a kill, its newest rows
    lie in the file with ``-wal`` at the end of its name; whoever copies one copies both.

    One process at a time has it open. Make one with ``open``.
    """

    def __init__(self, path: Path, lock: FileLock, *, kind: str, fingerprint: str) -> None:
        self.path = path
        self._lock = lock
        self._owner = os.getpid()
        self._is_open = True
        with told(path):
            self._connection = connect(path)
            try:
                require_schema(self._connection, path)
                entries = verified(self._connection, path)
                require_header(path, entries[0][0], kind=kind, fingerprint=fingerprint)
                self._sequence, self._hash = len(entries) - 1, entries[-1][1]
                _require_noted(path, lock, entries)
                make_private(path)
                make_durable(self._connection, path)
            except BaseException:
                self._connection.close()
                raise
        self._identity = path.stat()
        self._note()

    @classmethod
    def open(cls, path: Path, *, kind: str, fingerprint: str, wait_seconds: float = 0.0) -> Journal:
        """Opens a journal and verifies the whole of it, or starts one where there is none.

        Args:
          path: of the SQLite file; ``<path>.lock`` lies next to it. Both are for the owner alone.
          kind: what its rows are, e.g. ``"ledger"``; one word for a sentence.
          fingerprint: of the data it speaks of; the same at every opening.
          wait_seconds: how long to wait for another process to close it.
        Raises:
          DamagedJournal: it is not what was written; the sentence says where.
          BadInput: it is another's: held by a process, of another kind or of other data; or it
            cannot be read or written.
        """
        path = path.resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{path.parent} cannot hold a journal: {error.strerror}") from error
        lock = FileLock.take(path.with_name(f"{path.name}.lock"), wait_seconds=wait_seconds)
        try:
            if not path.exists():
                _require_never_begun(path, lock)
                with told(path):
                    write_atomically(path, empty_journal(kind=kind, fingerprint=fingerprint))
            return cls(path, lock, kind=kind, fingerprint=fingerprint)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def read(cls, path: Path, *, kind: str, wait_seconds: float = 0.0) -> Reading:
        """What a journal holds, for who only looks: verified, whatever data it speaks of.

        No row is added and none is lost. What a killed process left in the write-ahead log counts,
        and is folded in. While it is read, nobody else has it open.

        Args:
          path: of the SQLite file.
          kind: what its rows must be.
          wait_seconds: how long to wait for another process to close it.
        Raises:
          DamagedJournal: it is not what was written; the sentence says where.
          BadInput: it is not there, of another kind, held by a process, or cannot be read.
        """
        path = path.resolve()
        lock_path = path.with_name(f"{path.name}.lock")
        was_locked_before = lock_path.exists()
        if not path.exists() and not was_locked_before:
            raise BadInput(f"there is no {kind} at {path}")
        lock = FileLock.take(lock_path, wait_seconds=wait_seconds)
        try:
            if not path.exists():
                _require_never_begun(path, lock)
                raise BadInput(f"there is no {kind} at {path}")
            entries = _read_entries(path, kind=kind)
            _require_noted(path, lock, entries)
        finally:
            if not was_locked_before:
                lock_path.unlink(missing_ok=True)  # who only looks leaves nothing behind
            lock.release()
        return Reading.of(path, entries)

    @property
    def last(self) -> tuple[int, str]:
        """The last row's sequence number, 0 if there is none yet, and its hash as 64 hex digits."""
        return self._sequence, self._hash.hex()

    def append(self, row: Mapping[str, object]) -> int:
        """Adds a row and returns its sequence number (1, 2, ...) once it is on the disk.

        If it raises, the row may be there or not; the journal is closed, and opening it anew tells.

        Args:
          row: plain data that JSON can hold; its floats come back exactly.
        Raises:
          ValueError: the row holds NaN or an infinity, or the journal is closed.
          RuntimeError: another process opened the journal, and this one was forked from it.
          DamagedJournal: somebody changed or replaced the file since it was opened.
          BadInput: the disk refused.
        """
        self._require_mine()
        text = json.dumps(row, allow_nan=False, sort_keys=True)
        sequence, digest = self._sequence + 1, hash_of(self._hash, self._sequence + 1, text)
        try:
            with told(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
                moved = self._connection.execute(
                    "UPDATE tip SET sequence = ?, hash = ? WHERE sequence = ? AND hash = ?",
                    (sequence, digest, self._sequence, self._hash),
                )
                if moved.rowcount != 1:
                    raise DamagedJournal(f"{self.path} was changed by another program while open")
                self._connection.execute(
                    "INSERT INTO entry VALUES (?, ?, ?)", (sequence, text, digest)
                )
                self._connection.execute("COMMIT")
                self._sequence, self._hash = sequence, digest
                self._note()
        except BaseException:
            self.close()  # what a failed commit left behind is only known after reopening
            raise
        return sequence

    def rows(self) -> list[dict[str, Any]]:
        """All rows in their order, verified once more.

        Raises:
          DamagedJournal: they are not what was written.
        """
        self._require_mine()
        with told(self.path):
            entries = verified(self._connection, self.path)
        return rows_in(self.path, entries)

    def require_reached(self, sequence: int, hash_: str) -> None:
        """Refuses a journal that lacks a row which it once had.

        Args:
          sequence: of ``last`` at any time before, remembered where the journal's owner could
            not lose or change it.
          hash_: of the same ``last``.
        Raises:
          DamagedJournal: an older copy was put back, or the journal was begun anew.
        """
        self._require_mine()
        with told(self.path):
            entries = verified(self._connection, self.path)
        require_passed(self.path, sequence, hash_, entries)

    def close(self) -> None:
        """Folds the newest rows into the one file and lets others open it."""
        if self._is_open and self._owner == os.getpid():
            self._is_open = False
            try:
                self._connection.close()
            finally:
                self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note(self) -> None:
        """Notes the last row in the lock file, after it is durable, so never ahead of it."""
        self._lock.keep(f"{self._sequence} {self._hash.hex()}")

    def _require_mine(self) -> None:
        if not self._is_open:
            raise ValueError(f"{self.path} is closed; open it anew")
        if self._owner != os.getpid():
            raise RuntimeError(f"{self.path} belongs to process {self._owner}, which opened it")
        try:
            is_there = os.path.samestat(self.path.stat(), self._identity)
        except OSError:
            is_there = False
        if not is_there:
            raise DamagedJournal(f"{self.path} was moved or replaced while it was open")


def _read_entries(path: Path, *, kind: str) -> Entries:
    """Every row's text and hash, verified, over a connection that cannot change them."""
    with told(path), contextlib.closing(connect(path)) as connection:
        connection.execute("PRAGMA query_only = ON")
        require_schema(connection, path)
        entries = verified(connection, path)
        require_header(path, entries[0][0], kind=kind, fingerprint=None)
        return entries


def _require_noted(path: Path, lock: FileLock, entries: Entries) -> None:
    noted = _read_note(lock)
    if noted:
        require_passed(path, *noted, entries)


def _read_note(lock: FileLock) -> tuple[int, str] | None:
    found = re.fullmatch(r"(\d{1,18}) ([0-9a-f]{64})", lock.note, re.ASCII)
    return (int(found[1]), found[2]) if found else None


def _require_never_begun(path: Path, lock: FileLock) -> None:
    """No file is a new journal only if nothing says that there was one."""
    noted = _read_note(lock)
    if path.with_name(f"{path.name}-wal").exists() or (noted and noted[0] > 0):
        raise DamagedJournal(
            f"{path} is gone, but {lock.path.name} or its write-ahead log next to it shows that it "
            "had rows; put it back, for what it counted stays counted"
        )
