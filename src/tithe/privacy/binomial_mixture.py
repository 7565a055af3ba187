"""A sum that moves by as many lengths as a binomial law says, under Gaussian noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp
from scipy.stats import binom

_WIDTH = 14.0  # standard deviations beyond the farthest peak; the rest is bounded and added
_MOST_POINTS = 2**17
_LEAST_NOISE = 0.1  # below it the grid would have to be very fine
_RELATIVE, _ABSOLUTE = 1e-10, 1e-13  # added to a logarithm; far above what the sums lose

Vector = NDArray[np.float64]


def log_weights(most_copies: int, sampling_rate: float) -> Vector:
    """Logarithms of the chances that 0, 1, ... of the copies are taken, shape ``(k + 1,)``."""
    law = binom(most_copies, sampling_rate)
    return np.asarray(law.logpmf(np.arange(most_copies + 1)), dtype=np.float64)


def log_ratio(at: Vector, log_chances: Vector, *, noise_multiplier: float) -> Vector:
    """``ln P(x) / Q(x)`` for the mixture ``P = sum_j w_j N(j, s^2)`` and ``Q = N(0, s^2)``."""
    variance = noise_multiplier * noise_multiplier
    total = np.full(at.shape, -math.inf)
    for moved, log_chance in enumerate(log_chances):
        if log_chance > -math.inf:
            moved_by = (moved * at - moved * moved / 2) / variance
            total = np.logaddexp(total, log_chance + moved_by)
    return total


def mixture_renyi(
    orders: Sequence[float], *, noise_multiplier: float, sampling_rate: float, most_copies: int
) -> Vector:
    """The larger of ``D_a(P || Q)`` and ``D_a(Q || P)`` at each order, shape ``(len(orders),)``.

    Infinity at orders for which the grid would be too large. Both integrals are sums over an even
    grid, which for these analytic integrands converge faster than any power of its step; what lies
    beyond the grid is bounded above and added.

    Args:
      orders: a > 1.
      noise_multiplier: s, in lengths of one copy, > 0.
      sampling_rate: q, in (0, 1).
      most_copies: k, >= 1.
    """
    scale, found = noise_multiplier, np.full(len(orders), math.inf)
    step = min(scale, scale * scale) / 8
    largest = (step * _MOST_POINTS - 2 * _WIDTH * scale) / most_copies
    fit = [place for place, order in enumerate(orders) if order <= largest]
    if scale < _LEAST_NOISE or not fit:
        return found
    high = max(orders[place] for place in fit) * most_copies + _WIDTH * scale
    at = np.arange(-_WIDTH * scale, high + step, step)
    log_chances = log_weights(most_copies, sampling_rate)
    ratio = log_ratio(at, log_chances, noise_multiplier=scale)
    log_base = -0.5 * (at / scale) ** 2 + math.log(step / (scale * math.sqrt(2 * math.pi)))
    for place in fit:
        order = orders[place]
        end = math.ceil((order * most_copies + 2 * _WIDTH * scale) / step) + 1
        some = slice(0, min(end, len(at)))
        logs = _log_integrals(
            order,
            at[some] / scale,
            ratio[some],
            log_base[some],
            steepest=order * most_copies / scale,
            log_least=float(log_chances[0]),
        )
        found[place] = (max(logs, 0.0) * (1 + _RELATIVE) + _ABSOLUTE) / (order - 1)
    return found


def _log_integrals(
    order: float,
    at: Vector,
    ratio: Vector,
    log_base: Vector,
    *,
    steepest: float,
    log_least: float,
) -> float:
    """The larger of ``ln E_Q[(P / Q)**a]`` and ``ln E_Q[(P / Q)**(1 - a)]``, over a grid of x / s.

    Beyond the grid ``ln P / Q`` rises by at most ``steepest / a`` a unit and is at least
    ``log_least``, the logarithm of the chance that no copy is taken.
    """
    low, high = float(at[0]), float(at[-1])
    beyond = steepest * (steepest / 2 - high) + log_ndtr(steepest - high)
    there = [
        logsumexp(order * ratio + log_base),
        order * ratio[-1] + beyond,
        order * ratio[0] + log_ndtr(low),
    ]
    back = [
        logsumexp((1 - order) * ratio + log_base),
        (1 - order) * ratio[-1] + log_ndtr(-high),
        (1 - order) * log_least + log_ndtr(low),
    ]
    return float(max(logsumexp(there), logsumexp(back)))
