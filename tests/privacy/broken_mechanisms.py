"""Sparse vector mechanisms as they were published, most of them broken, for the auditor to judge.

The six variants are those that Lyu, Su & Li 2017 compare, for queries of sensitivity 1:

===  =============================  ==========================  ====================================
no.  published by                   its claim                   what is true
===  =============================  ==========================  ====================================
1    Lyu, Su & Li 2017              epsilon                     epsilon
2    Dwork & Roth 2014              epsilon                     epsilon
3    Roth 2011 (lecture notes)      epsilon                     infinite: the tested value leaves
4    Lee & Clifton 2014             epsilon                     (1 + 6c) / 4 times epsilon
5    Stoddard et al. 2014           epsilon                     infinite: no noise on a query
6    Chen et al. 2015               epsilon                     infinite: it never stops
===  =============================  ==========================  ====================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BELOW, ABOVE, NOT_ASKED = 0.0, 1.0, -1.0


@dataclass(frozen=True)
class SparseVectorVariant:
    """One variant by its constants; ``max_positives`` None is a variant that never stops."""

    threshold_scale: float
    query_scale: float
    max_positives: int | None
    is_redrawn: bool = False
    is_tested_value_released: bool = False


def published_variant(number: int, *, epsilon: float, count: int) -> SparseVectorVariant:
    """The variant of this number, with the constants that it claims to need for epsilon."""
    half, quarter = epsilon / 2, epsilon / 4
    return {
        1: SparseVectorVariant(1 / half, 2 * count / half, count),
        2: SparseVectorVariant(count / half, 2 * count / half, count, is_redrawn=True),
        3: SparseVectorVariant(1 / half, count / half, count, is_tested_value_released=True),
        4: SparseVectorVariant(1 / quarter, 1 / (3 * quarter), count),
        5: SparseVectorVariant(1 / half, 0.0, None),
        6: SparseVectorVariant(1 / half, 1 / half, None),
    }[number]


@dataclass(frozen=True)
class SparseVectorRuns:
    """What runs of a variant on the same queries gave, shape ``(num_runs, num_queries)`` each."""

    answers: NDArray[np.float64]  # BELOW, ABOVE or NOT_ASKED
    released: NDArray[np.float64]  # the tested value where it leaves, else 0


def run_variant(
    variant: SparseVectorVariant,
    queries: NDArray[np.float64],
    *,
    num_runs: int,
    rng: np.random.Generator,
    threshold: float = 0.0,
) -> SparseVectorRuns:
    """Runs a variant num_runs times over the queries, in their order; all runs step together."""
    noisy_threshold = threshold + rng.laplace(0, variant.threshold_scale, num_runs)
    num_left = np.full(num_runs, variant.max_positives or len(queries))
    answers = np.full((num_runs, len(queries)), NOT_ASKED)
    released = np.zeros((num_runs, len(queries)))
    for place, query in enumerate(queries):
        is_asked = num_left > 0
        tested = query + laplace_or_nothing(variant.query_scale, num_runs, rng)
        is_above = is_asked & (tested >= noisy_threshold)
        answers[is_asked, place] = BELOW
        answers[is_above, place] = ABOVE
        num_left -= is_above
        if variant.is_tested_value_released:
            released[is_above, place] = tested[is_above]
        if variant.is_redrawn:
            fresh = threshold + rng.laplace(0, variant.threshold_scale, num_runs)
            noisy_threshold = np.where(is_above, fresh, noisy_threshold)
    return SparseVectorRuns(answers, released)


def laplace_or_nothing(
    scale: float, num_runs: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Laplace noise, or zeros where a variant forgot it."""
    return rng.laplace(0, scale, num_runs) if scale > 0 else np.zeros(num_runs)


def release_unbounded(
    values: NDArray[np.float64],
    *,
    gamma: float,
    scale: float,
    num_runs: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Noise first and the bound after it: whatever ``scale`` is, a large value shows through."""
    noise = rng.laplace(0, scale, (num_runs, len(values)))
    return np.clip(values + noise, -gamma, gamma)


def release_without_count(
    values: NDArray[np.float64],
    *,
    gamma: float,
    epsilon: float,
    num_runs: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Bounded values with noise for one of them, claimed for all: the factor c is forgotten."""
    bounded = np.clip(values, -gamma, gamma)
    return bounded + rng.laplace(0, 2 * gamma / epsilon, (num_runs, len(values)))
