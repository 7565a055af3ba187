"""A release bounds first, adds exact noise to whole numbers, and says what it costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from tithe.privacy.events import GaussianSteps, LaplaceRelease
from tithe.privacy.noise import gaussian_steps, laplace_steps
from tithe.privacy.release import (
    gaussian_release_event,
    laplace_release_event,
    release_with_gaussian,
    release_with_laplace,
)
from tithe.randomness import SeededBits

FALSE_ALARM = 1e-6
ratios = st.floats(2.0**-6, 2.0**40)
bounds = st.floats(1e-9, 1e9)


def seeded(seed=1):
    return SeededBits(torch.Generator().manual_seed(seed))


def vectors(limit):
    numbers = st.floats(-limit, limit)
    return st.lists(numbers, min_size=1, max_size=30).map(
        lambda values: torch.tensor(values, dtype=torch.float64)
    )


def whole_steps(released, step):
    """The integers that were released, as Python's own; below 2^53 float64 holds them exactly."""
    steps = [round(value / step) for value in released.tolist()]
    assert [s * step for s in steps] == released.tolist()
    return steps


# Bounds come before noise


@given(vectors(1e12), bounds, ratios)
def test_each_value_stays_within_its_bound_in_whole_steps(values, gamma, ratio):
    # The sensitivity itself: without the noise, no value is further than gamma from zero.
    step = math.ldexp(gamma * ratio, -40)
    released = release_with_laplace(values, gamma=gamma, scale_in_gamma=ratio, bits=seeded())
    noise = laplace_steps(values.numel(), bits=seeded()).tolist()
    reach = 2**40 / ratio
    for noisy, added in zip(whole_steps(released, step), noise, strict=True):
        assert abs(noisy - added) <= reach


@given(vectors(1e12), bounds, ratios)
def test_a_vector_stays_within_its_norm_in_whole_steps(values, bound, ratio):
    step = math.ldexp(bound * ratio, -40)
    released = release_with_gaussian(
        values, l2_norm_bound=bound, noise_multiplier=ratio, bits=seeded()
    )
    noise = gaussian_steps(values.numel(), bits=seeded()).tolist()
    inside = [
        noisy - added for noisy, added in zip(whole_steps(released, step), noise, strict=True)
    ]
    assert math.sqrt(sum(s * s for s in inside)) <= 2**40 / ratio


@pytest.mark.parametrize("count", [1, 10_000, 1_000_000])
def test_rounding_never_lengthens_a_long_vector(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(1)).double()
    released = release_with_gaussian(
        100 * values, l2_norm_bound=1.0, noise_multiplier=2.0, bits=seeded()
    )
    steps = np.rint(released.numpy() * 2.0**39).astype(np.int64)
    inside = (steps - gaussian_steps(count, bits=seeded())).astype(object)
    square = int((inside * inside).sum())
    assert (2**39) ** 2 * (1 - 2**-18) <= square <= (2**39) ** 2


def test_a_release_of_a_bounded_input_is_the_release():
    values = torch.tensor([5.0, -0.01, 0.0, -7.0, 0.1])
    kinds = (
        lambda v: release_with_laplace(v, gamma=0.1, scale_in_gamma=2.0, bits=seeded()),
        lambda v: release_with_gaussian(v, l2_norm_bound=9, noise_multiplier=2.0, bits=seeded()),
    )
    assert torch.equal(kinds[0](values), kinds[0](values.clamp(-0.1, 0.1)))
    assert torch.equal(kinds[1](values), kinds[1](values * 1.0))
    assert not torch.equal(kinds[1](values), kinds[1](values.clamp(-0.1, 0.1)))


# What comes out


@given(
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]),
)
def test_shape_and_dtype_are_those_of_the_input_which_stays_as_it_was(shape, dtype):
    values = torch.full(shape, 0.5, dtype=dtype)
    for released in (
        release_with_laplace(values, gamma=1.0, scale_in_gamma=1.0, bits=seeded()),
        release_with_gaussian(values, l2_norm_bound=1.0, noise_multiplier=1.0, bits=seeded()),
    ):
        assert released.shape == values.shape and released.dtype == dtype
    assert torch.equal(values, torch.full(shape, 0.5, dtype=dtype))


def test_each_vector_of_a_batch_is_bounded_alone():
    batch = torch.tensor([[3.0, 4.0], [0.03, 0.04]], dtype=torch.float64)
    released = release_with_gaussian(
        batch, l2_norm_bound=1.0, noise_multiplier=2.0**-18, bits=seeded()
    )
    expected = torch.tensor([[0.6, 0.8], [0.03, 0.04]], dtype=torch.float64)
    torch.testing.assert_close(released, expected, atol=1e-4, rtol=0)


