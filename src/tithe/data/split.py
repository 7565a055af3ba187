"""Setting test rows aside, class by class."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def stratified_split(
    labels: Tensor, *, test_fraction: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row numbers to train on and to test on, each class in (nearly) the same proportion.

    ``ceil(test_fraction * n)`` rows are for testing, shared out among the classes by largest
    remainder; which rows of a class is drawn. A class keeps at least one training row, so the
    test part is smaller where classes of one row would have to give it.

    Args:
      labels: shape ``(n,)``, int64, n >= 2.
      test_fraction: in (0, 1).
      rng: advanced.
    Returns:
      Two int64 tensors, each sorted, disjoint, together all rows.
    Raises:
      ValueError: the fraction is not in (0, 1), or no row can be spared for testing.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be in (0, 1), got {test_fraction}")
    classes, counts = torch.unique(labels, return_counts=True)
    quotas = counts.double() * (math.ceil(test_fraction * len(labels)) / len(labels))
    num_test = quotas.floor().long()
    num_left = math.ceil(test_fraction * len(labels)) - int(num_test.sum())
    by_remainder = torch.sort(num_test - quotas, stable=True).indices
    num_test[by_remainder[:num_left]] += 1
    num_test = torch.minimum(num_test, counts - 1)
    if int(num_test.sum()) == 0:
        raise ValueError(
            f"test_fraction must leave a test row and a training row of every class, got "
            f"{test_fraction} of {len(labels)} rows in {len(classes)} classes"
        )
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    for label, number in zip(classes.tolist(), num_test.tolist(), strict=True):
        rows = torch.nonzero(labels == label).flatten()
        is_test[rows[torch.randperm(len(rows), generator=rng)[:number]]] = True
    return torch.nonzero(~is_test).flatten(), torch.nonzero(is_test).flatten()
