"""Classes of unequal size: what is kept, what weighs more, what is there several times."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tithe.checks import BadInput
from tithe.data.balance import class_weights, copies_each, growth, kept_rows, most_copies

FALSE_ALARM = 1e-6
counts = st.lists(st.integers(1, 10**5), min_size=2, max_size=12)


@given(counts)
def test_weighted_classes_weigh_alike_and_the_mean_weight_is_one(rows):
    weights = class_weights(rows)
    shares = [weight * count for weight, count in zip(weights, rows, strict=True)]
    assert shares == pytest.approx([shares[0]] * len(rows))
    assert math.fsum(shares) == pytest.approx(sum(rows))


def test_weights_by_hand():
    assert class_weights([1, 3]) == (2.0, pytest.approx(2 / 3))
    assert class_weights([2, 0, 2]) == (1.0, 1.0, 1.0)


@given(counts, st.integers(1, 100))
def test_no_class_outgrows_the_largest_or_its_limit(rows, most_times):
    factors = growth(rows, most_times=most_times)
    for factor, count in zip(factors, rows, strict=True):
        assert 1 <= factor <= most_times
        assert factor * count <= max(rows) * (1 + 1e-12)


def test_the_articles_counts_grow_up_to_the_limit():
    article = (3000, 3500, 250, 2000, 1000, 1500, 500, 50, 5000, 2500)
    factors = growth(article, most_times=10)
    assert factors == pytest.approx((5 / 3, 10 / 7, 10, 2.5, 5, 10 / 3, 10, 10, 1, 2))
    assert most_copies(factors) == 10
    assert most_copies(growth(article, most_times=1000)) == 100


def test_copies_follow_their_law(rng):
    labels = torch.zeros(20_000, dtype=torch.int64)
    copies = copies_each(labels, factors=(2.3,), rng=rng)
    assert set(copies.tolist()) == {2, 3}
    num_three = int((copies == 3).sum())
    assert binomtest(num_three, 20_000, 0.3).pvalue > FALSE_ALARM
    assert binomtest(num_three, 20_000, 0.35).pvalue < FALSE_ALARM


@given(st.lists(st.integers(0, 2), min_size=2, max_size=30), st.data())
def test_a_row_that_changes_its_class_changes_no_other_rows_copies(labels, data):
    place = data.draw(st.integers(0, len(labels) - 1))
    other = labels.copy()
    other[place] = data.draw(st.integers(0, 2))
    factors = (1.0, 2.5, 3.7)
    one, two = (
        copies_each(
            torch.tensor(each), factors=factors, rng=torch.Generator().manual_seed(1)
        ).tolist()
        for each in (labels, other)
    )
    del one[place], two[place]
    assert one == two
    assert all(1 <= each <= most_copies(factors) for each in one)


def test_so_many_rows_of_each_class_are_kept(rng):
    labels = torch.arange(60) % 3
    rows = kept_rows(labels, class_rows=(20, 0, 7), rng=rng, name="ward")
    assert torch.equal(rows, rows.unique())
    assert torch.bincount(labels[rows], minlength=3).tolist() == [20, 0, 7]


def test_more_rows_than_there_are_cannot_be_kept(rng):
    with pytest.raises(BadInput, match=r"of each class of ward, got 3 of class 1, which has 2"):
        kept_rows(torch.tensor([0, 1, 1]), class_rows=(1, 3), rng=rng, name="ward")