def test_the_laplace_release_is_the_bounded_value_plus_its_noise(rng):
    values = torch.linspace(-2, 2, 200_000)
    released = release_with_laplace(values, gamma=0.5, scale_in_gamma=3.0, bits=SeededBits(rng))
    noise = (released.double() - values.double().clamp(-0.5, 0.5)).numpy()
    assert kstest(noise / 1.5, "laplace").pvalue > FALSE_ALARM
    assert kstest(noise / 1.5 * 1.04, "laplace").pvalue < FALSE_ALARM
    unbounded = (released.double() - values.double()).numpy()
    assert kstest(unbounded / 1.5, "laplace").pvalue < FALSE_ALARM


def test_the_gaussian_release_is_the_bounded_vector_plus_its_noise(rng):
    values = torch.linspace(-2, 2, 200_000)
    bounded = values.double() * (200 / values.double().norm())
    released = release_with_gaussian(
        values, l2_norm_bound=200.0, noise_multiplier=2.5e-3, bits=SeededBits(rng)
    )
    noise = (released.double() - bounded).numpy()
    assert kstest(noise / 0.5, "norm").pvalue > FALSE_ALARM
    assert kstest(noise / 0.5 * 1.03, "norm").pvalue < FALSE_ALARM
    unbounded = (released.double() - values.double()).numpy()
    assert kstest(unbounded / 0.5, "norm").pvalue < FALSE_ALARM


# What it costs


@pytest.mark.parametrize(
    ("unit", "relation", "bounds_apart"),
    [
        ("participant", "replace", 2),
        ("participant", "zero_out", 1),
        ("participant", "add_or_remove", 1),
        ("record", "replace", 2),
        ("record", "zero_out", 2),  # without the record her change is another, not zero
        ("record", "add_or_remove", 2),
    ],
)
def test_costs_by_hand(unit, relation, bounds_apart):
    # Twelve values with noise of six bounds: 12 * bounds_apart / 6 in pure epsilon.
    laplace = laplace_release_event(12, scale_in_gamma=6.0, unit=unit, relation=relation)
    assert laplace == LaplaceRelease(6.0 / bounds_apart, 12, unit=unit, relation=relation)
    assert laplace.count / laplace.scale == 2 * bounds_apart
    gaussian = gaussian_release_event(noise_multiplier=6.0, unit=unit, relation=relation)
    assert gaussian == GaussianSteps(6.0 / bounds_apart, 1.0, 1, unit=unit, relation=relation)


# What is refused


@pytest.mark.parametrize("wrong", [0.0, -1.0, 2.0**-21, 2.0**41, math.nan, math.inf])
def test_noise_that_does_not_fit_its_integers_is_refused(wrong):
    neighbours = {"unit": "participant", "relation": "replace"}
    calls = {
        "scale_in_gamma": (
            lambda: release_with_laplace(
                torch.ones(1), gamma=1.0, scale_in_gamma=wrong, bits=seeded()
            ),
            lambda: laplace_release_event(1, scale_in_gamma=wrong, **neighbours),
        ),
        "noise_multiplier": (
            lambda: release_with_gaussian(
                torch.ones(1), l2_norm_bound=1.0, noise_multiplier=wrong, bits=seeded()
            ),
            lambda: gaussian_release_event(noise_multiplier=wrong, **neighbours),
        ),
    }
    for name, both in calls.items():
        for call in both:
            with pytest.raises(ValueError, match=rf"{name} must be in \[2\^-20, 2\^40\]"):
                call()


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite_never_leaves(wrong):
    values = torch.tensor([1.0, wrong])
    with pytest.raises(ValueError, match="values must be finite, got 1 of 2"):
        release_with_laplace(values, gamma=1.0, scale_in_gamma=1.0, bits=seeded())
    with pytest.raises(ValueError, match="values must be finite, got 1 of 2"):
        release_with_gaussian(values, l2_norm_bound=1.0, noise_multiplier=1.0, bits=seeded())


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_release_without_a_bound_is_refused(wrong):
    with pytest.raises(ValueError, match="gamma must be finite and > 0"):
        release_with_laplace(torch.ones(1), gamma=wrong, scale_in_gamma=1.0, bits=seeded())
    with pytest.raises(ValueError, match="l2_norm_bound must be finite and > 0"):
        release_with_gaussian(
            torch.ones(1), l2_norm_bound=wrong, noise_multiplier=1.0, bits=seeded()
        )
