"""MNIST and Fashion-MNIST: four IDX files, padded to the paper's 32x32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.holding import Holding
from tithe.data.idx import read_idx
from tithe.data.official import OfficialSet

_SIDE, _BORDER = 28, 2  # 28 + 2 * 2 = 32


def hold_mnist(official: OfficialSet, folder: Path) -> Holding:
    """Finds the four official files, gzip or unpacked, in the folder."""
    found = {file.name: _find(folder, file.name) for file in official.files}
    files = tuple(path for path in found.values() if path is not None)
    missing = tuple(name for name, path in found.items() if path is None)
    return Holding(files, missing, is_usable=not missing)


def read_mnist(official: OfficialSet, folder: Path) -> Splits:
    """Reads uint8 images of shape ``(n, 1, 32, 32)``, with two zeros around each.

    Raises:
      BadInput: a file is missing, damaged, or does not fit its partner.
    """
    splits = [_read_split(official, folder, part) for part in ("train", "t10k")]
    train, test = splits
    return Splits(
        train,
        test,
        f"{official.title}, the official files, padded from 28x28 to 32x32 with zeros: "
        f"{len(train):,} train and {len(test):,} test images.",
    )


def _find(folder: Path, name: str) -> Path | None:
    """The file under its official name, or unpacked."""
    candidates = (folder / name, folder / name.removesuffix(".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_split(official: OfficialSet, folder: Path, part: str) -> Dataset:
    images_path = _require(folder, f"{part}-images-idx3-ubyte.gz")
    labels_path = _require(folder, f"{part}-labels-idx1-ubyte.gz")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.shape[1:] != (_SIDE, _SIDE):
        raise BadInput(
            f"{images_path}: {official.title} images must have shape (n, 28, 28), "
            f"got {images.shape}"
        )
    if labels.shape != images.shape[:1]:
        raise BadInput(
            f"{labels_path}: there must be one label per image, got shape {labels.shape} for "
            f"{len(images)} images in {images_path.name}"
        )
    return Dataset(
        official.name,
        _pad(torch.from_numpy(images.copy())),
        torch.from_numpy(labels.astype(np.int64)),
        official.class_names,
        official.mean,
        official.std,
    )


def _pad(images: Tensor) -> Tensor:
    """(n, 28, 28) -> (n, 1, 32, 32)."""
    side = _SIDE + 2 * _BORDER
    padded = torch.zeros(len(images), 1, side, side, dtype=torch.uint8)
    padded[:, 0, _BORDER:-_BORDER, _BORDER:-_BORDER] = images
    return padded


def _require(folder: Path, name: str) -> Path:
    path = _find(folder, name)
    if path is None:
        raise BadInput(f"{folder}: the file {name} must be there, got none of that name")
    return path
