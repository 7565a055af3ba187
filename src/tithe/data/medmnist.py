"""PneumoniaMNIST: chest X-rays of children, padded to 32x32."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.official import OfficialSet

_PARTS = ("train", "test")
_SIDE, _BORDER = 28, 2  # 28 + 2 * 2 = 32

Array = npt.NDArray[Any]


def read_pneumonia(official: OfficialSet, folder: Path) -> Splits:
    """Reads uint8 images of shape ``(n, 1, 32, 32)``, with two zeros around each.

    The official validation part (524 images) is left aside.
    Raises:
      BadInput: the file is missing or damaged, or holds other shapes.
    Source: Yang et al. 2023, MedMNIST v2; Kermany et al. 2018.
    """
    path = folder / official.files[0].name
    try:
        with np.load(path, allow_pickle=False) as arrays:
            parts = [(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in _PARTS]
    except FileNotFoundError as error:
        raise BadInput(f"{path} must be there, got no such file; see {official.home}") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: must be an npz of images and labels, could not be read") from error
    train, test = (_dataset(official, *part, path=path) for part in parts)
    return Splits(
        train,
        test,
        f"{official.title}, padded from 28x28 to 32x32 with zeros: {len(train):,} train and "
        f"{len(test):,} test images; the validation part is left aside.",
    )


def _dataset(official: OfficialSet, images: Array, labels: Array, *, path: Path) -> Dataset:
    if images.dtype != np.uint8 or images.shape[1:] != (_SIDE, _SIDE):
        raise BadInput(
            f"{path}: images must be uint8 of shape (n, 28, 28), got {images.dtype} {images.shape}"
        )
    padded = functional.pad(torch.from_numpy(images), (_BORDER,) * 4)
    return Dataset(
        official.name,
        padded.unsqueeze(1),
        torch.from_numpy(labels.reshape(-1).astype(np.int64)),
        official.class_names,
        official.mean,
        official.std,
    )
