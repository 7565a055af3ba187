"""SVHN, cropped digits (format 2), in its official MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.holding import Holding
from tithe.data.official import OfficialSet

_EXTRA = "extra_32x32.mat"


def hold_svhn(official: OfficialSet, folder: Path) -> Holding:
    """Finds the official files, else their first parts (``train_32x32_first4434.mat`` and kin)."""
    names = tuple(file.name for file in official.files)
    found = {name: find_part(folder, name) for name in names}
    files = tuple(path for path in found.values() if path is not None)
    missing = tuple(name for name in names if not (folder / name).is_file())
    is_usable = len(files) == len(names)
    parts = ", ".join(path.name for path in files if path.name not in names)
    return Holding(files, missing, is_usable, f"only a part: {parts}" if parts else "")


def find_part(folder: Path, name: str) -> Path | None:
    """The official file, else the largest first part of it, else None."""
    if (folder / name).is_file():
        return folder / name
    parts = [path for path in folder.glob(f"{Path(name).stem}_first*.mat") if path.is_file()]
    return max(parts, key=lambda path: (path.stat().st_size, path.name), default=None)


def read_svhn(official: OfficialSet, folder: Path, *, with_extra: bool = False) -> Splits:
    """Reads uint8 images of shape ``(n, 3, 32, 32)``; label 10, the digit zero, becomes 0.

    Args:
      official: the catalogue's entry.
      folder: where the files are.
      with_extra: add the 531,131 easier images of ``extra_32x32.mat`` after the training images.
    Raises:
      BadInput: a file is missing or damaged, has another shape, or a label outside 1..10.
    """
    paths = {file.name: find_part(folder, file.name) for file in official.files}
    train_path, test_path = (
        _require(path, folder / name, official) for name, path in paths.items()
    )
    images, labels = _read_mat(train_path)
    if with_extra:
        extra_path = folder / _EXTRA if (folder / _EXTRA).is_file() else None
        more_images, more_labels = _read_mat(_require(extra_path, folder / _EXTRA, official))
        images, labels = torch.cat([images, more_images]), torch.cat([labels, more_labels])
    train = _dataset(official, images, labels)
    test = _dataset(official, *_read_mat(test_path))
    parts = [path.name for path in (train_path, test_path) if path.name not in paths]
    counts = (
        f"{len(train):,} train{' (with extra)' if with_extra else ''} and {len(test):,} test images"
    )
    if not parts:
        return Splits(train, test, f"SVHN cropped digits, the official files: {counts}.")
    return Splits(
        train,
        test,
        f"SVHN cropped digits, in part only ({' and '.join(parts)}): {counts}, so figures are not "
        "comparable with published ones.",
    )


def _require(path: Path | None, wanted: Path, official: OfficialSet) -> Path:
    if path is None:
        raise BadInput(
            f"{wanted}: the file must be there, got none; download it from {official.home}"
        )
    return path


def _dataset(official: OfficialSet, images: Tensor, labels: Tensor) -> Dataset:
    return Dataset(official.name, images, labels, official.class_names, official.mean, official.std)


def _read_mat(path: Path) -> tuple[Tensor, Tensor]:
    """Images ``(n, 3, 32, 32)`` uint8 and labels ``(n,)`` int64 of one file."""
    content = _load_mat(path)
    if "X" not in content or "y" not in content:
        raise BadInput(f"{path}: an SVHN file must hold X and y, got neither or only one of them")
    pixels, labels = content["X"], content["y"].ravel()
    if pixels.ndim != 4 or pixels.shape[:3] != (32, 32, 3) or pixels.dtype != np.uint8:
        raise BadInput(
            f"{path}: X must be uint8 of shape (32, 32, 3, n), got {pixels.dtype} {pixels.shape}"
        )
    if len(labels) != pixels.shape[3]:
        raise BadInput(
            f"{path}: y must have one label per image, got {len(labels)} for {pixels.shape[3]}"
        )
    outside = int((~np.isin(labels, np.arange(1, 11))).sum())
    if outside:
        raise BadInput(
            f"{path}: labels must be in 1..10 (10 is the digit zero), got {outside} of "
            f"{len(labels)} outside"
        )
    images = np.ascontiguousarray(pixels.transpose(3, 2, 0, 1))  # (h, w, c, n) -> (n, c, h, w)
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64) % 10)


def _load_mat(path: Path) -> dict[str, npt.NDArray[Any]]:
    from scipy.io import loadmat  # slow, only for SVHN

    try:
        content = loadmat(path, variable_names=["X", "y"])
    except Exception as error:  # on a damaged file scipy raises whatever it stumbles over
        raise BadInput(
            f"{path}: could not be read as a MATLAB 5 file ({type(error).__name__}); the file is "
            "damaged, cut short or of another version, fetch it again"
        ) from error
    return {name: np.asarray(value) for name, value in content.items() if not name.startswith("__")}
