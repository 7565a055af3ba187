"""Sums that move by as many lengths as a binomial law says, under Gaussian noise."""

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
    orders: Sequence[float],
    *,
    noise_multiplier: float,
    sampling_rate: float,
    most_copies: int,
    most_taken: int = 0,
) -> Vector:
    """The larger of ``D_a(P || Q)`` and ``D_a(Q || P)`` at each order, shape ``(len(orders),)``.

    P moves forward by one length for each copy that is taken, and Q back by one for each row that P
    is without: ``P = sum_i w_i N(i, s^2)``, ``Q = sum_j v_j N(-j, s^2)``, w and v binomial. So both
    directions are one integral, the second with the two numbers of rows changed over and the line
    mirrored. Infinity at orders for which its grid would be too large.

    Args:
      orders: a > 1.
      noise_multiplier: s, in lengths of one copy, > 0.
      sampling_rate: q, in (0, 1).
      most_copies: of P's rows, >= 1.
      most_taken: of Q's, >= 0; 0 leaves Q where it is.
    """
    there, back = (
        _one_way(
            orders,
            noise_multiplier=noise_multiplier,
            forward=log_weights(forward, sampling_rate),
            backward=log_weights(backward, sampling_rate),
        )
        for forward, backward in ((most_copies, most_taken), (most_taken, most_copies))
    )
    return np.maximum(there, back)


def _one_way(
    orders: Sequence[float], *, noise_multiplier: float, forward: Vector, backward: Vector
) -> Vector:
    """``D_a(P || Q)`` at each order, rounded up, by a sum over an even grid.

    For these analytic integrands such a sum converges faster than any power of its step; what lies
    beyond the grid is bounded above and added.
    """
    scale, found = noise_multiplier, np.full(len(orders), math.inf)
    most, least = len(forward) - 1, len(backward) - 1
    step = min(scale, scale * scale) / 8
    room = step * _MOST_POINTS - 2 * _WIDTH * scale - least
    fit = [place for place, order in enumerate(orders) if order * max(most, 1) <= room]
    if scale < _LEAST_NOISE or not fit:
        return found
    low = -least - _WIDTH * scale
    high = max(orders[place] for place in fit) * most + _WIDTH * scale
    at = np.arange(low, high + step, step)
    over = log_ratio(at, forward, noise_multiplier=scale)
    under = log_ratio(-at, backward, noise_multiplier=scale)
    log_base = -0.5 * (at / scale) ** 2 + math.log(step / (scale * math.sqrt(2 * math.pi)))
    for place in fit:
        order = orders[place]
        end = math.ceil((order * most - low + _WIDTH * scale) / step) + 1
        some = slice(0, min(end, len(at)))
        log_integral = _log_integral(
            order,
            at[some] / scale,
            over[some],
            under[some],
            log_base[some],
            steepest=order * most / scale,
            log_least=float(backward[0]),
        )
        found[place] = (max(log_integral, 0.0) * (1 + _RELATIVE) + _ABSOLUTE) / (order - 1)
    return found


def _log_integral(
    order: float,
    at: Vector,
    over: Vector,
    under: Vector,
    log_base: Vector,
    *,
    steepest: float,
    log_least: float,
) -> float:
    """``ln E_Q[(P / Q)**a]`` over a grid of x / s.

    With N the noise alone, ``over = ln P / N`` and ``under = ln Q / N``. ``over`` rises, by at most
    ``steepest / a`` a unit; ``under`` falls, and is at least ``log_least``, the logarithm of the
    chance that none of Q's rows is taken. So above the grid Q is at least that part of N, and below
    it ``over`` and ``under`` are no better than at its end.
    """
    low, high = float(at[0]), float(at[-1])
    beyond = steepest * (steepest / 2 - high) + log_ndtr(steepest - high)
    parts = [
        logsumexp(order * over + (1 - order) * under + log_base),
        order * over[-1] + (1 - order) * log_least + beyond,
        order * over[0] + (1 - order) * under[0] + log_ndtr(low),
    ]
    return float(logsumexp(parts))
