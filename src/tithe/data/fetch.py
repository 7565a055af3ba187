"""Downloading official files, checked before they are believed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tithe.checks import BadInput
from tithe.data.official import OfficialFile, OfficialSet

_TIMEOUT = 30.0  # seconds without an answer before the next address is tried

Announce = Callable[[OfficialFile], None]


def data_root(root: Path | None = None) -> Path:
    """The folder with one folder per named set: ``root``, else $TITHE_DATA, else the cache."""
    if root is not None:
        return Path(root)
    named = os.environ.get("TITHE_DATA")
    if named:
        return Path(named)
    import pooch  # slow

    return Path(pooch.os_cache("tithe"))


def download(official: OfficialSet, file: OfficialFile, folder: Path) -> Path:
    """Fetches one file into the folder, from the first address that gives the right bytes.

    The file appears under its name only once it is whole and its SHA-256 is right; a folder made
    for it is removed again if nothing came.

    Raises:
      BadInput: no address answered, none had the right bytes, or the folder cannot be written.
    """
    if not file.addresses:
        raise BadInput(
            f"{official.name}: {file.name} cannot be downloaded, for it has no address of its own; "
            f"put it into {folder} by hand from {official.home}, or point TITHE_DATA to a folder "
            f"that holds {official.folder}/{file.name}"
        )
    import pooch  # slow, and most runs download nothing

    made = _make_folder(folder, official)
    reasons = []
    for address in file.addresses:
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    address,
                    known_hash=f"sha256:{file.sha256}",
                    fname=file.name,
                    path=folder,
                    downloader=pooch.HTTPDownloader(timeout=_TIMEOUT),
                )
            return folder / file.name
        except OSError as error:  # no route, no such address, an HTTP error, a full disk
            reasons.append(f"{address} failed with {type(error).__name__}")
        except ValueError:  # what Pooch raises where the digest differs
            reasons.append(f"{address} gave bytes with another SHA-256")
    for empty in made:
        empty.rmdir()
    raise BadInput(
        f"{official.name}: {file.name} could not be downloaded ({'; '.join(reasons)}); put it into "
        f"{folder} by hand from {official.home}, or point TITHE_DATA to a folder that holds "
        f"{official.folder}/{file.name}"
    )


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keeps Pooch from writing into a progress display; what failed is told by BadInput."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _make_folder(folder: Path, official: OfficialSet) -> list[Path]:
    """Makes the folder; returns those that were new, innermost first."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise BadInput(
            f"{official.name}: {folder} must be a folder one can write to for the download, and is "
            "not; point TITHE_DATA to another, or put the official files there by hand"
        )
    return new
