"""Weights before the clip: rare classes count for more, and no row moves the sum by more."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from tithe.learning.class_weights import WeightedCrossEntropy
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.local import LocalTraining, train_locally

WEIGHTS = (0.5, 3.0, 100.0)
ROWS, LABELS = torch.randn(12, 4, generator=torch.Generator().manual_seed(2)), torch.arange(12) % 3


def quiet(count):
    return torch.zeros(count)


def linear():
    torch.manual_seed(1)
    return nn.Linear(4, 3)


def one_private_step(module, rows, labels, *, weights, bound=1.0):
    """All rows in one step without noise; gives how far the parameters moved."""
    before = torch.cat([p.detach().flatten() for p in module.parameters()])
    train_privately(
        module,
        rows,
        labels,
        training=PrivateTraining(
            batch_size=len(rows),
            num_steps=1,
            noise_multiplier=0.0,
            l2_norm_bound=bound,
            class_weights=weights,
        ),
        learning_rate=1.0,
        rng=torch.Generator().manual_seed(1),
        normal=quiet,
    )
    return torch.cat([p.detach().flatten() for p in module.parameters()]) - before


def test_the_loss_is_that_of_pytorch_before_its_division():
    scores = torch.randn(12, 3)
    ours = WeightedCrossEntropy(WEIGHTS)
    theirs = functional.cross_entropy(
        scores, LABELS, weight=torch.tensor(WEIGHTS), reduction="none"
    )
    assert torch.allclose(ours(scores, LABELS), theirs)
    assert torch.allclose(ours.mean(scores, LABELS), theirs.mean())


@pytest.mark.parametrize("row", range(3))
def test_no_row_moves_the_sum_by_more_than_the_bound_whatever_it_weighs(row):
    moved = one_private_step(linear(), ROWS[[row]], LABELS[[row]], weights=WEIGHTS, bound=0.2)
    assert float(moved.norm()) <= 0.2 + 1e-6


def test_below_the_bound_a_row_moves_the_sum_in_proportion_to_its_weight():
    one = one_private_step(linear(), ROWS[[1]], LABELS[[1]], weights=(), bound=math.inf)
    three = one_private_step(linear(), ROWS[[1]], LABELS[[1]], weights=WEIGHTS, bound=math.inf)
    assert torch.allclose(three, 3 * one, atol=1e-6)


def test_without_noise_and_bound_private_training_is_plain_training_with_the_same_weights():
    module = linear()
    plain = copy.deepcopy(module)
    one_private_step(module, ROWS, LABELS, weights=WEIGHTS, bound=math.inf)
    train_locally(
        plain,
        ROWS,
        LABELS,
        training=LocalTraining(batch_size=12, class_weights=WEIGHTS),
        learning_rate=1.0,
        rng=torch.Generator().manual_seed(1),
    )
    for one, other in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
