"""The rows that all tables of this folder share: 1797 training images of MNIST, cut in three."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tithe.data.datasets import load
from tithe.learning.models import build_model

SEED = 7
NUM_ROWS, NUM_EACH = 1797, 600


@dataclass(frozen=True, eq=False)
class Rows:
    """Images in [0, 1], shape ``(n, 1, 32, 32)``, and their classes."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> Rows:
        """These rows."""
        return Rows(self.features[rows], self.labels[rows])


def read_rows() -> tuple[Rows, Rows, Rows]:
    """600 members, 600 non-members and 597 others that nobody trains on."""
    train = load("mnist", offline=True).train
    rng = torch.Generator().manual_seed(SEED)
    chosen = torch.randperm(len(train), generator=rng)[:NUM_ROWS]
    rows = Rows(train.features[chosen].float() / 255, train.labels[chosen])
    parts = torch.arange(NUM_ROWS).split([NUM_EACH, NUM_EACH, NUM_ROWS - 2 * NUM_EACH])
    members, others, population = (rows.take(part) for part in parts)
    return members, others, population


def fresh_network(seed: int = SEED) -> nn.Module:
    """1024-128-64-10 with ReLU, 140,106 parameters."""
    return build_model("mnist-mlp", num_classes=10, seed=seed)
