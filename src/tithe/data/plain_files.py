"""Files of text on the shelf of a named set, as they are or with gzip."""

from __future__ import annotations

import gzip
from pathlib import Path

from tithe.checks import BadInput
from tithe.data.holding import Holding
from tithe.data.official import OfficialSet


def hold_plain(official: OfficialSet, folder: Path) -> Holding:
    """Finds the set's files in the folder, unpacked or with ``.gz`` behind their names."""
    found = {file.name: find_plain(folder, file.name) for file in official.files}
    files = tuple(path for path in found.values() if path is not None)
    missing = tuple(name for name, path in found.items() if path is None)
    return Holding(files, missing, is_usable=not missing)


def find_plain(folder: Path, name: str) -> Path | None:
    """The file under its name, or with ``.gz`` behind it."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def read_text(folder: Path, name: str) -> str:
    """The whole text of a file, unpacked; line ends as they are.

    Raises:
      BadInput: it is not there, is damaged, or is no UTF-8.
    """
    path = find_plain(folder, name)
    if path is None:
        raise BadInput(f"{folder}: the file {name} must be there, got none of that name")
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: must be UTF-8 text, plain or gzip; could not be read") from error
