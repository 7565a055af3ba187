"""Who trains on what: 36,000 images of MNIST in 30 lots, each image in or out by a fair coin.

A participant trains on the images of its lot whose coin fell heads, about 600 of 1,200. The others
are as alike to them as can be, and since nothing else depends on the coins, every attack on a model
or an upload is a one-run audit whose canaries are natural records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from tithe.data.dataset import Dataset, Splits
from tithe.data.datasets import load
from tithe.data.features import features_of
from tithe.randomness import stream

SEED = 2026
NUM_LOTS, LOT_SIZE = 30, 1200
NUM_POPULATION = 6000


@dataclass(frozen=True, eq=False)
class Lots:
    """Rows of MNIST's training set.

    Attributes:
      rows: shape ``(30, 1200)``.
      took_part: the coins, of the same shape.
      population: rows that no participant and no reference model sees, shape ``(6000,)``.
    """

    rows: Tensor
    took_part: Tensor
    population: Tensor


def deal() -> Lots:
    """The lots and their coins, each from a stream of its own."""
    order = torch.randperm(60_000, generator=stream(SEED, purpose="lots"))
    num_dealt = NUM_LOTS * LOT_SIZE
    coins = torch.rand(NUM_LOTS, LOT_SIZE, generator=stream(SEED, purpose="coins"))
    return Lots(
        rows=order[:num_dealt].view(NUM_LOTS, LOT_SIZE),
        took_part=coins < 0.5,
        population=order[num_dealt : num_dealt + NUM_POPULATION],
    )


def images() -> Splits:
    """What the plans of the paper's network train on and are tested on."""
    return _members(_mnist("images"))


def scattered() -> Splits:
    """The same rows as scattering features, which are fixed and cost no privacy."""
    return _members(_mnist("scattered"))


def everybody(kind: str) -> tuple[Dataset, Dataset]:
    """The 36,000 rows of all lots in their order, and the population."""
    train, lots = _mnist(kind).train, deal()
    return train.take(lots.rows.flatten()), train.take(lots.population)


@lru_cache(maxsize=1)
def _mnist(kind: str) -> Splits:
    splits = load("mnist", offline=True)
    if kind == "images":
        return splits
    train, test = (
        replace(part, features=features_of(part, may_keep=True), mean=(), std=())
        for part in (splits.train, splits.test)
    )
    return Splits(train, test, splits.note)


def _members(splits: Splits) -> Splits:
    """The rows whose coin fell heads, each with the number of its lot as its owner."""
    lots = deal()
    owners = torch.arange(NUM_LOTS).unsqueeze(1).expand_as(lots.rows)
    train = splits.train.take(lots.rows[lots.took_part])
    return Splits(replace(train, groups=owners[lots.took_part]), splits.test, splits.note)
