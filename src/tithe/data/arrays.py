"""Turning the arrays of a user's own files into a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.split import stratified_split
from tithe.randomness import stream

Array = npt.NDArray[Any]
ClassNames = Sequence[str] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Part:
    """The arrays of one part as they were in the file: one row each along the first dimension.

    ``columns`` names the columns that the features were made of, where they have names.
    """

    features: Array
    labels: Array
    groups: Array | None = None
    columns: tuple[str, ...] = ()


def make_splits(
    name: str,
    train: Part,
    test: Part | None,
    *,
    classes: ClassNames | None,
    test_fraction: float,
    split_seed: int,
    note: str = "",
) -> Splits:
    """Checks and converts; where there is no test part, sets one aside and says so.

    Args:
      name: how messages and the note call it.
      train: what is trained on, and what a missing test part is taken from.
      test: None to set ``test_fraction`` of each class aside, the same rows for the same seed.
      classes: in order, the labels as they occur, or names for the integer labels 0, 1, ... None
        takes integer labels as they are, 0..K-1 without gaps, and sorts text. Only a stated list
        may name a class without a training row.
      test_fraction: in (0, 1).
      split_seed: chooses the rows set aside.
      note: one more sentence for the note, if any.
    Raises:
      BadInput: a shape, type or label that does not make a data set.
    """
    whole = [train] if test is None else [train, test]
    features = [as_features(part.features, name=name) for part in whole]
    names, labels = _number_labels([part.labels for part in whole], classes, name=name)
    sets = [
        Dataset(
            name, x, y, names, groups=_number_groups(part.groups, name=name), columns=train.columns
        )
        for x, y, part in zip(features, labels, whole, strict=True)
    ]
    if classes is None:
        _refuse_empty_classes(sets[0])
    if test is not None:
        made = f"{name}: {len(sets[0]):,} train and {len(sets[1]):,} test rows as given."
    else:
        sets = _set_aside(sets[0], test_fraction, split_seed)
        made = (
            f"{name}: no test part was given, so {len(sets[1]):,} of "
            f"{len(sets[0]) + len(sets[1]):,} rows were set aside by class (test_fraction "
            f"{test_fraction:g}, split_seed {split_seed})."
        )
    return Splits(sets[0], sets[1], f"{made} {note}".strip())


def as_features(array: Array, *, name: str) -> Tensor:
    """One tensor of rows: bytes of 3 or 4 dimensions become images ``(n, c, h, w)``, else float32.

    Of four dimensions, the last is taken for the channels if it is 1 or 3 and the second is not.

    Raises:
      BadInput: not numbers, no row, or bytes with another number of channels than 1 or 3.
    """
    if array.dtype.kind not in "uibf":
        raise BadInput(f"{name}: features must be numbers, got {array.dtype}")
    if array.ndim == 0 or array.size == 0:
        raise BadInput(f"{name}: there must be at least one row, got shape {array.shape}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 3 and array.dtype == np.uint8:
        array = array[:, None]  # (n, h, w) -> (n, 1, h, w)
    if array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)  # (n, h, w, c) -> (n, c, h, w)
    if array.ndim == 4 and array.dtype == np.uint8:
        if array.shape[1] not in (1, 3):
            raise BadInput(
                f"{name}: byte images must have 1 or 3 channels, as (n, c, h, w) or (n, h, w, c), "
                f"got shape {array.shape}"
            )
        return torch.from_numpy(np.array(array, order="C"))
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and Dataset refuses it
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def _number_labels(
    parts: list[Array], classes: ClassNames | None, *, name: str
) -> tuple[tuple[str, ...], list[Tensor]]:
    """Class names and, per part, numbers in ``[0, num_classes)``."""
    columns = [_label_column(labels, name=name) for labels in parts]
    together = np.concatenate(columns)
    if together.dtype.kind == "U" and any(column.dtype.kind != "U" for column in columns):
        raise BadInput(f"{name}: labels must be all text or all integers, got both")
    names: Array
    numbers: Array
    if classes is not None:
        names = np.array([str(entry) for entry in classes])
        numbers = _positions(together.astype(str), names)
        if (numbers < 0).all() and together.dtype.kind == "i":
            numbers = together
    elif together.dtype.kind == "i":
        if together.min() < 0 or together.max() >= len(together):
            raise BadInput(
                f"{name}: integer labels must be 0, 1, ... without gaps, got some that are "
                f"negative or at least {len(together)}, the number of rows; list them with option "
                "classes"
            )
        names, numbers = np.arange(together.max() + 1).astype(str), together
    else:
        names, numbers = np.unique(together, return_inverse=True)
    outside = int(((numbers < 0) | (numbers >= len(names))).sum())
    if outside:
        raise BadInput(
            f"{name}: labels must be one of {len(names)} classes, got {outside} of {len(numbers)} "
            "rows with another; mend those rows or state all with option classes"
        )
    if len(names) < 2:
        raise BadInput(f"{name}: labels must name at least two classes, got {len(names)}")
    ends = np.cumsum([len(column) for column in columns])[:-1]
    tensors = [torch.from_numpy(part.astype(np.int64)) for part in np.split(numbers, ends)]
    return tuple(names.tolist()), tensors


def _label_column(labels: Array, *, name: str) -> Array:
    """One integer or text per row, out of ``(n,)`` or ``(n, 1)``."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise BadInput(
            f"{name}: labels must be one class a row, shape (n,) or (n, 1), got {labels.shape}"
        )
    if labels.dtype.kind in "uib":
        return labels.astype(np.int64)
    if labels.dtype.kind == "f":
        num_bad = int((~((labels == np.rint(labels)) & (np.abs(labels) < 2**53))).sum())
        if num_bad:
            raise BadInput(
                f"{name}: labels must be whole numbers or text, got {num_bad} of {len(labels)} "
                "that are NaN, infinite or fractions"
            )
        return labels.astype(np.int64)
    if labels.dtype.kind in "US":
        return labels.astype(str)
    raise BadInput(f"{name}: labels must be whole numbers or text, got {labels.dtype}")


def _positions(values: Array, names: Array) -> Array:
    """Where each value stands among the names; -1 if it does not."""
    order = np.argsort(names)
    found = np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)
    return np.where(names[order[found]] == values, order[found], -1)


def _number_groups(groups: Array | None, *, name: str) -> Tensor | None:
    """Owners as 0, 1, ... in sorted order."""
    if groups is None:
        return None
    if groups.ndim == 2 and groups.shape[1] == 1:
        groups = groups[:, 0]
    if groups.dtype.kind not in "uibUS" or groups.ndim != 1:
        raise BadInput(
            f"{name}: groups must be one whole number or text a row, got {groups.dtype} "
            f"of shape {groups.shape}"
        )
    return torch.from_numpy(np.unique(groups, return_inverse=True)[1].astype(np.int64))


def _refuse_empty_classes(train: Dataset) -> None:
    counts = torch.bincount(train.labels, minlength=train.num_classes)
    empty = torch.nonzero(counts == 0).flatten().tolist()
    if empty:
        raise BadInput(
            f"{train.name}: every class must have a training row, got none for {len(empty)} of "
            f"{train.num_classes} (first: class {train.class_names[empty[0]]!r}); if that is "
            "meant, list the classes with option classes"
        )


def _set_aside(whole: Dataset, test_fraction: float, split_seed: int) -> list[Dataset]:
    rng = stream(split_seed, purpose="test split")
    try:
        rows = stratified_split(whole.labels, test_fraction=test_fraction, rng=rng)
    except ValueError as error:
        raise BadInput(f"{whole.name}: {error}") from error
    return [whole.take(some) for some in rows]
