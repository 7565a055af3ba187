"""Privacy loss distributions: the tightest figure for a list of events, rounded upward."""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from tithe.privacy.binomial_mixture import log_ratio, log_weights
from tithe.privacy.events import (
    GaussianSteps,
    LaplaceRelease,
    PrivateEvent,
    RepeatedRowSteps,
    TouchedRowSteps,
)
from tithe.privacy.mixture_loss import touched_rows_loss, typical_losses
from tithe.privacy.neighbours import Comparable
from tithe.privacy.pure import pure_epsilon

if TYPE_CHECKING:
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

LARGEST_EPSILON = 500.0
"""Past this, exp(epsilon) leaves the floats and nobody is protected: other accountants answer."""

_LARGEST_GRID = 2**17  # points of one distribution; bounds time and memory
_BLOCK = 4096  # compositions by one Fourier transform
_TAIL = 1e-15  # mass that is called an infinite loss rather than followed


def loss_epsilon(
    released: Comparable, *, delta: float, at_most: float, grid: float | None = None
) -> float:
    """The epsilon at ``delta`` of everything together, or infinity where this layer cannot tell.

    Guarantee: an upper bound. Every loss is rounded up to a grid or spread over two of its points
    so that no hockey-stick divergence shrinks (connect the dots), tails become infinite losses, and
    what the Fourier transform may lose is taken off delta first. It is a report over releases that
    have been made, not a filter that may choose the next one.

    Laplace noise here is continuous, while what is deployed is discrete with ``scale / 2**40``
    between two values. At every loss the discrete one can take the two agree, and between two such
    losses, ``2**-39 / scale`` apart, they differ by less than ``2**-80``. A discrete Gaussian on
    such a grid is as close to the continuous one. A pure mechanism is randomized response, the
    worst of its kind, which is composed exactly before it is rounded once.

    Args:
      released: mechanisms of one unit and one relation.
      delta: > 0; near ``1e-11`` and below the transform's error is too close, so infinity.
      at_most: an upper bound on the answer that is known already; it sets the grid.
      grid: distance between two losses; by default fine enough to add about 0.1% to epsilon.
    Source: Koskela, Jalko & Honkela 2020; Doroshenko et al. 2022, Algorithm 1 (connect the dots);
      Kairouz, Oh & Viswanath 2015, Theorem 3.3 (randomized response); Zhu, Dong & Wang 2022,
      Theorem 10 (dominating pairs compose).
    """
    num_rounded = sum(times for mechanism, times in released.counts if _is_transformed(mechanism))
    lost = 1e-12 + 1e-16 * num_rounded
    if released.has_plain or delta < 10 * lost or not at_most <= LARGEST_EPSILON:
        return math.inf
    if not released.counts or at_most == 0:
        return 0.0
    step = grid if grid is not None else _grid(released, at_most=at_most)
    try:
        parts = [_composed(mechanism, times, step) for mechanism, times in _merged(released)]
        together = reduce(lambda one, other: one.compose(other), parts)
        return float(together.get_epsilon_for_delta(delta - lost))
    except (ArithmeticError, ValueError):  # numbers at the edge of the floats: no claim is made
        return math.inf


def _is_transformed(mechanism: PrivateEvent) -> bool:
    """Whether its composition is computed by Fourier transform rather than in closed form."""
    if isinstance(mechanism, GaussianSteps):
        return mechanism.sampling_rate < 1
    return isinstance(mechanism, LaplaceRelease | RepeatedRowSteps | TouchedRowSteps)


def _merged(released: Comparable) -> list[tuple[PrivateEvent, int]]:
    """The same, with all Gaussians that see every unit as one: their ``1 / stddev**2`` add up."""
    rest: list[tuple[PrivateEvent, int]] = []
    precision = 0.0
    for mechanism, times in released.counts:
        if isinstance(mechanism, GaussianSteps) and mechanism.sampling_rate == 1:
            precision += times / mechanism.noise_multiplier**2
        else:
            rest.append((mechanism, times))
    if precision == 0:
        return rest
    one = GaussianSteps(precision**-0.5, unit=released.unit, relation=released.relation)
    return [(one, 1), *rest]


def _composed(mechanism: PrivateEvent, times: int, grid: float) -> PrivacyLossDistribution:
    """The loss distribution of one mechanism that ran ``times`` times."""
    if not _is_transformed(mechanism) and not isinstance(mechanism, GaussianSteps):
        return _randomized_response(pure_epsilon(mechanism), times, grid)
    return _repeated(_single(mechanism, grid), times)


def _repeated(single: PrivacyLossDistribution, times: int) -> PrivacyLossDistribution:
    """``times`` compositions, in blocks, for the tails of a million at once are cut too far out."""
    blocks, rest = divmod(times, _BLOCK)
    parts = []
    if blocks:
        parts.append(_repeated(single.self_compose(_BLOCK), blocks))
    if rest:
        parts.append(single if rest == 1 else single.self_compose(rest))
    return reduce(lambda one, other: one.compose(other), parts)


