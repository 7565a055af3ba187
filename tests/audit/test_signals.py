"""Signals: by hand, without lost digits, and the same from every way in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.audit.signals import signals_of_logits, signals_of_model, signals_of_probabilities
from tithe.checks import BadInput


def test_signals_by_hand():
    found = signals_of_logits([[0.0, 0.0, 0.0], [np.log(8.0), 0.0, 0.0]], [2, 0])
    # Thirds: log(1/3 / 2/3) = -log 2. Then p = 0.8, 0.1, 0.1.
    assert found.log_odds == pytest.approx([-np.log(2), np.log(4)])
    assert found.log_probability == pytest.approx(np.log([1 / 3, 0.8]))
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))
    assert found.low_entropy == pytest.approx([-np.log(3), -entropy])
    modified = -0.2 * np.log(0.8) - 0.2 * np.log(0.9)  # Song & Mittal 2021, equation 8
    assert -found.low_modified_entropy[1] == pytest.approx(modified)
    assert found.is_right.tolist() == [False, True]


def test_a_certain_record_keeps_its_digits():
    found = signals_of_logits([[90.0, 0.0], [100.0, 0.0]], [0, 0])
    assert found.log_odds.tolist() == [90.0, 100.0]
    assert (found.log_probability < 0).all()
    assert np.isfinite(found.low_modified_entropy).all()


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), st.integers(0, 2))
def test_probabilities_give_what_logits_give(scores, label):
    logits = np.array([scores])
    p = np.exp(logits) / np.exp(logits).sum()
    left, right = signals_of_logits(logits, [label]), signals_of_probabilities(p, [label])
    assert right.log_odds == pytest.approx(left.log_odds, abs=1e-6)
    assert right.low_entropy == pytest.approx(left.low_entropy, abs=1e-6)


def test_a_module_gives_what_its_scores_give():
    rng = torch.Generator().manual_seed(1)
    features, labels = torch.randn(7, 4, generator=rng), torch.arange(7) % 3
    module = torch.nn.Linear(4, 3)
    direct = signals_of_logits(module(features).detach().numpy(), labels.numpy())
    found = signals_of_model(module, features, labels, batch_size=2)
    assert found.log_odds == pytest.approx(direct.log_odds)
    with pytest.raises(BadInput, match=r"does not take rows of shape \(5,\)"):
        signals_of_model(module, torch.randn(7, 5), labels)


@pytest.mark.parametrize(
    ("logits", "labels", "complaint"),
    [
        ([[1.0]], [0], "two classes"),
        ([[1.0, np.nan]], [0], "1 of 1 rows"),
        ([[1.0, 2.0]], [2], "labels must be in"),
        ([[1.0, 2.0]], [0, 1], "labels must have shape"),
    ],
)
def test_what_does_not_fit_is_refused(logits, labels, complaint):
    with pytest.raises(BadInput, match=complaint):
        signals_of_logits(logits, labels)


def test_numbers_that_are_no_probabilities_are_refused():
    with pytest.raises(BadInput, match="must sum to 1"):
        signals_of_probabilities([[0.5, 0.1]], [0])
