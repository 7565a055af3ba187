"""Accuracy by class: a rare class weighs as much as a common one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tithe.learning.evaluate import evaluate

SCORES = torch.eye(3)


def told(predicted, labels, **options):
    """What is measured of a network that predicts just this."""
    return evaluate(nn.Identity(), SCORES[torch.tensor(predicted)], torch.tensor(labels), **options)


def test_recalls_and_their_mean_by_hand():
    quality = told([0, 0, 0, 1, 1], [0, 0, 0, 0, 1])
    assert quality.accuracy == 0.8
    assert quality.recalls == (0.75, 1.0, None)
    assert quality.balanced_accuracy == 0.875


def test_whoever_says_the_common_class_only_is_no_better_than_chance():
    quality = told([0] * 100, [0] * 98 + [1, 2])
    assert quality.accuracy == 0.98
    assert quality.balanced_accuracy == pytest.approx(1 / 3)


def test_the_batch_size_changes_nothing():
    rows = torch.randn(23, 3), torch.arange(23) % 3
    one, other = (evaluate(nn.Identity(), *rows, batch_size=size) for size in (250, 4))
    assert one.recalls == other.recalls and one.accuracy == other.accuracy
    assert one.balanced_accuracy == other.balanced_accuracy
