"""Noise follows the law it claims, down to single integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare, gumbel_r, kstest

from tests.privacy.scripted_bits import ALL_ONES, ScriptedBits
from tithe.privacy import noise
from tithe.privacy.noise import (
    fast_gaussian,
    gaussian,
    gaussian_steps,
    gumbel,
    laplace,
    laplace_steps,
)
from tithe.randomness import SecureBits, SeededBits

FALSE_ALARM = 1e-6
SHAPED = {
    "laplace": lambda shape, bits: laplace(shape, scale=3.0, bits=bits),
    "gaussian": lambda shape, bits: gaussian(shape, stddev=3.0, bits=bits),
    "gumbel": lambda shape, bits: gumbel(shape, scale=3.0, bits=bits),
}


@pytest.fixture
def bits(rng):
    return SeededBits(rng)


def seeded(seed):
    return SeededBits(torch.Generator().manual_seed(seed))


# Every kind of noise


@pytest.mark.parametrize("draw", SHAPED.values(), ids=SHAPED.keys())
@given(shape=st.lists(st.integers(0, 5), max_size=3), seed=st.integers(0, 2**32 - 1))
def test_noise_has_the_shape_asked_for_and_repeats_for_the_same_seed(draw, shape, seed):
    values = draw(shape, seeded(seed))
    assert values.shape == tuple(shape) and values.dtype == torch.float64
    assert bool(values.isfinite().all())
    assert torch.equal(values, draw(shape, seeded(seed)))


@given(count=st.integers(0, 300), log2=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_as_many_steps_come_as_were_asked_for(count, log2, seed):
    for steps in (
        laplace_steps(count, log2_scale=log2, bits=seeded(seed)),
        gaussian_steps(count, log2_stddev=log2, bits=seeded(seed)),
    ):
        assert steps.shape == (count,) and steps.dtype == np.int64
    assert fast_gaussian(count, bits=seeded(seed)).shape == (count,)


@pytest.mark.parametrize(
    "draw", [*SHAPED.values(), lambda shape, bits: fast_gaussian(shape[0], bits=bits)]
)
def test_no_secure_noise_repeats(draw):
    first, second = (draw((1000,), SecureBits()).abs().unique() for _ in range(2))
    assert torch.isin(first, second).double().mean() < 1e-3


def test_no_noise_moves_anything_global():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    for draw in SHAPED.values():
        draw((10,), seeded(1))
    fast_gaussian(10, bits=seeded(1))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_none_is_refused(wrong, bits):
    with pytest.raises(ValueError, match="scale must be finite and > 0"):
        laplace((1,), scale=wrong, bits=bits)
    with pytest.raises(ValueError, match="stddev must be finite and > 0"):
        gaussian((1,), stddev=wrong, bits=bits)
    with pytest.raises(ValueError, match="scale must be finite and > 0"):
        gumbel((1,), scale=wrong, bits=bits)


@pytest.mark.parametrize("wrong", [-1, 41, 1.5])
def test_a_power_of_two_that_does_not_fit_is_refused(wrong, bits):
    with pytest.raises(ValueError, match="log2_scale must be"):
        laplace_steps(1, log2_scale=wrong, bits=bits)
    with pytest.raises(ValueError, match="log2_stddev must be"):
        gaussian_steps(1, log2_stddev=wrong, bits=bits)


# The integers, where every single probability can be seen


def laplace_probability(x, scale):
    return math.tanh(0.5 / scale) * np.exp(-np.abs(x) / scale)


def gaussian_probability(x, stddev):
    everything = np.arange(-40 * math.ceil(stddev), 40 * math.ceil(stddev) + 1)
    return np.exp(-(x**2) / (2 * stddev**2)) / np.exp(-(everything**2) / (2 * stddev**2)).sum()


def exact_pvalue(steps, probability, *, reach):
    """Chi-square of the counts of -reach..reach, and of all beyond on either side together."""
    inside = np.arange(-reach, reach + 1)
    expected = probability(inside)
    counts = [(steps == x).sum() for x in inside]
    counts = np.array([(steps < -reach).sum(), *counts, (steps > reach).sum()])
    rest = (1 - expected.sum()) / 2
    return chisquare(counts, np.array([rest, *expected, rest]) * steps.size).pvalue


@pytest.mark.parametrize("log2_scale", [0, 1, 2, 3])
def test_laplace_steps_have_exactly_these_probabilities(log2_scale, bits):
    scale = 2**log2_scale
    steps = laplace_steps(200_000, log2_scale=log2_scale, bits=bits)
    assert (
        exact_pvalue(steps, lambda x: laplace_probability(x, scale), reach=4 * scale) > FALSE_ALARM
    )
    assert (
        exact_pvalue(steps, lambda x: laplace_probability(x, 1.04 * scale), reach=4 * scale)
        < FALSE_ALARM
    )


@pytest.mark.parametrize("log2_stddev", [0, 1, 2, 3])
def test_gaussian_steps_have_exactly_these_probabilities(log2_stddev, bits):
    stddev = 2**log2_stddev
    steps = gaussian_steps(200_000, log2_stddev=log2_stddev, bits=bits)
    assert (
        exact_pvalue(steps, lambda x: gaussian_probability(x, stddev), reach=3 * stddev)
        > FALSE_ALARM
    )
    assert (
        exact_pvalue(steps, lambda x: gaussian_probability(x, 1.03 * stddev), reach=3 * stddev)
        < FALSE_ALARM
    )


def test_zero_is_not_counted_twice(bits):
    # With -0 kept as 0, zero would come up 1 - exp(-1) = 0.63 of the time instead of 0.46.
    steps = laplace_steps(100_000, log2_scale=0, bits=bits)
    assert (steps == 0).mean() == pytest.approx(math.tanh(0.5), abs=0.01)


# The integers at 2^40 steps, where only the law as a whole can be seen


def test_laplace_steps_follow_their_law_at_full_resolution(bits):
    steps = laplace_steps(200_000, bits=bits)
    assert kstest(steps / 2.0**40, "laplace").pvalue > FALSE_ALARM
    assert kstest(steps / 2.0**40 * 1.04, "laplace").pvalue < FALSE_ALARM


def test_gaussian_steps_follow_their_law_at_full_resolution(bits):
    steps = gaussian_steps(200_000, bits=bits)
    assert kstest(steps / 2.0**40, "norm").pvalue > FALSE_ALARM
    assert kstest(steps / 2.0**40 * 1.03, "norm").pvalue < FALSE_ALARM


@pytest.mark.parametrize("draw", [laplace_steps, gaussian_steps])
def test_steps_are_independent_of_each_other_and_uniform_in_their_low_digits(draw, bits):
    steps = draw(100_000, bits=bits)
    assert chisquare(np.bincount(steps & 255, minlength=256)).pvalue > FALSE_ALARM
    assert chisquare(np.bincount(steps & 254, minlength=256)).pvalue < FALSE_ALARM
    grades = np.searchsorted(np.quantile(steps, [0.25, 0.5, 0.75]), steps)
    table = np.histogram2d(grades[:-1], grades[1:], bins=(4, 4))[0]
    assert chi2_contingency(table).pvalue > FALSE_ALARM
    copied = np.where(np.arange(steps.size) % 30 == 0, np.roll(grades, 1), grades)
    table = np.histogram2d(copied[:-1], copied[1:], bins=(4, 4))[0]
    assert chi2_contingency(table).pvalue < FALSE_ALARM


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 7e5])
def test_shaped_noise_is_whole_steps_of_the_grid(scale):
    values = laplace((1000,), scale=scale, bits=seeded(1)).numpy()
    steps = laplace_steps(1000, bits=seeded(1))
    assert np.array_equal(values, steps * (scale * 2.0**-40))
    values = gaussian((1000,), stddev=scale, bits=seeded(1)).numpy()
    assert np.array_equal(values, gaussian_steps(1000, bits=seeded(1)) * (scale * 2.0**-40))


# The comparison that the exact Gaussian stands on


@given(
    magnitude=st.integers(0, 2**43),
    log2_stddev=st.integers(0, 40),
    offset=st.integers(-3, 3) | st.integers(-(2**70), 2**70),
)
def test_the_comparison_is_that_of_whole_numbers(magnitude, log2_stddev, offset):
    # E is put within `offset` times 2^-128 of the bar, closer than any float can tell.
    stddev = 2**log2_stddev
    bar = Fraction((magnitude - stddev) ** 2, 2 * stddev**2)
    exponential = int(bar * 2**128) + offset
    assume(0 <= exponential < 2**190)
    whole, rest, more = exponential >> 128, (exponential >> 64) & ALL_ONES, exponential & ALL_ONES
    exceeds = noise._exceeds_half_square(
        np.array([whole]),
        np.array([rest], dtype=np.uint64),
        np.array([magnitude]),
        log2_stddev=log2_stddev,
        bits=ScriptedBits(more),
    )
    assert bool(exceeds[0]) == (offset >= 0)


# What is compared, and the fast one


def test_gumbel_noise_follows_its_law(bits):
    values = gumbel((200_000,), scale=2.0, bits=bits).numpy()
    assert kstest(values, gumbel_r(scale=2.0).cdf).pvalue > FALSE_ALARM
    assert kstest(values, gumbel_r(scale=2.06).cdf).pvalue < FALSE_ALARM


def test_gumbel_noise_is_finite_at_both_ends_of_the_words():
    values = gumbel((3,), scale=1.0, bits=ScriptedBits(0, 2**63, ALL_ONES))
    assert values.tolist() == pytest.approx(
        [65 * math.log(2), -math.log(math.log(2)), -math.log(53 * math.log(2))]
    )


def test_fast_noise_follows_the_normal_law_on_its_grid(bits):
    values = fast_gaussian(200_001, bits=bits).numpy()
    assert kstest(values, "norm").pvalue > FALSE_ALARM
    assert kstest(values * 1.03, "norm").pvalue < FALSE_ALARM
    assert np.array_equal(values * 2.0**30, np.rint(values * 2.0**30))


def test_fast_noise_is_independent_within_a_pair(bits):
    # The two of a pair share a radius, so a slip shows in the relation of their magnitudes.
    pairs = fast_gaussian(2 * noise._PAIRS_AT_ONCE * 5, bits=bits).reshape(5, 2, -1)
    grades = np.searchsorted([-0.6745, 0.0, 0.6745], pairs.numpy())
    table = np.histogram2d(grades[:, 0].ravel(), grades[:, 1].ravel(), bins=(4, 4))[0]
    assert chi2_contingency(table).pvalue > FALSE_ALARM
    same_radius = np.where(grades[:, 0] % 3 == 0, 1, grades[:, 1])
    table = np.histogram2d(grades[:, 0].ravel(), same_radius.ravel(), bins=(4, 4))[0]
    assert chi2_contingency(table).pvalue < FALSE_ALARM


def test_fast_noise_is_finite_at_both_ends_of_the_words():
    ends = fast_gaussian(4, bits=ScriptedBits(0, ALL_ONES, 0, 2**63))
    assert ends.tolist() == pytest.approx([math.sqrt(106 * math.log(2)), 0.0, 0.0, 0.0], abs=1e-7)
