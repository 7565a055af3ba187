"""Dealing rows to participants: promises that every kind keeps, then the law of each."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, hypergeom

from tithe.data.partition import dirichlet, even, independent, label_shards, natural, power_law

FALSE_ALARM = 1e-6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def labels_of(num_rows, num_classes=10):
    return torch.arange(num_rows) % num_classes


DISJOINT = {
    "even": lambda n, p, rng: even(n, num_participants=p, rng=rng),
    "label_shards": lambda n, p, rng: label_shards(
        labels_of(n), num_participants=p, shards_each=1, rng=rng
    ),
    "dirichlet": lambda n, p, rng: dirichlet(
        labels_of(n), num_participants=p, concentration=0.1, min_rows=1, rng=rng
    ),
    "power_law": lambda n, p, rng: power_law(
        n, num_participants=p, exponent=1.5, min_rows=1, rng=rng
    ),
}
EVERY = {
    **DISJOINT,
    "independent": lambda n, p, rng: independent(
        n, num_participants=p, rows_each=max(1, n // 3), rng=rng
    ),
}
ROWS_AND_PARTICIPANTS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(1, n))
)


@pytest.mark.parametrize("kind", EVERY)
class TestEveryKind:
    @given(ROWS_AND_PARTICIPANTS, st.integers(0, 2**32))
    def test_everybody_has_sorted_rows_that_exist_and_none_twice(self, kind, sizes, seed):
        num_rows, num_participants = sizes
        parts = EVERY[kind](num_rows, num_participants, generator(seed))
        assert len(parts) == num_participants
        for rows in parts:
            assert rows.dtype == torch.int64
            assert len(rows) >= 1
            assert (rows.diff() > 0).all()
            assert rows[0] >= 0
            assert rows[-1] < num_rows

    def test_one_seed_gives_one_partition(self, kind):
        one, same, other = (EVERY[kind](500, 7, generator(seed)) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))

    @pytest.mark.parametrize("num_participants", [0, -1])
    def test_no_participant_is_refused(self, kind, num_participants):
        with pytest.raises(ValueError, match="num_participants must be finite and >= 1"):
            EVERY[kind](10, num_participants, generator())


@pytest.mark.parametrize("kind", DISJOINT)
class TestEveryDisjointKind:
    @given(ROWS_AND_PARTICIPANTS, st.integers(0, 2**32))
    def test_every_row_is_dealt_once(self, kind, sizes, seed):
        num_rows, num_participants = sizes
        parts = DISJOINT[kind](num_rows, num_participants, generator(seed))
        assert torch.equal(torch.cat(parts).sort().values, torch.arange(num_rows))

    def test_more_participants_than_rows_are_refused(self, kind):
        said = "11 participants with at least 1 rows each need 11 rows, got 10; take fewer"
        with pytest.raises(ValueError, match=said):
            DISJOINT[kind](10, 11, generator())

    def test_rows_are_dealt_at_random(self, kind):
        firsts = [DISJOINT[kind](300, 3, generator(seed))[0].tolist() for seed in range(5)]
        assert len({tuple(rows) for rows in firsts}) == 5


@given(ROWS_AND_PARTICIPANTS)
def test_even_sizes_differ_by_at_most_one(sizes):
    num_rows, num_participants = sizes
    counts = [
        len(rows) for rows in even(num_rows, num_participants=num_participants, rng=generator())
    ]
    assert max(counts) - min(counts) <= 1


def test_even_gives_exactly_the_rows_asked_for():
    parts = even(60_000, num_participants=30, rows_each=600, rng=generator())
    assert [len(rows) for rows in parts] == [600] * 30
    assert len(torch.cat(parts).unique()) == 18_000


def test_even_refuses_more_than_there_is():
    said = "30 participants with at least 3000 rows each need 90000 rows, got 60000"
    with pytest.raises(ValueError, match=said):
        even(60_000, num_participants=30, rows_each=3000, rng=generator())
    with pytest.raises(ValueError, match="rows_each must be finite and >= 1"):
        even(10, num_participants=2, rows_each=0, rng=generator())


def test_independent_samples_are_uniform_and_independent(rng):
    num_rows, rows_each, num_participants = 200, 20, 4000
    parts = independent(num_rows, num_participants=num_participants, rows_each=rows_each, rng=rng)
    # Every row is drawn equally often. Rows of one sample exclude each other, so that the counts
    # vary less than a multinomial's by (n - k) / (n - 1), which the statistic is scaled for.
    counts = torch.bincount(torch.cat(parts), minlength=num_rows).double()
    expected = num_participants * rows_each / num_rows
    shrink = (num_rows - rows_each) / (num_rows - 1)
    scaled = expected + (counts - expected) / shrink**0.5
    assert chisquare(scaled.numpy()).pvalue > FALSE_ALARM
    # The overlap of two samples is hypergeometric.
    law = hypergeom(num_rows, rows_each, rows_each)
    overlaps = torch.tensor(
        [int(torch.isin(a, b).sum()) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    )
    seen = [int((overlaps == k).sum()) for k in range(5)] + [int((overlaps >= 5).sum())]
    asked = [len(overlaps) * law.pmf(k) for k in range(5)] + [len(overlaps) * law.sf(4)]
    assert chisquare(seen, asked).pvalue > FALSE_ALARM
    # ... and the test sees samples that were dealt without overlap.
    assert chisquare([len(overlaps), 0, 0, 0, 0, 0], asked).pvalue < FALSE_ALARM


def test_independent_samples_may_ask_for_more_than_all_rows_together():
    parts = independent(600, num_participants=150, rows_each=6, rng=generator())  # 150 x 1 %
    assert sum(len(rows) for rows in parts) == 900
    assert len(torch.cat(parts).unique()) <= 600


@pytest.mark.parametrize("rows_each", [0, 11])
def test_independent_refuses_a_sample_that_cannot_be(rows_each):
    with pytest.raises(ValueError, match="rows_each must be"):
        independent(10, num_participants=2, rows_each=rows_each, rng=generator())


def test_two_shards_give_at_most_two_labels_and_mostly_two():
    # McMahan et al. 2017, section 3: 60,000 rows in 200 shards of 300, two to each of 100.
    labels = labels_of(60_000)
    parts = label_shards(labels, num_participants=100, shards_each=2, rng=generator())
    assert [len(rows) for rows in parts] == [600] * 100
    num_labels = [len(labels[rows].unique()) for rows in parts]
    assert max(num_labels) <= 2  # 6,000 rows of a label are 20 whole shards here
    assert num_labels.count(2) > 80


def test_one_shard_each_of_as_many_labels_gives_one_label_each():
    labels = labels_of(100)
    parts = label_shards(labels, num_participants=10, shards_each=1, rng=generator())
    assert sorted(int(labels[rows].unique()) for rows in parts) == list(range(10))


def test_more_shards_than_rows_are_refused():
    with pytest.raises(ValueError, match="5 participants with at least 3 rows each need 15 rows"):
        label_shards(labels_of(14), num_participants=5, shards_each=3, rng=generator())
    with pytest.raises(ValueError, match="shards_each must be finite and >= 1"):
        label_shards(labels_of(14), num_participants=5, shards_each=0, rng=generator())


def shares(labels, parts):
    """Shape (participants, labels): what part of a label's rows each participant has."""
    table = torch.stack([torch.bincount(labels[rows], minlength=10) for rows in parts]).double()
    return table / table.sum(dim=0)


