"""The loss of two sums that move apart: what it is made of, and that it is never understated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from tithe.privacy.binomial_mixture import log_weights
from tithe.privacy.events import TouchedRowSteps
from tithe.privacy.mixture_loss import hockey_sticks, pair_loss, touched_rows_loss, typical_losses

rows = st.integers(0, 6)
rates = st.floats(1e-4, 0.999)


def step(noise_multiplier=1.0, rate=0.1, brought=3, taken=1):
    return TouchedRowSteps(
        noise_multiplier, rate, brought, taken, unit="record", relation="add_or_remove"
    )


def density(at, stddev, rate, number, sign):
    weights = binom(number, rate).pmf(range(number + 1))
    return sum(w * norm(sign * j, stddev).pdf(at) for j, w in enumerate(weights))


@given(st.floats(0.2, 20), rates, rows, rows)
def test_the_loss_rises_along_the_line(stddev, rate, forward, backward):
    at = np.linspace(-backward - 8 * stddev, forward + 8 * stddev, 500)
    weights = log_weights(forward, rate), log_weights(backward, rate)
    assert (np.diff(pair_loss(at, *weights, noise_multiplier=stddev)) >= -1e-12).all()


@pytest.mark.parametrize(("forward", "backward"), [(3, 1), (1, 4), (2, 2)])
@pytest.mark.parametrize(("stddev", "rate"), [(1.0, 0.05), (0.6, 0.4), (5.0, 0.9)])
def test_hockey_sticks_are_those_of_a_finer_sum(forward, backward, stddev, rate):
    at = np.linspace(-backward - 14 * stddev, forward + 14 * stddev, 400_001)
    there = density(at, stddev, rate, forward, 1)
    gone = density(at, stddev, rate, backward, -1)
    epsilons = np.array([-3.0, -0.2, 0.0, 0.01, 0.7, 2.5])
    found = hockey_sticks(
        epsilons, log_weights(forward, rate), log_weights(backward, rate), stddev=stddev
    )
    by_hand = [np.trapezoid(np.maximum(there - math.exp(e) * gone, 0), at) for e in epsilons]
    assert found == pytest.approx(by_hand, rel=1e-6, abs=1e-13)


@pytest.mark.parametrize("event", [step(), step(0.5, 0.01, 1, 1), step(3.0, 0.6, 2, 5)])
def test_rounding_to_a_grid_never_shrinks_a_hockey_stick(event):
    loss = touched_rows_loss(event, grid=2**-7)
    weights = [
        log_weights(number, event.sampling_rate)
        for number in (event.most_brought, event.most_taken)
    ]
    epsilons = np.linspace(0, 4, 33) + 0.003
    sticks = [
        hockey_sticks(epsilons, *pair, stddev=event.noise_multiplier)
        for pair in (weights, weights[::-1])
    ]
    found = np.array([loss.get_delta_for_epsilon(epsilon) for epsilon in epsilons])
    exact = np.maximum(*sticks)
    assert (found >= exact * (1 - 1e-9) - 1e-14).all()
    assert found == pytest.approx(exact, rel=0.05, abs=1e-9)


def test_the_typical_loss_is_its_root_mean_square():
    at = np.linspace(-12, 14, 100_001)
    there, gone = density(at, 1.0, 0.1, 3, 1), density(at, 1.0, 0.1, 1, -1)
    by_hand = math.sqrt(np.trapezoid(there * np.log(there / gone) ** 2, at))
    typical, largest = typical_losses(step())
    assert typical == pytest.approx(by_hand, rel=1e-3)
    assert largest > 10 * typical
