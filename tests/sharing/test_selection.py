"""Selection: which positions, how many, and how ties fall."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tithe.sharing.selection import (
    num_to_select,
    select_largest,
    select_mask,
    select_random_above,
)

FALSE_ALARM = 1e-6

numbers = st.lists(
    st.floats(-10, 10, width=32) | st.sampled_from([0.0, 1.0, -1.0]), min_size=1, max_size=60
)


@given(numbers, st.integers(1, 70))
def test_largest_leaves_nothing_larger_behind(values, count):
    vector = torch.tensor(values)
    chosen = select_largest(vector, count=count)
    assert len(chosen) == min(count, len(vector))
    assert bool((chosen[1:] > chosen[:-1]).all())
    left = vector.abs().clone()
    left[chosen] = -1
    assert left.max() <= vector.abs()[chosen].min()


def test_largest_goes_by_magnitude():
    assert select_largest(torch.tensor([1.0, -3.0, 2.0]), count=1).tolist() == [1]


def test_largest_breaks_ties_by_the_lowest_position():
    assert select_largest(torch.tensor([1.0, -1.0, 2.0, 1.0]), count=2).tolist() == [0, 2]


def test_largest_leaves_its_input_as_it_was():
    values = torch.tensor([3.0, 1.0, 2.0])
    select_largest(values, count=1)
    assert values.tolist() == [3.0, 1.0, 2.0]


@given(numbers, st.floats(0, 5), st.integers(1, 70))
def test_random_above_takes_none_at_or_below_tau(values, tau, count):
    vector = torch.tensor(values)
    rng = torch.Generator().manual_seed(0)
    chosen = select_random_above(vector, tau=tau, count=count, rng=rng)
    num_candidates = int((vector.abs() > tau).sum())
    assert len(chosen) == min(count, num_candidates)
    assert bool((vector.abs()[chosen] > tau).all())


def test_random_above_is_fair_and_the_test_sees_an_unfair_one(rng):
    values = torch.tensor([5.0, 0.1, 1.0, 2.0, 3.0])
    hits = torch.zeros(5)
    for _ in range(4000):
        hits[select_random_above(values, tau=0.5, count=2, rng=rng)] += 1
    assert hits[1] == 0
    above = hits[[0, 2, 3, 4]]
    assert chisquare(above).pvalue > FALSE_ALARM
    assert chisquare(above, [2600, 1800, 1800, 1800]).pvalue < FALSE_ALARM


def test_mask_does_not_depend_on_anything_but_its_stream():
    masks = [select_mask(1000, count=10, rng=torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(*masks)
    assert len(masks[0].unique()) == 10


@pytest.mark.parametrize(
    ("size", "theta", "count"),
    [(105_506, 0.1, 10_550), (105_506, 0.001, 105), (3, 0.1, 1), (7, 1, 7)],
)
def test_a_fraction_allows_at_most_theta_d_and_at_least_one(size, theta, count):
    assert num_to_select(size, theta=theta) == count


@pytest.mark.parametrize("theta", [0.0, 1.5, -0.1, float("nan")])
def test_a_fraction_outside_its_range_is_refused(theta):
    with pytest.raises(ValueError, match=r"theta must be in \(0, 1\], got"):
        num_to_select(10, theta=theta)
