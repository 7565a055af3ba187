"""What is on disk of the named data sets, and whether it is what was published."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tithe.checks import BadInput
from tithe.data.catalogue import CIFAR10_BATCHES, OFFICIAL_SETS, official_set
from tithe.data.cifar import hold_cifar10, unpack_batch
from tithe.data.fetch import Announce, data_root, download
from tithe.data.holding import Holding, State
from tithe.data.mnist import hold_mnist
from tithe.data.official import OfficialSet
from tithe.data.plain_files import hold_plain
from tithe.data.svhn import hold_svhn

Verdict = Literal["right", "wrong", "missing", "unknown"]

_HOLD: dict[str, Callable[[OfficialSet, Path], Holding]] = {
    "mnist": hold_mnist,
    "fashion-mnist": hold_mnist,
    "cifar10": hold_cifar10,
    "svhn": hold_svhn,
}  # of the others, files of text and the like: hold_plain


@dataclass(frozen=True)
class SetStatus:
    """One named set as ``tithe data`` lists it.

    Attributes:
      name: what a plan calls it.
      state: all of the official set is there, a part of it, or nothing.
      is_usable: whether ``load`` can read it without a download.
      folder: where it is looked for; None for what comes with scikit-learn.
      num_bytes: of the files that are there.
      num_bytes_official: of the official files; 0 if there is nothing to download.
      home: where it is published.
      note: what is special, or empty.
    """

    name: str
    state: State
    is_usable: bool
    folder: Path | None
    num_bytes: int
    num_bytes_official: int
    home: str
    note: str


@dataclass(frozen=True)
class FileCheck:
    """One file against its published SHA-256.

    ``unknown`` is a file that is read, but for whose form no digest is published, such as an
    unpacked IDX file or a part of SVHN. ``expected`` and ``got`` are empty where there is none.
    """

    name: str
    verdict: Verdict
    path: Path | None
    expected: str
    got: str


def hold(name: str, root: Path | None = None) -> Holding:
    """What the data root holds of a named set other than ``digits``."""
    official = official_set(name)
    return _HOLD.get(name, hold_plain)(official, data_root(root) / official.folder)


def describe(root: Path | None = None) -> list[SetStatus]:
    """Every named set and what is there of it; reads no file."""
    statuses = [
        SetStatus(
            name="digits",
            state="present",
            is_usable=True,
            folder=None,
            num_bytes=0,
            num_bytes_official=0,
            home="https://scikit-learn.org",
            note="comes with scikit-learn",
        )
    ]
    for name, official in OFFICIAL_SETS.items():
        holding = hold(name, root)
        statuses.append(
            SetStatus(
                name=name,
                state=holding.state,
                is_usable=holding.is_usable,
                folder=data_root(root) / official.folder,
                num_bytes=sum(path.stat().st_size for path in holding.files),
                num_bytes_official=sum(file.num_bytes for file in official.files),
                home=official.home,
                note=holding.note,
            )
        )
    return statuses


def fetch(
    name: str, root: Path | None = None, *, announce: Announce | None = None
) -> list[FileCheck]:
    """Downloads what is missing of the official set, and checks all of it.

    A file that is there is never written over, even if its digest is wrong: remove it to have it
    fetched again.

    Args:
      name: a named set; ``digits`` has nothing to fetch.
      root: as in ``data_root``.
      announce: called with each file before it is downloaded.
    Raises:
      BadInput: unknown name, or a file could not be had.
    """
    if name == "digits":
        return []
    official = official_set(name)
    missing = set(hold(name, root).missing)
    for file in official.files:
        # The tarball of CIFAR-10 stands for all of its batches.
        if file.name in missing or (missing and name == "cifar10"):
            if announce is not None:
                announce(file)
            download(official, file, data_root(root) / official.folder)
    return check(name, root)


def check(name: str, root: Path | None = None) -> list[FileCheck]:
    """Compares every file that would be read with what is published, and names what is missing.

    Raises:
      BadInput: unknown name, or a file cannot be read at all.
    """
    if name == "digits":
        return []
    official = official_set(name)
    folder, holding = data_root(root) / official.folder, hold(name, root)
    published = {file.name: file.sha256 for file in (*official.files, *official.extra)}
    if name == "cifar10":
        published |= CIFAR10_BATCHES
    extra = [folder / file.name for file in official.extra if (folder / file.name).is_file()]
    checks = []
    for path in (*holding.files, *extra):
        # A batch of CIFAR-10 is known by its unpacked bytes; nothing else is loose and xz. So is a
        # text that lies there with gzip, though it is published without.
        is_packed = path.suffix == ".xz" or path.name not in published
        expected = published.get(path.name if not is_packed else path.stem, "")
        got = _sha256(path, is_packed=is_packed)
        checks.append(FileCheck(path.name, _verdict(expected, got), path, expected, got))
    missing = [FileCheck(gone, "missing", None, published[gone], "") for gone in holding.missing]
    return checks + missing


def _verdict(expected: str, got: str) -> Verdict:
    if not expected:
        return "unknown"
    return "right" if got == expected else "wrong"


def _sha256(path: Path, *, is_packed: bool) -> str:
    """Of the bytes; of what they unpack to if they are packed and were published otherwise."""
    if path.suffix == ".xz":
        return hashlib.sha256(unpack_batch(path)).hexdigest()
    try:
        if is_packed and path.suffix == ".gz":
            with gzip.open(path) as unpacked:
                return hashlib.file_digest(unpacked, "sha256").hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError) as error:
        raise BadInput(f"{path}: could not be read ({error})") from error
