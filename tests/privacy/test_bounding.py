"""Bounds hold for every input, change nothing that is within them, and refuse what has none."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.privacy.bounding import bound_each, bound_l2

SLACK = {torch.float32: 1 + 1e-6, torch.float64: 1 + 1e-12}
bounds = st.floats(1e-6, 1e6)


@st.composite
def vectors(draw):
    """A vector of either precision, from empty to 20 values, with magnitudes far apart."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    width = 32 if dtype == torch.float32 else 64
    number = st.floats(-(2.0**99), 2.0**99, width=width) | st.floats(-1, 1, width=width)
    return torch.tensor(draw(st.lists(number, max_size=20)), dtype=dtype)


@given(vectors(), bounds)
def test_no_value_is_above_its_bound_and_what_is_below_stays(values, gamma):
    bounded = bound_each(values, gamma=gamma)
    assert bounded.dtype == values.dtype and bounded.shape == values.shape
    assert bool((bounded.abs() <= gamma * SLACK[values.dtype]).all())
    inside = values.abs() <= gamma / SLACK[values.dtype]
    assert torch.equal(bounded[inside], values[inside])
    assert torch.equal(bound_each(bounded, gamma=gamma), bounded)


@given(vectors(), bounds)
def test_no_norm_is_above_its_bound_and_what_is_below_stays(values, bound):
    bounded = bound_l2(values, l2_norm_bound=bound)
    assert bounded.dtype == values.dtype and bounded.shape == values.shape
    norm = math.hypot(*values.tolist())
    assert math.hypot(*bounded.tolist()) <= bound * SLACK[values.dtype]
    if norm <= bound / SLACK[values.dtype]:
        assert torch.equal(bounded, values)


@given(vectors(), bounds)
def test_bounding_a_norm_keeps_the_direction(values, bound):
    bounded = bound_l2(values, l2_norm_bound=bound).double()
    norm = math.hypot(*values.tolist())
    expected = values.double() * min(1.0, bound / norm if norm else 1.0)
    torch.testing.assert_close(bounded, expected, rtol=1e-6, atol=1e-37)


def test_norms_by_hand():
    values = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [-30.0, 40.0]])
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0], [-0.6, 0.8]])
    torch.testing.assert_close(bound_l2(values, l2_norm_bound=1.0), expected)


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1e200, 1.7e308])
def test_a_norm_is_right_where_its_squares_are_not(size):
    values = torch.full((4,), size, dtype=torch.float64)
    bounded = bound_l2(values, l2_norm_bound=1.0)
    assert float(bounded[0]) == pytest.approx(min(size, 0.5), rel=1e-12)


def test_the_input_is_not_changed():
    values = torch.tensor([3.0, -4.0])
    bound_each(values, gamma=1.0)
    bound_l2(values, l2_norm_bound=1.0)
    assert values.tolist() == [3.0, -4.0]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_without_being_told(wrong):
    values = torch.tensor([1.2345, wrong])
    for bounded in (
        lambda: bound_each(values, gamma=1.0),
        lambda: bound_l2(values, l2_norm_bound=1.0),
    ):
        with pytest.raises(ValueError, match="values must be finite, got 1 of 2") as refused:
            bounded()
        assert "1.2345" not in str(refused.value)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_bound_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="gamma must be finite and > 0"):
        bound_each(torch.ones(2), gamma=wrong)
    with pytest.raises(ValueError, match="l2_norm_bound must be finite and > 0"):
        bound_l2(torch.ones(2), l2_norm_bound=wrong)
