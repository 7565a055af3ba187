"""A folder for its owner alone, where server and participants keep what nobody else may read."""

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
