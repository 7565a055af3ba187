"""Folders and files for their owner alone: what nobody else on the machine may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tithe.checks import BadInput

Passing = Callable[[str], None]
"""Told the name of each point at which a crash would leave something half done."""


def unwatched(point: str) -> None:
    """Nobody wants to know; tests put in its place what crashes there."""


def owned_folder(path: Path) -> Path:
    """The folder, made with mode 0700 where there is none.

    Raises:
      BadInput: it cannot be made, or others than its owner may look into it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise BadInput(f"{path} cannot be a folder of ours: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise BadInput(
            f"{path} must be for its owner alone (mode 0700), got {mode:04o}; run chmod 700 on it"
        )
    return path


def write_owner_only(path: Path, content: bytes) -> None:
    """Writes a new file of mode 0600, on the disk when it returns.

    Raises:
      BadInput: there is a file already, or none can be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise BadInput(
            f"{path} exists already; a key is never overwritten, move it away"
        ) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error


def require_owner_only(path: Path) -> None:
    """Refuses a file that others than its owner may read or change.

    Raises:
      BadInput: it is not there, or its mode is looser than 0600.
    """
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise BadInput(
            f"{path} must be for its owner alone (mode 0600), got {mode:04o}; run chmod 600 on it"
        )
