"""A disk without room, however it is met: by SQLite, by a file, by a quota."""

from __future__ import annotations

import errno
import sqlite3

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException) -> bool:
    """Whether this failure means that there is no room left where something was to be written."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _NO_ROOM
