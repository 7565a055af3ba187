"""CIFAR-10 in its official binary version: the tarball, or its batches loose, plain or xz."""

from __future__ import annotations

import lzma
import os
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tithe.checks import BadInput
from tithe.data.catalogue import CIFAR10_BATCHES
from tithe.data.dataset import Dataset, Splits
from tithe.data.holding import Holding
from tithe.data.official import OfficialSet

_RECORD = 1 + 3 * 32 * 32  # a label byte, then the red, green and blue planes row by row
_TEST = "test_batch.bin"
_TRAIN = tuple(name for name in CIFAR10_BATCHES if name != _TEST)


def hold_cifar10(official: OfficialSet, folder: Path) -> Holding:
    """Finds six loose batches, else the tarball, else what loose batches there are.

    Five training batches without the test batch will do.
    """
    tarball = folder / official.files[0].name
    loose = find_batches(folder)
    if len(loose) == len(CIFAR10_BATCHES):
        return Holding(tuple(loose.values()), (), is_usable=True)
    if tarball.is_file():
        return Holding((tarball,), (), is_usable=True)
    is_usable = all(name in loose for name in _TRAIN)
    missing = tuple(name for name in CIFAR10_BATCHES if name not in loose)
    note = "test_batch is not there: trains on batches 1-4, tests on batch 5" if is_usable else ""
    return Holding(tuple(loose.values()), missing, is_usable, note)


def find_batches(folder: Path) -> dict[str, Path]:
    """The loose batches that are there, by their official names, plain before xz."""
    found: dict[str, Path] = {}
    for name in CIFAR10_BATCHES:
        for place in (folder, folder / "cifar-10-batches-bin"):
            for path in (place / name, place / f"{name}.xz"):
                if path.is_file():
                    found.setdefault(name, path)
    return found


def read_cifar10(official: OfficialSet, folder: Path) -> Splits:
    """Reads uint8 images of shape ``(n, 3, 32, 32)``, in the official order.

    With all six batches this is the official split. Without the test batch (some mirrors have only
    the training batches without loss) it trains on batches 1 to 4 and tests on batch 5, and the
    note says so; the test images are never filled up from a JPEG copy, whose artefacts would tell
    test rows from training rows.

    Raises:
      BadInput: a batch is missing or damaged, or holds a label outside [0, 10).
    """
    tarball, loose = folder / official.files[0].name, find_batches(folder)
    if len(loose) < len(CIFAR10_BATCHES) and tarball.is_file():
        contents = _read_tarball(tarball)
    else:
        contents = _read_loose(loose)
    missing = [name for name in _TRAIN if name not in contents]
    if missing:
        raise BadInput(f"{folder}: all five training batches must be there, got no {missing[0]}")
    train_names, test_name = (_TRAIN, _TEST) if _TEST in contents else (_TRAIN[:-1], _TRAIN[-1])
    records = {name: _records(contents[name], f"{folder}: {name}") for name in contents}
    train = _dataset(official, [records[name] for name in train_names])
    test = _dataset(official, [records[test_name]])
    return Splits(train, test, _note(train, test, is_official=test_name == _TEST))


def unpack_batch(path: Path) -> bytes:
    """The bytes of one loose batch, unpacked if it is xz.

    Raises:
      BadInput: unreadable, or damaged as xz.
    """
    try:
        content = path.read_bytes()
        return lzma.decompress(content) if path.suffix == ".xz" else content
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BadInput(
            f"{path}: could not be read ({error}); the file is damaged or cut short, fetch it again"
        ) from error


def _read_loose(paths: Mapping[str, Path]) -> dict[str, bytes]:
    # Unpacking xz is the slow part (about two seconds a batch) and leaves the interpreter free.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return dict(zip(paths, pool.map(unpack_batch, paths.values()), strict=True))


def _read_tarball(path: Path) -> dict[str, bytes]:
    """The six batches out of the archive, in memory; nothing is written beside it."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                stored = archive.extractfile(member) if name in CIFAR10_BATCHES else None
                if stored is not None:
                    contents[name] = stored.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise BadInput(
            f"{path}: could not be read as a gzip tarball ({error}); the file is damaged or cut "
            "short, fetch it again"
        ) from error
    absent = [name for name in CIFAR10_BATCHES if name not in contents]
    if absent:
        raise BadInput(f"{path}: the tarball must hold {absent[0]}, got {len(contents)} batches")
    return contents


def _records(content: bytes, where: str) -> npt.NDArray[np.uint8]:
    """(num_bytes,) -> (n, 3073)."""
    if len(content) == 0 or len(content) % _RECORD:
        raise BadInput(
            f"{where}: a CIFAR-10 batch must be one or more records of {_RECORD} bytes, got "
            f"{len(content)} bytes; fetch the file again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    outside = int((records[:, 0] > 9).sum())
    if outside:
        raise BadInput(
            f"{where}: labels must be in [0, 10), got {outside} of {len(records)} records outside; "
            "this is no CIFAR-10 batch"
        )
    return records


def _dataset(official: OfficialSet, batches: Iterable[npt.NDArray[np.uint8]]) -> Dataset:
    parts = list(batches)
    images = np.concatenate([records[:, 1:] for records in parts]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([records[:, 0] for records in parts]).astype(np.int64)
    return Dataset(
        official.name,
        torch.from_numpy(images),
        torch.from_numpy(labels),
        official.class_names,
        official.mean,
        official.std,
    )


def _note(train: Dataset, test: Dataset, *, is_official: bool) -> str:
    counts = f"{len(train):,} train and {len(test):,} test images"
    if is_official:
        return f"CIFAR-10, the official binary version: {counts}."
    return (
        "CIFAR-10 without its official test batch: train is data_batch_1 to 4, test is "
        f"data_batch_5 ({counts}), so figures are not comparable with those on the official test "
        "set."
    )
