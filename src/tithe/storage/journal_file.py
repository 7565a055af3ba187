"""The file of a journal: an SQLite database whose rows form a chain."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tithe.checks import BadInput
from tithe.record_lines import object_from_json
from tithe.storage.disk import is_full

_FORMAT = 1
_SCHEMA = {
    "entry": "CREATE TABLE entry (sequence INTEGER PRIMARY KEY, text TEXT NOT NULL, "
    "hash BLOB NOT NULL)",
    "tip": "CREATE TABLE tip (one INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, "
    "hash BLOB NOT NULL)",
}
_BEFORE_THE_FIRST = bytes(32)


class DamagedJournal(BadInput):
    """A journal that is not what its writer left; nothing may be built on what it says."""


def empty_journal(*, kind: str, fingerprint: str) -> bytes:
    """The SQLite file of a journal with its header and no rows."""
    header = {
        "kind": kind,
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "born": secrets.token_hex(16),  # so that no two journals share a hash
    }
    text = json.dumps(header, sort_keys=True)
    digest = hash_of(_BEFORE_THE_FIRST, 0, text)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in _SCHEMA.values():
            connection.execute(statement)
        connection.execute("INSERT INTO entry VALUES (0, ?, ?)", (text, digest))
        connection.execute("INSERT INTO tip VALUES (1, 0, ?)", (digest,))
        return connection.serialize()


def connect(path: Path) -> sqlite3.Connection:
    """Opens a file that exists, with transactions begun by hand and a short wait for readers."""
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5.0)


def make_private(path: Path) -> None:
    """Keeps the file for its owner alone; those that SQLite makes next to it follow its mode."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(name).chmod(0o600)


def make_durable(connection: sqlite3.Connection, path: Path) -> None:
    """A commit returns when it is on the disk itself; and what a crash left is folded in."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise BadInput(f"{path} lies where SQLite cannot keep a write-ahead log; choose a disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # where a plain fsync leaves it in the drive's own
    connection.execute("PRAGMA checkpoint_fullfsync = ON")  # memory, as on a Mac
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def require_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Our tables and nothing else: a trigger or a view could change what is read."""
    found = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    if set(found) != set(_SCHEMA.items()):
        raise DamagedJournal(f"{path} is no journal of this format: its tables are others")


def verified(connection: sqlite3.Connection, path: Path) -> list[tuple[str, bytes]]:
    """Every row's text and hash, the header's first; raises DamagedJournal if the chain breaks."""
    entries: list[tuple[str, bytes]] = []
    previous = _BEFORE_THE_FIRST
    for sequence, text, digest in connection.execute(
        "SELECT sequence, text, hash FROM entry ORDER BY sequence"
    ):
        whole = sequence == len(entries) and isinstance(text, str)
        if not whole or hash_of(previous, sequence, text) != digest:
            raise DamagedJournal(
                f"{path} is damaged at row {len(entries)}: it was edited, removed or put elsewhere"
            )
        entries.append((text, digest))
        previous = digest
    tip = connection.execute("SELECT one, sequence, hash FROM tip").fetchall()
    if not entries or tip != [(1, len(entries) - 1, previous)]:
        raise DamagedJournal(f"{path} is damaged: rows at its end were removed or added")
    return entries


def require_header(path: Path, text: str, *, kind: str, fingerprint: str | None) -> None:
    """Raises unless this version reads the journal and it is of that kind and, if told, data."""
    header = object_from_json(text, where=f"{path}, row 0,")
    if header.get("format") != _FORMAT:
        raise DamagedJournal(
            f"{path} is written in format {header.get('format')} and this version reads {_FORMAT}"
        )
    if header.get("kind") != kind:
        raise BadInput(f"{path} must be a {kind}, got a {header.get('kind')}; name another file")
    if fingerprint is not None and header.get("fingerprint") != fingerprint:
        raise BadInput(
            f"{path} is a {kind} of other data; name the one of these data, or a new one"
        )


def hash_of(previous: bytes, sequence: int, text: str) -> bytes:
    """The link of the chain; each part has a fixed length but the last, so none can be shifted."""
    return hashlib.sha256(previous + sequence.to_bytes(8, "big") + text.encode()).digest()


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system raise into one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "decode" in str(error):
            raise DamagedJournal(f"{path} is damaged: a row is not UTF-8 text") from error
        if is_full(error):
            raise BadInput(
                f"the disk of {path} is full; nothing was written; make room and start again"
            ) from error
        raise BadInput(f"{path} cannot be used: {error}") from error
    except sqlite3.ProgrammingError:
        raise  # a caller's slip, such as another thread
    except sqlite3.Error as error:
        raise DamagedJournal(f"{path} is damaged or no journal: {error}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be used: {error.strerror}") from error
