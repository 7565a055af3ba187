"""A user's own arrays in one NumPy ``.npz`` file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tithe.checks import BadInput
from tithe.data.arrays import Array, Part

# Tried in this order; the second pair of each is where the test rows are. The MedMNIST files have
# the first form, Keras' the second.
_Keys = tuple[str, str]
_FORMS: tuple[tuple[_Keys, _Keys | None], ...] = (
    (("train_images", "train_labels"), ("test_images", "test_labels")),
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("x", "y"), None),
    (("X", "y"), None),
    (("features", "labels"), None),
)
_VALIDATION = ("val_images", "val_labels")
_FEATURES = ("x", "X", "features", "test_images", "x_test", "train_images", "x_train")


def read_npz(path: Path) -> tuple[Part, Part | None, str]:
    """The train part, the test part if there is one, and a sentence if something was left out.

    Raises:
      BadInput: not an ``.npz`` file, one with pickled objects, or without a known pair of keys.
    """
    arrays = _read_arrays(path)
    form = next((form for form in _FORMS if all(key in arrays for key in form[0])), None)
    if form is None:
        raise BadInput(
            f"{path}: an npz file must hold x and y, features and labels, or train_images, "
            f"train_labels, test_images and test_labels, got keys {', '.join(arrays) or 'none'}"
        )
    train_keys, test_keys = form
    train = _part(path, arrays, train_keys, groups=arrays.get("groups"))
    has_validation = all(key in arrays for key in _VALIDATION)
    if test_keys is not None and all(key in arrays for key in test_keys):
        left_out = (
            f"Its {len(arrays[_VALIDATION[1]]):,} validation rows are not used."
            if has_validation
            else ""
        )
        return train, _part(path, arrays, test_keys), left_out
    if has_validation:
        return train, _part(path, arrays, _VALIDATION), "The test rows are its validation rows."
    return train, None, ""


def read_npz_features(path: Path) -> Array:
    """The features alone, under the first key of those that may hold them."""
    arrays = _read_arrays(path)
    key = next((key for key in _FEATURES if key in arrays), None)
    if key is None:
        raise BadInput(
            f"{path}: rows to predict must be under one of {', '.join(_FEATURES)}, got keys "
            f"{', '.join(arrays) or 'none'}"
        )
    return arrays[key]


def _read_arrays(path: Path) -> dict[str, Array]:
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.lib.npyio.NpzFile):
            with stored:
                return {key: stored[key] for key in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(
            f"{path}: could not be read as npz without pickled objects ({type(error).__name__}); "
            "the file is missing, damaged, or not of plain arrays"
        ) from error
    raise BadInput(f"{path}: must be an npz file of several arrays, got a single one")


def _part(
    path: Path, arrays: dict[str, Array], keys: tuple[str, str], groups: Array | None = None
) -> Part:
    features, labels = arrays[keys[0]], arrays[keys[1]]
    if features.ndim == 0 or labels.ndim == 0 or len(features) != len(labels):
        raise BadInput(
            f"{path}: {keys[0]} and {keys[1]} must have one row each per example, got shapes "
            f"{features.shape} and {labels.shape}"
        )
    return Part(features, labels, groups)
