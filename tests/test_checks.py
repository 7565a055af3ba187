"""Guards: what they let pass, and the sentence for what they do not."""

from __future__ import annotations

import math

import pytest
import torch

from tithe.checks import (
    nearest,
    require_at_least,
    require_finite,
    require_fraction,
    require_positive,
)


def test_what_keeps_the_rule_passes():
    require_positive(alpha=1e-9, rounds=3)
    require_fraction(theta_u=1.0, theta_d=1e-6)
    require_at_least(2, count=2)
    require_finite(change=torch.zeros(3))


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_not_positive_is_told_with_name_and_value(value):
    with pytest.raises(ValueError, match=f"alpha must be finite and > 0, got {value}"):
        require_positive(alpha=value)


@pytest.mark.parametrize("value", [0, 1.0001, -0.5, math.nan])
def test_no_fraction_is_told(value):
    with pytest.raises(ValueError, match=r"theta_u must be in \(0, 1\], got"):
        require_fraction(theta_u=value)


@pytest.mark.parametrize("value", [1.9, math.nan, math.inf])
def test_too_little_is_told(value):
    with pytest.raises(ValueError, match="count must be finite and >= 2, got"):
        require_at_least(2, count=value)


def test_values_that_are_not_finite_are_counted_and_never_told():
    bad = torch.tensor([1.0, math.nan, math.inf, 42.5])
    with pytest.raises(ValueError, match="change must be finite, got 2 of 4 values") as caught:
        require_finite(change=bad)
    assert "42.5" not in str(caught.value)


def test_the_nearest_word_or_none():
    assert nearest("thetau", ["tau", "theta_u", "gamma"]) == "theta_u"
    assert nearest("xyz", ["theta_u"]) is None