@pytest.mark.parametrize("concentration", [1e-3, 1e-9])
def test_a_tiny_concentration_gives_a_label_to_nearly_one_participant(concentration):
    labels = labels_of(5000)
    parts = dirichlet(
        labels, num_participants=5, concentration=concentration, min_rows=1, rng=generator()
    )
    assert (shares(labels, parts).max(dim=0).values > 0.98).all()


def test_with_a_tiny_concentration_who_would_be_empty_gets_one_label():
    labels = labels_of(5000)
    parts = dirichlet(labels, num_participants=50, concentration=1e-9, min_rows=20, rng=generator())
    assert min(len(rows) for rows in parts) == 20
    num_labels = [len(labels[rows].unique()) for rows in parts if len(rows) == 20]
    assert len(num_labels) >= 40
    assert set(num_labels) == {1}


@pytest.mark.parametrize("concentration", [1e6, 1e15])
def test_a_huge_concentration_gives_everybody_the_same_mixture(concentration):
    labels = labels_of(5000)
    parts = dirichlet(
        labels, num_participants=5, concentration=concentration, min_rows=1, rng=generator()
    )
    assert torch.allclose(shares(labels, parts), torch.full((5, 10), 0.2).double(), atol=0.01)


def test_shares_follow_the_dirichlet_law():
    # Of a symmetric Dirichlet over p with concentration a, one share has variance
    # (p - 1) / (p^2 (p a + 1)); here over 2,000 labels, and a twice as large gives about half.
    num_participants, num_classes, each = 4, 2000, 100
    labels = torch.arange(num_classes * each) % num_classes

    def variance(concentration):
        parts = dirichlet(
            labels,
            num_participants=num_participants,
            concentration=concentration,
            min_rows=1,
            rng=generator(),
        )
        counts = torch.bincount(labels[parts[0]], minlength=num_classes).double()
        return float((counts / each).var())

    for concentration in (0.5, 1.0):
        law = 3 / (16 * (4 * concentration + 1))
        assert variance(concentration) == pytest.approx(law, rel=0.15)


