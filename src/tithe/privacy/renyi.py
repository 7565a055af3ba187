"""Renyi differential privacy: what each mechanism costs at every order, and what that means."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from tithe.privacy.binomial_mixture import mixture_renyi
from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PrivateEvent,
    RepeatedRowSteps,
    SparseVectorSelection,
    TouchedRowSteps,
)
from tithe.privacy.neighbours import Comparable
from tithe.privacy.pure import pure_epsilon
from tithe.privacy.repeated_rows import as_one_contribution

ORDERS: tuple[float, ...] = (
    *(1.02, 1.03, 1.05, 1.07),
    *(1 + tenth / 10 for tenth in range(1, 100)),
    *range(11, 64),
    *(64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048),
    math.inf,
)
"""The orders looked at; the last is pure differential privacy, whose cost needs no delta."""

_ROUNDING = 1e-15
"""Added to each cost that is a small difference of large numbers, so that it errs upward."""

_NEXT_TO_NO_NOISE = 1e-2
"""Below this noise multiplier one step costs thousands, and sums of exponentials overflow."""


def renyi_cost(released: Comparable, *, orders: Sequence[float] = ORDERS) -> NDArray[np.float64]:
    """The Renyi divergence that everything together reaches at most, shape ``(len(orders),)``.

    Guarantee: an upper bound at each order, for every pair of neighbours under the unit and
    relation of ``released``. Infinity where a mechanism has no bound. The orders must ascend.
    Source: Mironov 2017, Proposition 1 (the sum).
    """
    total = np.zeros(len(orders))
    for mechanism, times in released.counts:
        total += times * _cost(mechanism, tuple(orders))
    return total + math.inf if released.has_plain else total


def epsilon_from_renyi(
    cost: NDArray[np.float64], *, delta: float, orders: Sequence[float] = ORDERS
) -> tuple[float, float]:
    """The smallest epsilon that these costs imply at this delta, and the order that gives it.

    Source: Canonne, Kamath & Steinke 2020, Proposition 12; at order infinity Mironov 2017.
    """
    from dp_accounting.rdp.rdp_privacy_accountant import compute_epsilon

    best = (math.inf, math.inf)
    for order, at_order in zip(orders, cost, strict=True):
        if math.isinf(order):
            epsilon = float(at_order)
        elif math.isinf(at_order) or delta == 0:
            continue
        else:
            epsilon = float(compute_epsilon([order], [at_order], delta)[0])
        best = min(best, (epsilon, float(order)))
    return best


@lru_cache(maxsize=1024)
def _cost(mechanism: PrivateEvent, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """The Renyi divergence of one mechanism at every order; it is shared, so never changed."""
    with np.errstate(over="ignore", invalid="ignore"):  # a cost may well be infinite
        match mechanism:
            case GaussianSteps():
                cost = _gaussian(mechanism, orders)
            case RepeatedRowSteps():
                cost = _repeated_rows(mechanism, orders)
            case TouchedRowSteps():
                cost = _touched_rows(mechanism, orders)
            case LaplaceRelease():
                cost = _laplace(mechanism.scale, orders)
            case GumbelSelection():
                epsilon = 2 / mechanism.scale
                bounded_range = np.array(orders) * epsilon * epsilon / 8
                cost = np.minimum(bounded_range, _any_pure(epsilon, orders))
            case SparseVectorSelection():
                cost = _sparse_vector(mechanism, orders)
            case _:
                raise TypeError(f"no accountant knows the event {type(mechanism).__name__}")
    cost.setflags(write=False)
    return cost


def _gaussian(steps: GaussianSteps, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """Mironov 2017, Proposition 7; sampled: Mironov, Talwar & Zhang 2019, Section 3.3.

    For one replaced unit among samples there is no closed form, so the weak triangle inequality
    passes through the data without that unit (Mironov 2017, Proposition 11):
    ``D_a(P, Q) <= (a - 1/2) / (a - 1) * D_2a(P, R) + D_(2a - 1)(R, Q)``, with contributions of at
    most half the sensitivity on either side.
    """
    if steps.sampling_rate == 1:
        return _unsampled(steps.noise_multiplier, orders)
    if steps.relation != "replace":
        return _sampled(steps.noise_multiplier, steps.sampling_rate, orders)
    halved, rate = 2 * steps.noise_multiplier, steps.sampling_rate
    away = _sampled(halved, rate, tuple(2 * order for order in orders))
    back = _sampled(halved, rate, tuple(2 * order - 1 for order in orders))
    weight = [1 if math.isinf(order) else (order - 0.5) / (order - 1) for order in orders]
    through = np.array(weight) * away + back
    return np.minimum(through, _unsampled(steps.noise_multiplier, orders))


def _repeated_rows(steps: RepeatedRowSteps, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """The divergences of the binomial mixture; where they are not worked out, the coarser bound."""
    coarse = _gaussian(as_one_contribution(steps), orders)
    exact = mixture_renyi(
        orders,
        noise_multiplier=steps.noise_multiplier,
        sampling_rate=steps.sampling_rate,
        most_copies=steps.most_copies,
    )
    return np.minimum(coarse, _from_next_order(exact))


def _touched_rows(steps: TouchedRowSteps, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """The divergences of the two mixtures; where they are not worked out, those of every row.

    A step that takes all rows that a record touches moves a sum from one side to the other by their
    number, one that takes fewer by less, and divergences are quasi-convex.
    """
    exact = mixture_renyi(
        orders,
        noise_multiplier=steps.noise_multiplier,
        sampling_rate=steps.sampling_rate,
        most_copies=steps.most_brought,
        most_taken=steps.most_taken,
    )
    num_rows = steps.most_brought + steps.most_taken
    return np.minimum(
        _unsampled(steps.noise_multiplier / num_rows, orders), _from_next_order(exact)
    )


def _from_next_order(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divergences grow with the order: where one is not worked out, the next order's is a bound."""
    bound: NDArray[np.float64] = np.minimum.accumulate(cost[::-1])[::-1]
    return bound


