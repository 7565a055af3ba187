"""Test rows set aside class by class."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tithe.data.split import stratified_split


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_every_row_is_on_one_side_and_every_class_keeps_a_training_row(labels, test_fraction):
    labels = torch.tensor(labels)
    try:
        train, test = stratified_split(labels, test_fraction=test_fraction, rng=generator())
    except ValueError:
        assume(False)
    assert torch.equal(torch.cat([train, test]).sort().values, torch.arange(len(labels)))
    assert torch.equal(labels[train].unique(), labels.unique())
    assert len(test) >= 1
    assert torch.equal(train, train.sort().values)
    assert torch.equal(test, test.sort().values)


def test_classes_keep_their_proportions():
    labels = torch.tensor([0] * 700 + [1] * 200 + [2] * 100)
    train, test = stratified_split(labels, test_fraction=0.2, rng=generator())
    assert torch.bincount(labels[test]).tolist() == [140, 40, 20]
    assert torch.bincount(labels[train]).tolist() == [560, 160, 80]


def test_one_seed_gives_one_split():
    labels = torch.arange(100) % 3
    one = stratified_split(labels, test_fraction=0.3, rng=generator(1))[1]
    same = stratified_split(labels, test_fraction=0.3, rng=generator(1))[1]
    other = stratified_split(labels, test_fraction=0.3, rng=generator(2))[1]
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("test_fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_out_of_range_is_refused(test_fraction):
    with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\)"):
        stratified_split(torch.tensor([0, 0]), test_fraction=test_fraction, rng=generator())


def test_classes_of_one_row_cannot_spare_it():
    with pytest.raises(ValueError, match="leave a test row and a training row of every class"):
        stratified_split(torch.tensor([0, 1, 2]), test_fraction=0.5, rng=generator())
