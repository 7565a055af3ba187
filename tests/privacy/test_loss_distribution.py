"""Loss distributions: never below an exact cost, barely above it, and quick at any size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from prv_accountant import PoissonSubsampledGaussianMechanism, PRVAccountant
from scipy.optimize import brentq

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import GaussianSteps, LaplaceRelease, SparseVectorSelection

HERS = {"unit": "participant", "relation": "replace"}
ROW = {"unit": "record", "relation": "add_or_remove"}


def steps(noise_multiplier, sampling_rate=1.0, count=1, **neighbours):
    return GaussianSteps(noise_multiplier, sampling_rate, count, **(neighbours or ROW))


def sparse(threshold, query, count, is_redrawn, **more):
    return SparseVectorSelection(threshold, query, count, is_redrawn, **more, **HERS)


def exact_gaussian(noise_multiplier, delta):
    # Balle & Wang 2018, Theorem 8: delta of one Gaussian mechanism at every epsilon.
    def delta_at(epsilon):
        middle, shift = 0.5 / noise_multiplier, epsilon * noise_multiplier
        law = scipy.stats.norm
        return law.cdf(middle - shift) - math.exp(epsilon) * law.cdf(-middle - shift)

    return brentq(lambda epsilon: delta_at(epsilon) - delta, 0, 200, xtol=1e-12)


@pytest.mark.parametrize("noise_multiplier", [0.2, 0.5, 1.0, 3.0, 20.0, 300.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-8])
def test_one_gaussian_is_never_below_its_exact_cost_and_barely_above(noise_multiplier, delta):
    exact = exact_gaussian(noise_multiplier, delta)
    pld = epsilon_of([steps(noise_multiplier)], delta=delta)
    rdp = epsilon_of([steps(noise_multiplier)], delta=delta, accountant="rdp")
    assert exact <= pld <= 1.001 * exact
    assert exact <= rdp <= 1.3 * exact + 0.01


def test_many_gaussians_are_one_with_less_noise():
    many = epsilon_of([steps(5.0, count=9), steps(2.5, count=4)], delta=1e-5)
    one = (9 / 5**2 + 4 / 2.5**2) ** -0.5
    assert many == pytest.approx(exact_gaussian(one, 1e-5), rel=1e-3)
    assert many >= exact_gaussian(one, 1e-5)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_worst_pure_mechanisms_compose_as_randomized_response_does(count):
    # Kairouz, Oh & Viswanath 2015, Theorem 3.3: the loss is a binomial one.
    each, delta = 0.2, 1e-4
    truths = np.arange(count + 1)
    losses = (2 * truths - count) * each
    mass = scipy.stats.binom(count, 1 / (1 + math.exp(-each))).pmf(truths)

    def delta_at(epsilon):
        return float(np.sum(mass * np.maximum(0, -np.expm1(epsilon - losses))))

    exact = brentq(lambda epsilon: delta_at(epsilon) - delta, 0, count * each, xtol=1e-12)
    found = epsilon_of([sparse(10.0, 20.0, count, True)], delta=delta)
    assert exact <= found <= exact + 0.003


def test_a_single_laplace_value_costs_its_hockey_stick():
    # delta(epsilon) = 1 - exp((epsilon - 1 / b) / 2): Balle, Barthe & Gaboardi 2018, Theorem 3.
    delta = 1e-2
    exact = 0.5 + 2 * math.log1p(-delta)
    found = epsilon_of([LaplaceRelease(2.0, 1, **HERS)], delta=delta)
    assert exact <= found <= exact + 0.002


def test_a_hundred_thousand_values_are_quick_and_within_the_finer_bounds():
    epsilon = epsilon_of([LaplaceRelease(1000.0, 100_000, **HERS)], delta=1e-5)
    # Each loss is at most 1e-3 with mean 5e-7: about a Gaussian of noise multiplier sqrt(10).
    assert epsilon == pytest.approx(exact_gaussian(math.sqrt(10), 1e-5), rel=2e-3)


@pytest.mark.parametrize(
    ("sigma", "rate", "count"), [(1.1, 256 / 60_000, 14_062), (0.8, 0.02, 500), (4.0, 0.3, 200)]
)
def test_another_accountant_agrees_within_its_error(sigma, rate, count):
    theirs = PRVAccountant(
        prvs=[PoissonSubsampledGaussianMechanism(rate, sigma)],
        max_self_compositions=[count],
        eps_error=0.01,
        delta_error=1e-8,
    )
    low, _, high = theirs.compute_epsilon(1e-5, [count])
    found = epsilon_of([steps(sigma, rate, count)], delta=1e-5)
    assert low <= found <= high + 0.002 * high


def test_a_delta_beyond_the_transforms_precision_is_left_to_the_coarser_accountant():
    event = [steps(1.1, 256 / 60_000, 14_062)]
    rdp = epsilon_of(event, delta=1e-12, accountant="rdp")
    assert epsilon_of(event, delta=1e-12) == rdp