def _unsampled(noise_multiplier: float, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """One Gaussian that sees every unit: ``a / (2 * noise_multiplier**2)``."""
    return np.array(orders) * (1 / noise_multiplier) * (1 / noise_multiplier) / 2


def _sampled(
    noise_multiplier: float, sampling_rate: float, orders: tuple[float, ...]
) -> NDArray[np.float64]:
    """One Poisson-sampled Gaussian when a unit comes, goes or falls silent.

    Sampling never costs more than none, and with next to no noise that is what is charged.
    """
    unsampled = _unsampled(noise_multiplier, orders)
    if noise_multiplier < _NEXT_TO_NO_NOISE:
        return unsampled
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant

    event = dp_accounting.PoissonSampledDpEvent(
        sampling_rate, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    finite = [order for order in orders if math.isfinite(order)]
    cost = np.full(len(orders), math.inf)
    with _without_word_of_excluded_orders():
        cost[np.isfinite(orders)] = RdpAccountant(finite).compose(event).rdp
    bound = np.maximum(_from_next_order(cost), 0) + _ROUNDING  # the series may fail at an order
    return np.asarray(np.minimum(bound, unsampled))


@contextmanager
def _without_word_of_excluded_orders() -> Iterator[None]:
    """Keeps the accountant from warning of a series that does not converge: we have a bound."""

    def is_told(record: logging.LogRecord) -> bool:
        return "failed to converge" not in record.getMessage()

    log = logging.getLogger("absl")
    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)


def _laplace(scale: float, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """Mironov 2017, Proposition 6; never above what holds for every pure mechanism."""
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant

    finite = [order for order in orders if math.isfinite(order)]
    cost = np.full(len(orders), math.inf)
    laplace = dp_accounting.LaplaceDpEvent(scale)
    cost[np.isfinite(orders)] = RdpAccountant(finite).compose(laplace).rdp + _ROUNDING
    return np.asarray(np.minimum(cost, _any_pure(1 / scale, orders)))


def _any_pure(epsilon: float, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """The divergence of randomized response, the worst of all epsilon-DP mechanisms.

    With ``p = 1 / (1 + exp(-epsilon))`` it is
    ``ln(p**a * (1 - p)**(1 - a) + (1 - p)**a * p**(1 - a)) / (a - 1)``, at most ``epsilon`` and
    ``a * epsilon**2 / 2``. Source: Bun & Steinke 2016, Proposition 3.3.
    """
    order = np.array(orders)
    log_p = -np.logaddexp(0, -epsilon)
    exact = (log_p + np.logaddexp((order - 1) * epsilon, -order * epsilon)) / (order - 1)
    exact = np.where(np.isinf(order), epsilon, exact + _ROUNDING / (order - 1))
    return np.minimum(np.minimum(exact, order * epsilon * epsilon / 2), epsilon)


def _sparse_vector(
    selection: SparseVectorSelection, orders: tuple[float, ...]
) -> NDArray[np.float64]:
    """As for any pure mechanism, or less where the number of queries is known.

    Then ``D_a <= R1(a) + c * R2(a) + ln(sum_{j <= c} C(k, j)) / (a - 1)``, with R1 and R2 the
    Laplace divergences of the threshold and of one query: joint convexity of ``x**a * y**(1 - a)``
    over the threshold's noise leaves at most one term for each pattern of c positives among k.
    """
    cost = _any_pure(pure_epsilon(selection), orders)
    if selection.num_queries is None:
        return cost
    positives = np.arange(min(selection.count, selection.num_queries) + 1)
    queries = selection.num_queries
    log_ways = gammaln(queries + 1) - gammaln(positives + 1) - gammaln(queries - positives + 1)
    num_patterns = float(logsumexp(log_ways))
    moved = 1 if selection.is_monotonic else 2
    order = np.array(orders)
    counted = (
        _laplace(selection.threshold_scale, orders)
        + selection.count * _laplace(selection.query_scale / moved, orders)
        + num_patterns / (order - 1)
    )
    return np.minimum(cost, counted)
