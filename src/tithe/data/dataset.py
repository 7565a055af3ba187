"""A labelled set of rows in memory, checked once when it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tithe.checks import BadInput


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, one class a row, and what may be known about them in public.

    Attributes:
      name: what messages call it, e.g. ``"mnist"`` or ``"npz:ward.npz"``.
      features: shape ``(n, c, h, w)`` uint8 for images; ``(n, length)`` int64 for texts, as token
        numbers >= 0; else float32 ``(n, ...)``; n > 0. Images stay bytes in memory: a shard turns
        just its rows into floats.
      labels: shape ``(n,)``, int64, in ``[0, num_classes)``.
      class_names: one name a class.
      mean: public constants, one per channel, of the pixels divided by 255; ``()`` = none known.
      std: likewise, each > 0.
      groups: shape ``(n,)``, int64, who each row naturally belongs to; None = not known.
      columns: names of the columns that the features were made of; ``()`` = they have none.
    Raises:
      BadInput: a shape, type or label range is wrong, a value is NaN or infinite, or no row.
    """

    name: str
    features: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    groups: Tensor | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks everything but the constants, which ``normalise`` checks where they are used."""
        _check_features(self.name, self.features)
        num_rows = len(self.features)
        _check_column(self.name, "labels", self.labels, num_rows)
        outside = int(((self.labels < 0) | (self.labels >= self.num_classes)).sum())
        if outside:
            raise BadInput(
                f"{self.name}: labels must be in [0, {self.num_classes}), "
                f"got {outside} of {num_rows} rows outside"
            )
        if self.groups is not None:
            _check_column(self.name, "groups", self.groups, num_rows)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """How many classes, whether or not each has a row here."""
        return len(self.class_names)

    def take(self, rows: Tensor) -> Dataset:
        """A set of just these rows, copied, in this order."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, features=self.features[rows], labels=self.labels[rows], groups=groups)


@dataclass(frozen=True, eq=False)
class Splits:
    """What is trained on, what is tested on, and one sentence about where both came from.

    Raises:
      BadInput: the two parts disagree about a row's shape or type, or about the classes.
    """

    train: Dataset
    test: Dataset
    note: str

    def __post_init__(self) -> None:
        """Checks that one model fits both parts."""
        train, test = self.train, self.test
        if train.features.shape[1:] != test.features.shape[1:]:
            raise BadInput(
                f"{train.name}: train and test rows must have one shape, got "
                f"{tuple(train.features.shape[1:])} and {tuple(test.features.shape[1:])}"
            )
        if train.features.dtype != test.features.dtype:
            raise BadInput(
                f"{train.name}: train and test rows must have one type, got "
                f"{train.features.dtype} and {test.features.dtype}"
            )
        if train.class_names != test.class_names:
            raise BadInput(
                f"{train.name}: train and test must name the same classes, got "
                f"{train.num_classes} and {test.num_classes} or another order"
            )


def _check_features(name: str, features: Tensor) -> None:
    if features.dtype not in (torch.uint8, torch.float32, torch.int64):
        raise BadInput(
            f"{name}: features must be uint8 or float32, got {features.dtype}; tokens are int64"
        )
    if features.ndim < 2 or (features.dtype == torch.uint8 and features.ndim != 4):
        raise BadInput(
            f"{name}: features must have shape (n, c, h, w) if uint8, else (n, ...) with two or "
            f"more dimensions, got {tuple(features.shape)}"
        )
    if features.numel() == 0:
        raise BadInput(f"{name}: there must be at least one row, got shape {tuple(features.shape)}")
    if features.dtype == torch.int64 and (features.ndim != 2 or int(features.min()) < 0):
        raise BadInput(
            f"{name}: tokens must be numbers >= 0 of shape (n, length), got shape "
            f"{tuple(features.shape)} and {int((features < 0).sum())} below 0"
        )
    if features.dtype == torch.float32:
        bad = int((~torch.isfinite(features)).sum())
        if bad:
            raise BadInput(
                f"{name}: features must be finite, got {bad} of {features.numel()} values that are "
                "NaN, infinite or too large for float32; mend or drop those rows"
            )


def _check_column(name: str, column: str, values: Tensor, num_rows: int) -> None:
    """Refuses anything but one int64 a row."""
    if values.dtype != torch.int64 or values.ndim != 1:
        raise BadInput(
            f"{name}: {column} must be int64 of shape (n,), "
            f"got {values.dtype} of shape {tuple(values.shape)}"
        )
    if len(values) != num_rows:
        raise BadInput(
            f"{name}: there must be one entry in {column} per row, "
            f"got {len(values)} for {num_rows} rows"
        )
