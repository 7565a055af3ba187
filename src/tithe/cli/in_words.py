"""Privacy in words: an epsilon, a release, and the caveat that goes with the naive figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tithe.privacy.accounting import TotalCost
    from tithe.privacy.events import Event

NAIVE = (
    "the naive figure, the plain sum over the number of values, is {figure} per value; it is often "
    "quoted as epsilon and is no guarantee for anybody"
)


def figure(value: float | None) -> str:
    """An epsilon or a scale with the digits that matter; infinity in a word; nothing as ``-``."""
    if value is None:
        return "-"
    if math.isinf(value):
        return "infinite"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def by_accountant(total: TotalCost) -> dict[str, float]:
    """``{"pld": ..., "rdp": ..., "pure": ...}``, the tightest first."""
    return {each.accountant: each.epsilon for each in (total.pld, total.rdp, total.pure)}


def spoken(figures: Mapping[str, float]) -> dict[str, float | str]:
    """The figures for JSON, which has no word for infinity."""
    return {name: value if math.isfinite(value) else str(value) for name, value in figures.items()}


def naive(total: TotalCost) -> str:
    """The sentence about the figure that is often quoted; empty if there is none."""
    if total.naive_epsilon_per_value is None:
        return ""
    return NAIVE.format(figure=figure(total.naive_epsilon_per_value))


def release(event: Event) -> str:
    """One release, its noise in units of sensitivity: ``32 noisy steps, noise multiplier 0.9``."""
    from tithe.privacy.events import (
        GaussianSteps,
        GumbelSelection,
        LaplaceRelease,
        RepeatedRowSteps,
        SparseVectorSelection,
        TouchedRowSteps,
    )

    match event:
        case GaussianSteps() | RepeatedRowSteps() | TouchedRowSteps() if event.sampling_rate < 1:
            what = f"{_many(event.count, 'noisy step')} on Poisson samples of rate"
            rate = f"{figure(event.sampling_rate)}"
            if isinstance(event, RepeatedRowSteps):
                rate += f", up to {event.most_copies} rows of one record"
            if isinstance(event, TouchedRowSteps):
                rate += (
                    f", up to {_many(event.most_brought, 'row')} brought and {event.most_taken} "
                    "taken away by one record"
                )
            return f"{what} {rate}, noise multiplier {figure(event.noise_multiplier)}"
        case GaussianSteps():
            what = "Gaussian noise on one vector" if event.count == 1 else "Gaussian noise, "
            times = "" if event.count == 1 else f"{event.count:,} times"
            return f"{what}{times}, noise multiplier {figure(event.noise_multiplier)}"
        case LaplaceRelease():
            return f"{_many(event.count, 'value')}, Laplace scale {figure(event.scale)}"
        case GumbelSelection():
            return f"{_many(event.count, 'choice')}, Gumbel scale {figure(event.scale)}"
        case SparseVectorSelection():
            kept = "redrawn" if event.is_redrawn else "kept"
            return (
                f"{_many(event.count, 'choice')} by sparse vector, threshold scale "
                f"{figure(event.threshold_scale)} ({kept}), query scale {figure(event.query_scale)}"
            )
    return "values or choices without noise that counts"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