@lru_cache(maxsize=64)
def _single(mechanism: PrivateEvent, grid: float) -> PrivacyLossDistribution:
    """The loss distribution of one additive mechanism, by connect the dots."""
    import dp_accounting
    from dp_accounting.pld import privacy_loss_distribution as distribution

    if isinstance(mechanism, LaplaceRelease):
        return distribution.from_laplace_mechanism(
            mechanism.scale, value_discretization_interval=grid
        )
    if isinstance(mechanism, TouchedRowSteps):
        return touched_rows_loss(mechanism, grid=grid)
    if isinstance(mechanism, RepeatedRowSteps):
        chances = np.exp(log_weights(mechanism.most_copies, mechanism.sampling_rate))
        return distribution.from_mixture_gaussian_mechanism(
            mechanism.noise_multiplier,
            sensitivities=np.arange(len(chances), dtype=np.float64),
            sampling_probs=chances / chances.sum(),
            value_discretization_interval=grid,
        )
    assert isinstance(mechanism, GaussianSteps)
    relations = dp_accounting.NeighboringRelation
    is_replaced = mechanism.relation == "replace"
    return distribution.from_gaussian_mechanism(
        mechanism.noise_multiplier,
        sensitivity=0.5 if is_replaced else 1.0,  # what one of the two units contributes at most
        sampling_prob=mechanism.sampling_rate,
        value_discretization_interval=grid,
        neighboring_relation=(
            relations.REPLACE_ONE if is_replaced else relations.ADD_OR_REMOVE_ONE
        ),
    )


def _randomized_response(epsilon: float, times: int, grid: float) -> PrivacyLossDistribution:
    """The worst ``times``-fold composition of epsilon-DP mechanisms: a binomial loss."""
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution
    from scipy.stats import binom

    law = binom(times, expit(epsilon))
    low, high = (int(law.ppf(_TAIL)), int(law.isf(_TAIL))) if times > 1 else (0, 1)
    truths = np.arange(low, high + 1)
    mass = law.pmf(truths)
    mass[0] = law.cdf(low)  # the lower tail is rounded up, the upper one is lost
    point = np.ceil((2 * truths - times) * (epsilon / grid)).astype(np.int64)
    points, where = np.unique(point, return_inverse=True)
    rounded = np.bincount(where, weights=mass)
    return PrivacyLossDistribution.create_from_rounded_probability(
        dict(zip(points.tolist(), rounded.tolist(), strict=True)), float(law.sf(high)), grid
    )


def _grid(released: Comparable, *, at_most: float) -> float:
    """A power of two small enough that rounding is lost in epsilon, large enough to be quick.

    Spreading a loss over two points adds at most ``grid**2 / 4`` to its variance. Keeping that
    below 1% of the sum of all variances keeps epsilon within about 0.1% of its value.
    """
    variance, num_rounded, widest = 0.0, 0, 0.0
    for mechanism, times in _merged(released):
        typical, largest = _sizes(mechanism)
        variance += times * typical**2
        num_rounded += times if _is_transformed(mechanism) else 1
        widest = max(widest, largest * (1 if _is_transformed(mechanism) else min(times, 40)))
    fine = min(math.sqrt(0.01 * variance / num_rounded), 0.002 * at_most)
    coarse = max(widest, 20 * math.sqrt(variance)) / _LARGEST_GRID
    return float(2.0 ** math.floor(math.log2(max(fine, coarse))))


def _sizes(mechanism: PrivateEvent) -> tuple[float, float]:
    """The typical and the largest loss of one mechanism, roughly; they only choose a grid."""
    if isinstance(mechanism, RepeatedRowSteps):
        return _sizes_of_copies(mechanism)
    if isinstance(mechanism, TouchedRowSteps):
        return typical_losses(mechanism)
    if not isinstance(mechanism, GaussianSteps):
        epsilon = pure_epsilon(mechanism)
        return epsilon, epsilon
    per_unit = 1 / mechanism.noise_multiplier
    largest = per_unit**2 / 2 + 10 * per_unit
    rate = mechanism.sampling_rate
    if rate == 1:
        return per_unit, largest
    rare = rate * (per_unit**4 / 4 + per_unit**2)
    spread = min(rate**2 * math.expm1(min(per_unit**2, 500.0)), rare)
    return math.sqrt(spread), math.log1p(rate * math.expm1(min(largest, 500.0)))


def _sizes_of_copies(mechanism: RepeatedRowSteps) -> tuple[float, float]:
    """The same of a binomial mixture, by its loss at many places where it is likely to be."""
    stddev, most = mechanism.noise_multiplier, mechanism.most_copies
    at = np.linspace(-10 * stddev, most + 10 * stddev, 4001)
    log_chances = log_weights(most, mechanism.sampling_rate)
    losses = log_ratio(at, log_chances, noise_multiplier=stddev)
    density = np.exp(losses - 0.5 * (at / stddev) ** 2)
    typical = math.sqrt(float((losses**2 * density).sum() / density.sum()))
    return typical, float(losses[-1])