@given(st.integers(1, 20), st.integers(1, 6), st.floats(1e-6, 1e3), st.integers(0, 99))
def test_everybody_has_the_minimum(num_participants, min_rows, concentration, seed):
    labels = labels_of(num_participants * min_rows + seed)
    parts = dirichlet(
        labels,
        num_participants=num_participants,
        concentration=concentration,
        min_rows=min_rows,
        rng=generator(seed),
    )
    assert min(len(rows) for rows in parts) >= min_rows
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(labels)))


@pytest.mark.parametrize("concentration", [0.0, -1.0, float("nan"), float("inf")])
def test_a_concentration_that_is_none_is_refused(concentration):
    with pytest.raises(ValueError, match="concentration must be finite and > 0"):
        dirichlet(
            labels_of(10),
            num_participants=2,
            concentration=concentration,
            min_rows=1,
            rng=generator(),
        )


def test_a_minimum_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="3 participants with at least 4 rows each need 12 rows"):
        dirichlet(labels_of(11), num_participants=3, concentration=1.0, min_rows=4, rng=generator())


def sizes_of(num_rows, **numbers):
    return [len(rows) for rows in power_law(num_rows, **numbers, rng=generator())]


def test_power_law_sizes_by_hand():
    # One row each; the other 2,500 in proportion 1 : 1/2 : 1/3 : 1/4, whose sum is 25/12.
    assert sizes_of(2504, num_participants=4, exponent=1.0) == [1201, 601, 401, 301]
    assert sizes_of(2504, num_participants=4, exponent=0.0) == [626] * 4


@given(ROWS_AND_PARTICIPANTS, st.floats(0, 50), st.integers(1, 3))
def test_power_law_sizes_fall_and_keep_the_minimum(sizes, exponent, min_rows):
    num_rows, num_participants = sizes
    found = sizes_of(
        num_rows * min_rows,
        num_participants=num_participants,
        exponent=exponent,
        min_rows=min_rows,
    )
    assert sum(found) == num_rows * min_rows
    assert min(found) >= min_rows
    assert all(b <= a + 1 for a, b in pairwise(found))


@pytest.mark.parametrize("exponent", [-0.1, float("nan")])
def test_a_negative_exponent_is_refused(exponent):
    with pytest.raises(ValueError, match="exponent must be finite and >= 0"):
        sizes_of(10, num_participants=2, exponent=exponent)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_natural_gives_each_owner_her_rows(groups):
    groups = torch.tensor(groups)
    parts = natural(groups)
    assert len(parts) == len(groups.unique())
    for owner, rows in zip(groups.unique(), parts, strict=True):
        assert torch.equal(rows, torch.nonzero(groups == owner).flatten())


def test_natural_without_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        natural(torch.tensor([], dtype=torch.int64))
