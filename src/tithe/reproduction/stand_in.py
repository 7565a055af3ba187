"""Made-up rows in the shape of a named data set, to try plans where the real one is not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from tithe.data.catalogue import OFFICIAL_SETS, official_set
from tithe.data.dataset import Dataset, Splits

NUM_TOKENS = 64
_VOCABULARY = 8192  # token numbers of texts are below this
_TEXTS = ("sms-spam", "sst2", "ag-news")
_IMAGES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "mnist": (1, 32, 32),
        "fashion-mnist": (1, 32, 32),
        "pneumonia-mnist": (1, 32, 32),
        "cifar10": (3, 32, 32),
        "svhn": (3, 32, 32),
    }
)


def rows(*, like: str, train_rows_a_class: int, test_rows_a_class: int) -> Splits:
    """Rows drawn at random, the same every time, as many of each class as asked for.

    They have the shape, the type, the classes and the public constants of the real set, and nothing
    else of it: what is learned from them means nothing.

    Args:
      like: a named set with published files; ``"digits"`` needs no stand-in.
      train_rows_a_class: > 0.
      test_rows_a_class: > 0.
    Raises:
      BadInput: no set of that name.
    """
    official_set(like)
    rng = torch.Generator().manual_seed(0)
    parts = [_part(like, count, rng) for count in (train_rows_a_class, test_rows_a_class)]
    return Splits(parts[0], parts[1], f"Made-up rows in the shape of {like}.")


def _part(like: str, rows_a_class: int, rng: torch.Generator) -> Dataset:
    official = OFFICIAL_SETS[like]
    labels = torch.arange(len(official.class_names)).repeat(rows_a_class)
    return Dataset(
        like,
        _features(like, len(labels), rng),
        labels,
        official.class_names,
        official.mean,
        official.std,
    )


def _features(like: str, count: int, rng: torch.Generator) -> Tensor:
    """Bytes for images, token numbers for texts, numbers around the constants for tables."""
    if like in _IMAGES:
        shape = (count, *_IMAGES[like])
        return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)
    if like in _TEXTS:
        return torch.randint(1, _VOCABULARY, (count, NUM_TOKENS), generator=rng)
    official = OFFICIAL_SETS[like]
    mean, std = torch.tensor(official.mean), torch.tensor(official.std)
    return mean + std * torch.randn(count, len(mean), generator=rng)
