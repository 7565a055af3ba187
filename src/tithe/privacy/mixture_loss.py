"""The loss distribution of two sums that move apart, each by a binomial number of lengths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, logsumexp

from tithe.privacy.binomial_mixture import Vector, log_ratio, log_weights
from tithe.privacy.events import TouchedRowSteps

if TYPE_CHECKING:
    from dp_accounting.pld.pld_pmf import PLDPmf
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

_WIDTH = 10.0  # standard deviations beyond the farthest peak; what is there is an infinite loss
_PLACES = 2**14  # of the table from which each cut is looked up before it is halved down
_HALVINGS = 30


def touched_rows_loss(steps: TouchedRowSteps, *, grid: float) -> PrivacyLossDistribution:
    """The loss distribution of one step, rounded so that no hockey-stick divergence shrinks.

    Guarantee: for each direction, that of the pair ``sum_i w_i N(i, s^2)`` and
    ``sum_j v_j N(-j, s^2)``, by connect the dots; losses of a chance below 1e-22 are infinite.

    Args:
      steps: its ``count`` is not looked at.
      grid: distance between two losses, > 0.
    Source: Doroshenko et al. 2022, Algorithm 1.
    """
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

    brought = log_weights(steps.most_brought, steps.sampling_rate)
    taken = log_weights(steps.most_taken, steps.sampling_rate)
    with_it = _rounded(brought, taken, stddev=steps.noise_multiplier, grid=grid)
    if steps.most_brought == steps.most_taken:  # then both directions are mirror images
        return PrivacyLossDistribution(with_it)
    without_it = _rounded(taken, brought, stddev=steps.noise_multiplier, grid=grid)
    return PrivacyLossDistribution(with_it, without_it)


def typical_losses(steps: TouchedRowSteps) -> tuple[float, float]:
    """The typical and the largest loss of one step, roughly; they only choose a grid."""
    stddev = steps.noise_multiplier
    forward = log_weights(steps.most_brought, steps.sampling_rate)
    backward = log_weights(steps.most_taken, steps.sampling_rate)
    at = _line(forward, backward, stddev=stddev, places=4001)
    losses = pair_loss(at, forward, backward, noise_multiplier=stddev)
    over = log_ratio(at, forward, noise_multiplier=stddev)
    density = np.exp(over - 0.5 * (at / stddev) ** 2)
    typical = math.sqrt(float((losses**2 * density).sum() / density.sum()))
    return typical, float(np.abs(losses[[0, -1]]).max())


def pair_loss(at: Vector, forward: Vector, backward: Vector, *, noise_multiplier: float) -> Vector:
    """``ln P(x) / Q(x)`` for ``P = sum_i w_i N(i, s^2)`` and ``Q = sum_j v_j N(-j, s^2)``.

    It rises with x, so the best test between the two is a cut.
    """
    ahead = log_ratio(at, forward, noise_multiplier=noise_multiplier)
    return ahead - log_ratio(-at, backward, noise_multiplier=noise_multiplier)


def hockey_sticks(epsilons: Vector, forward: Vector, backward: Vector, *, stddev: float) -> Vector:
    """``P(x > t) - exp(epsilon) Q(x > t)`` at the cut t where the loss is epsilon, for each.

    Beyond the ends of the line the cut is at its end. A cut that is off by h lowers the value by
    about h**2, and here h is below 1e-10 of the line.

    Args:
      epsilons: ascending, shape ``(n,)``.
      forward: logarithms of w, the chances that P moves by 0, 1, ... lengths.
      backward: logarithms of v, likewise of Q.
      stddev: s, in lengths.
    Returns:
      Shape ``(n,)``, in [0, 1].
    """
    line = _line(forward, backward, stddev=stddev, places=_PLACES)
    losses = pair_loss(line, forward, backward, noise_multiplier=stddev)
    right = np.searchsorted(losses, epsilons).clip(1, len(line) - 1)
    low, high = line[right - 1], line[right]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = pair_loss(middle, forward, backward, noise_multiplier=stddev) < epsilons
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    cut = (low + high) / 2
    kept = np.exp(_log_above(cut, forward, stddev=stddev))
    given = np.exp(epsilons + _log_above(cut, backward, stddev=stddev, sign=-1))
    sticks: Vector = np.clip(kept - given, 0.0, 1.0)
    return sticks


def _rounded(forward: Vector, backward: Vector, *, stddev: float, grid: float) -> PLDPmf:
    """One direction: P has the losses, and Q is what it is compared with."""
    from dp_accounting.pld.pld_pmf import create_pmf_pessimistic_connect_dots_fixed_gap

    ends = _line(forward, backward, stddev=stddev, places=2)
    lowest, highest = pair_loss(ends, forward, backward, noise_multiplier=stddev) / grid
    first, last = math.floor(lowest), math.ceil(highest)
    epsilons = np.arange(first, last + 1) * grid
    sticks = hockey_sticks(epsilons, forward, backward, stddev=stddev)
    sticks[-1] = max(sticks[-1], math.exp(float(_log_above(ends, forward, stddev=stddev)[-1])))
    falling = np.maximum.accumulate(sticks[::-1])[::-1]  # but for rounding it falls already
    return create_pmf_pessimistic_connect_dots_fixed_gap(grid, first, last, falling)


def _line(forward: Vector, backward: Vector, *, stddev: float, places: int) -> Vector:
    """An even grid over all places where P or Q may well be."""
    margin = _WIDTH * stddev
    return np.linspace(1 - len(backward) - margin, len(forward) - 1 + margin, places)


def _log_above(cut: Vector, log_chances: Vector, *, stddev: float, sign: int = 1) -> Vector:
    """Logarithms of the mixture's chances to be above each cut; its peaks lie to that side of 0."""
    peaks = sign * np.arange(len(log_chances))
    above = log_ndtr((peaks - cut[:, None]) / stddev)
    chances: Vector = logsumexp(log_chances + above, axis=1)
    return chances
