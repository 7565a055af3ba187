"""Classes of unequal size: how far apart they are, and how much more the rare ones should count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tithe.checks import BadInput


@dataclass(frozen=True)
class Touched:
    """How many of the rows that are trained on one record decides, by public numbers alone.

    Attributes:
      brought: at most so many are there with the record and not without it, >= 1.
      taken: at most so many are there without it and not with it, >= 0.
    """

    brought: int = 1
    taken: int = 0


ONE_ROW = Touched()
"""Each record is one row, and no other row is made of it."""


def kept_rows(
    labels: Tensor, *, class_rows: Sequence[int], rng: torch.Generator, name: str
) -> Tensor:
    """So many rows of each class, drawn evenly; their numbers, ascending, int64.

    Args:
      labels: shape ``(n,)``, int64.
      class_rows: how many of class 0, 1, ...; at least one row in all.
      rng: advanced.
      name: how messages call the data.
    Raises:
      BadInput: a class has fewer rows.
    """
    kept = []
    for label, wanted in enumerate(class_rows):
        rows = torch.nonzero(labels == label).flatten()
        if wanted > len(rows):
            raise BadInput(
                f"balance.class_rows must be at most the rows of each class of {name}, got "
                f"{wanted} of class {label}, which has {len(rows)}"
            )
        kept.append(rows[torch.randperm(len(rows), generator=rng)[:wanted]])
    return torch.cat(kept).sort().values


def class_weights(counts: Sequence[float]) -> tuple[float, ...]:
    """The weight of each class in the loss: ``n / (classes * count)``, so that classes weigh alike.

    A class without rows weighs 1, which no row ever uses.

    Args:
      counts: rows of each class, or numbers in proportion to them, >= 0.
    Source: King & Zeng 2001; the "balanced" weights of scikit-learn.
    """
    present = [count for count in counts if count > 0]
    total = math.fsum(present)
    return tuple(total / (len(present) * count) if count > 0 else 1.0 for count in counts)


def growth(counts: Sequence[float], *, most_times: int) -> tuple[float, ...]:
    """By which factor each class must grow to be as large as the largest, at most ``most_times``.

    Args:
      counts: as for ``class_weights``.
      most_times: >= 1.
    """
    largest = max(counts)
    return tuple(min(most_times, largest / count) if count > 0 else 1.0 for count in counts)


def copies_each(labels: Tensor, *, factors: Sequence[float], rng: torch.Generator) -> Tensor:
    """How many times each row stands in the grown data, int64 ``(n,)``, each at least once.

    A row of a class that grows by 2.5 is there twice or three times, by its own fair coin.
    Guarantee: a row's number depends on its label, the factors and its own coin, and on no other
    row; it is at most ``most_copies(factors)``. So if the factors are public, a record that comes
    or goes brings or takes just its own copies.

    Args:
      labels: shape ``(n,)``, int64.
      factors: one a class, >= 1.
      rng: advanced.
    """
    wanted = torch.tensor(factors, dtype=torch.float64)[labels]
    coins = torch.rand(len(labels), dtype=torch.float64, generator=rng)
    return (wanted.floor() + (coins < wanted - wanted.floor())).long()


def most_copies(factors: Sequence[float]) -> int:
    """The most copies that any row of any class can have."""
    return max(math.ceil(factor) for factor in factors)
