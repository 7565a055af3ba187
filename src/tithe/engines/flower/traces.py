"""What a SuperLink's database holds of messages, and how it is wiped."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tithe.checks import BadInput


def bytes_in_clear(database: Path) -> int:
    """Bytes of messages that lie in the database now, in clear: on their way, or never fetched.

    Pages that were given back may hold more until they are used again, or until ``wipe``.

    Raises:
      BadInput: it cannot be read.
    """
    with _opened(database) as connection:
        (found,) = connection.execute(
            "SELECT COALESCE(SUM(LENGTH(content)), 0) FROM objects"
        ).fetchone()
    return int(found)


def wipe(database: Path) -> None:
    """Overwrites what deleted messages left in free pages and in the write-ahead log.

    Nodes, runs and messages that are on their way stay. The SuperLink must not run.

    Raises:
      BadInput: it is in use, or cannot be written.
    """
    if not database.exists():
        return
    with _opened(database) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextlib.contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise BadInput(f"{database} cannot be used as a SuperLink's database: {error}") from error
