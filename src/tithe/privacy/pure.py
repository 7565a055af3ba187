"""Pure differential privacy: the cost of one mechanism at delta 0, and its plain sum."""

from __future__ import annotations

import math

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


def pure_epsilon(mechanism: PrivateEvent) -> float:
    """The epsilon at delta 0 of one event, all its ``count`` releases together.

    Guarantee: as told by the event's class; a Gaussian has none, so infinity.
    Source: Dwork & Roth 2014, Theorems 3.6, 3.10, 3.16 and 3.23; Lyu, Su & Li 2017, Algorithm 7.
    """
    match mechanism:
        case GaussianSteps() | RepeatedRowSteps() | TouchedRowSteps():
            return math.inf
        case LaplaceRelease():
            return mechanism.count / mechanism.scale
        case GumbelSelection():
            return mechanism.count * 2 / mechanism.scale
        case SparseVectorSelection():
            moved = 1 if mechanism.is_monotonic else 2
            rounds, positives = (
                (mechanism.count, 1) if mechanism.is_redrawn else (1, mechanism.count)
            )
            threshold, query = mechanism.threshold_scale, mechanism.query_scale
            return rounds * (1 / threshold + moved * positives / query)
    raise TypeError(f"no accountant knows the event {type(mechanism).__name__}")


def pure_sum(released: Comparable) -> float:
    """The epsilon at delta 0 of everything together: a plain sum, valid for adaptive choices too.

    Source: Dwork & Roth 2014, Theorem 3.16; Rogers et al. 2016, for adaptively chosen parameters.
    """
    if released.has_plain:
        return math.inf
    return math.fsum(times * pure_epsilon(mechanism) for mechanism, times in released.counts)
