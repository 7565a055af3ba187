"""Rows between neighbours on a line, and how many of them one record touches."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.data.balance import Touched
from tithe.data.line_smote import line_rows, places_on_line, rows_between, touched_by_one

small_rows = st.lists(  # of few values, so that rows are equal and stand at one place
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=14
)


def direction_of(seed):
    return torch.Generator().manual_seed(seed)


def grown(features, labels, between, seed=5):
    """All rows with the new ones, as a multiset of (label, values)."""
    new, new_labels = line_rows(
        features, labels, between=between, rng=direction_of(seed), name="ward"
    )
    assert new.dtype == features.dtype and new.shape[1:] == features.shape[1:]
    rows = torch.cat([features, new]).flatten(1).tolist()
    every = torch.cat([labels, new_labels]).tolist()
    return Counter((label, tuple(row)) for label, row in zip(every, rows, strict=True))


def tensors(rows, kind):
    """Rows of a label and two coordinates; the coordinates in the type that is asked for."""
    table = torch.tensor(rows)
    values = table[:, 1:]
    if kind == "pixels":
        return (values * 80).to(torch.uint8).reshape(-1, 1, 1, 2), table[:, 0]
    return values.float() / 3, table[:, 0]


@pytest.mark.parametrize("kind", ["pixels", "numbers"])
@given(
    small_rows,
    st.integers(0, 13),
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
    st.integers(0, 50),
)
def test_one_record_touches_no_more_rows_than_told(kind, rows, which, between, seed):
    features, labels = tensors(rows, kind)
    is_left = torch.arange(len(rows)) != which % len(rows)
    there = grown(features, labels, between, seed)
    gone = grown(features[is_left], labels[is_left], between, seed)
    touched = touched_by_one(between)
    assert (there - gone).total() <= touched.brought
    assert (gone - there).total() <= touched.taken


def test_a_record_between_two_others_touches_as_many_as_told():
    features = torch.tensor([[0.0], [0.3], [1.0], [5.0]])
    labels = torch.zeros(4, dtype=torch.int64)
    is_left = torch.tensor([True, False, True, True])
    there, gone = (grown(features[some], labels[some], [2]) for some in (labels == 0, is_left))
    assert touched_by_one([2]) == Touched(brought=5, taken=2)
    assert (there - gone).total() == 5 and (gone - there).total() == 2


@given(small_rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows, random):
    features, labels = tensors(rows, "numbers")
    mixed = list(range(len(rows)))
    random.shuffle(mixed)
    assert grown(features, labels, [1, 2, 3]) == grown(features[mixed], labels[mixed], [1, 2, 3])


@pytest.mark.parametrize("which", range(4))
def test_rows_at_one_place_have_an_order_too(which):
    direction = torch.randint(-(2**20), 2**20 + 1, (2,), generator=direction_of(5))
    across = torch.stack([direction[1], -direction[0]]).float()  # moves no place
    features = torch.stack([across, 0 * across, -across, 3 * across])
    assert set(places_on_line(features, direction)) == {0.0}
    labels = torch.zeros(4, dtype=torch.int64)
    there = grown(features, labels, [2])
    mixed = grown(features[[2, 0, 3, 1]], labels, [2])
    assert there == mixed and there.total() == 4 + 2 * 3
    is_left = torch.arange(4) != which
    gone = grown(features[is_left], labels[is_left], [2])
    assert (there - gone).total() <= 5 and (gone - there).total() <= 2


def test_new_rows_by_hand():
    features = torch.tensor([[10.0, 0.0], [0.0, 1.0], [4.0, 1.0], [8.0, 3.0]])
    labels = torch.tensor([0, 1, 1, 0])
    new, new_labels = line_rows(features, labels, between=[1, 3], rng=direction_of(1), name="ward")
    assert new_labels.tolist() == [0, 1, 1, 1]
    assert new[0].tolist() == [9.0, 1.5]
    assert sorted(new[1:].tolist()) == [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]


def test_pixels_are_rounded_and_stay_bytes():
    features = torch.tensor([0, 255, 9, 4], dtype=torch.uint8).reshape(2, 1, 1, 2)
    new, _ = line_rows(
        features, torch.zeros(2, dtype=torch.int64), between=[1], rng=direction_of(1), name="ward"
    )
    assert new.tolist() == [[[[5, 130]]]]  # 4.5 and 129.5, rounded up


@pytest.mark.parametrize(
    "rows",
    [
        torch.randn(700, 501, generator=direction_of(3)) * 1e5,
        torch.randn(90, 3, generator=direction_of(4)) ** 9,
        torch.randint(256, (1500, 501), generator=direction_of(5)).to(torch.uint8),
    ],
    ids=["wide numbers", "numbers of unlike size", "pixels"],
)
def test_a_place_is_the_same_alone_and_among_many_to_the_last_bit(rows):
    direction = torch.randint(-(2**20), 2**20 + 1, (rows.shape[1],), generator=direction_of(6))
    among_many = places_on_line(rows, direction)
    for number in range(0, len(rows), 89):
        assert places_on_line(rows[number : number + 1], direction)[0] == among_many[number]
        some = rows[number : number + 7]
        assert (places_on_line(some, direction) == among_many[number : number + 7]).all()


def test_how_many_stand_between_two_follows_public_counts_alone():
    article = [3000, 3500, 250, 2000, 1000, 1500, 500, 50, 5000, 2500]
    assert rows_between(article, most_times=4) == (0, 0, 3, 1, 3, 2, 3, 3, 0, 1)
    assert rows_between(article, most_times=1) == (0,) * 10
    assert rows_between([0.3, 0.1, 0.0], most_times=10) == (0, 2, 0)
    assert touched_by_one(rows_between(article, most_times=4)) == Touched(brought=7, taken=3)
    assert touched_by_one([0, 0]) == Touched(brought=1, taken=0)


def test_a_class_of_n_rows_gets_c_for_each_gap():
    features = torch.randn(12, 2, generator=direction_of(2))
    labels = torch.tensor([0] * 6 + [1] * 5 + [2])
    new, new_labels = line_rows(
        features, labels, between=[0, 3, 4], rng=direction_of(1), name="ward"
    )
    assert torch.bincount(new_labels).tolist() == [0, 12]  # nothing stands beside a single row
    own = features[labels == 1]
    assert bool(((new >= own.min(dim=0).values) & (new <= own.max(dim=0).values)).all())


def test_a_data_set_that_grows_by_nothing_is_given_nothing():
    features, labels = torch.ones(3, 2), torch.tensor([0, 1, 0])
    new, new_labels = line_rows(features, labels, between=[0, 0], rng=direction_of(1), name="ward")
    assert new.shape == (0, 2) and new_labels.shape == (0,)


def test_the_seed_decides_who_is_next_to_whom():
    features = torch.randn(20, 5, generator=direction_of(2))
    labels = torch.zeros(20, dtype=torch.int64)
    one, same, other = (grown(features, labels, [1], seed) for seed in (1, 1, 2))
    assert one == same != other


def test_between_two_words_there_is_nothing():
    with pytest.raises(BadInput, match='"line_smote" needs rows of numbers, got tokens'):
        grown(torch.ones(4, 3, dtype=torch.int64), torch.tensor([0, 0, 1, 1]), [1, 1])
