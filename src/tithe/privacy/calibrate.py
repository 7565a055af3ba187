"""Calibration: the least noise, or the most turns, that a budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.optimize import brentq

from tithe.checks import require_at_least, require_fraction, require_positive
from tithe.privacy.accounting import Accountant, epsilon_of, require_delta, smallest_bound
from tithe.privacy.events import (
    Event,
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    Relation,
    Unit,
)
from tithe.privacy.neighbours import comparable

_DIGITS = 5  # significant digits of an answer, rounded to the safe side
_LARGEST_SCALE = 1e30


def smallest_scale(
    events_at: Callable[[float], Sequence[Event]],
    *,
    epsilon: float,
    delta: float,
    accountant: Accountant = "rdp",
    unit: Unit | None = None,
) -> float:
    """The smallest scale at which everything planned fits the budget, rounded up.

    Guarantee: ``epsilon_of(events_at(scale))`` was computed at the scale returned and is at most
    ``epsilon``. With "rdp", the default, an :class:`tithe.privacy.filter.RdpFilter` at
    :func:`tithe.privacy.filter.best_order` of those events lets all of them pass, so nothing
    planned is refused on the way.

    Args:
      events_at: everything that will ever be released if the noise has this scale; more noise
        never costs more.
      epsilon: the budget, > 0.
      delta: in [0, 1).
      accountant: whose figure must fit; the gate's unless there is no gate.
      unit: what the budget speaks of; by default what the events share.
    Raises:
      ValueError: no scale fits, or a value is out of its range.
    """
    require_positive(epsilon=epsilon)
    require_delta(delta)

    def cost(scale: float) -> float:
        return epsilon_of(events_at(scale), delta=delta, accountant=accountant, unit=unit)

    def excess(log_scale: float) -> float:
        return math.log(min(max(cost(math.exp(log_scale)), 1e-12), 1e12) / epsilon)

    start, factor = 1.0, 2.0
    if accountant == "pld":  # a coarser accountant is quick and brings us near
        start = smallest_scale(events_at, epsilon=epsilon, delta=delta, accountant="rdp", unit=unit)
        factor = 1.15
    low, high = _bracket(cost, epsilon=epsilon, start=start, factor=factor)
    if excess(math.log(high)) >= 0:  # it fits exactly, but for the rounding of the logarithm
        return _round_up_until(high, lambda scale: cost(scale) <= epsilon)
    log_scale = float(brentq(excess, math.log(low), math.log(high), xtol=1e-5))
    return _round_up_until(math.exp(log_scale), lambda scale: cost(scale) <= epsilon)


def turns_within(
    turn: Sequence[Event],
    *,
    epsilon: float,
    delta: float,
    accountant: Accountant = "rdp",
    unit: Unit | None = None,
    at_most: int = 10**9,
) -> int:
    """How many turns with these events a budget allows; ``at_most`` if they cost next to nothing.

    Guarantee: so many turns cost at most ``epsilon``; with "rdp" a filter at the best order for
    them lets all pass.

    Raises:
      ValueError: a value is out of its range.
    """
    require_positive(epsilon=epsilon)
    require_delta(delta)
    require_at_least(1, at_most=at_most)
    once = comparable(turn, unit=unit)

    def fits(num_turns: int) -> bool:
        many = once.repeated(num_turns)
        return smallest_bound(many, delta=delta, accountant=accountant) <= epsilon

    fit, too_many = 0, 1
    while too_many <= at_most and fits(too_many):
        fit, too_many = too_many, 2 * too_many
    too_many = min(too_many, at_most + 1)
    while too_many - fit > 1:
        middle = (fit + too_many) // 2
        fit, too_many = (middle, too_many) if fits(middle) else (fit, middle)
    return fit


def calibrated_noise_multiplier(
    *,
    epsilon: float,
    delta: float,
    sampling_rate: float = 1.0,
    num_steps: int,
    relation: Relation = "add_or_remove",
    unit: Unit = "record",
    accountant: Accountant = "rdp",
) -> float:
    """The least stddev over L2 sensitivity with which ``num_steps`` Gaussian steps fit the budget.

    For DP-SGD with Poisson sampling as it stands; for a Gaussian release in each of T turns with
    ``num_steps=T``; for shuffled batches with ``num_steps`` passes and a ``sampling_rate`` of 1.

    Guarantee: that of :func:`smallest_scale`.
    Raises:
      ValueError: delta is 0, for which no Gaussian fits, or a value is out of its range.
    """
    require_fraction(sampling_rate=sampling_rate)
    if delta == 0:
        raise ValueError("delta must be > 0 for Gaussian noise, got 0; Laplace noise needs none")

    def steps(noise_multiplier: float) -> list[Event]:
        event = GaussianSteps(
            noise_multiplier, sampling_rate, num_steps, unit=unit, relation=relation
        )
        return [event]

    return smallest_scale(steps, epsilon=epsilon, delta=delta, accountant=accountant)


def calibrated_laplace_scale(
    *, epsilon: float, delta: float, count: int, num_turns: int, accountant: Accountant = "rdp"
) -> float:
    """The least Laplace scale, in sensitivities, for ``count`` values in each of ``num_turns``.

    Guarantee: that of :func:`smallest_scale`, for whatever unit and relation the sensitivity is of.
    """
    require_at_least(1, count=count, num_turns=num_turns)

    def releases(scale: float) -> list[Event]:
        total = count * num_turns
        return [LaplaceRelease(scale, total, unit="participant", relation="replace")]

    return smallest_scale(releases, epsilon=epsilon, delta=delta, accountant=accountant)


def calibrated_gumbel_scale(
    *, epsilon: float, delta: float, count: int, num_turns: int, accountant: Accountant = "rdp"
) -> float:
    """The least Gumbel scale, in sensitivities, for the ``count`` largest in each of ``num_turns``.

    Guarantee: that of :func:`smallest_scale`, for whatever unit and relation the sensitivity is of.
    """
    require_at_least(1, count=count, num_turns=num_turns)

    def selections(scale: float) -> list[Event]:
        total = count * num_turns
        return [GumbelSelection(scale, total, unit="participant", relation="replace")]

    return smallest_scale(selections, epsilon=epsilon, delta=delta, accountant=accountant)


def _bracket(
    cost: Callable[[float], float], *, epsilon: float, start: float, factor: float
) -> tuple[float, float]:
    """A scale that costs more than epsilon and one, ``factor`` times as large, that does not."""
    low = high = start
    while cost(high) > epsilon:
        low, high = high, high * factor
        if high > _LARGEST_SCALE:
            raise ValueError(f"no scale costs at most epsilon {epsilon}; is one of them plain?")
    if low < high:
        return low, high
    low = high / factor
    while cost(low) <= epsilon:
        low, high = low / factor, low
        if low < 1 / _LARGEST_SCALE:
            raise ValueError(f"every scale costs at most epsilon {epsilon}; nothing to calibrate")
    return low, high


def _round_up_until(value: float, fits: Callable[[float], bool]) -> float:
    """The value rounded up to a few digits, and on to the first of them that fits."""
    exponent = math.floor(math.log10(value)) - _DIGITS + 1
    mantissa = math.ceil(value / 10.0**exponent - 1e-4)
    while True:
        rounded = float(f"{mantissa}e{exponent}")
        if fits(rounded):
            return rounded
        mantissa += 1
