"""A tighter bound from one run, for trainings whose privacy loss is Gaussian-like.

Where noise is Gaussian and many steps compose, the whole trade-off between the two errors of a
test is close to that of one Gaussian mechanism of shift mu. Testing that curve, and not the one
line that an (epsilon, delta) pair draws under it, refutes more.
"""

from __future__ import annotations

import math
from functools import lru_cache

from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, ndtri

from tithe.audit.bound import EpsilonBound, Strategy
from tithe.audit.exact import require_loss
from tithe.audit.one_run import Guesses, bound_by_guesses, guess_both, largest_refuted
from tithe.audit.scores import Scores
from tithe.checks import BadInput

_LARGEST_SHIFT = 12.0


def bound_by_gaussian_run(
    scores: Scores,
    *,
    confidence: float = 0.95,
    delta: float,
    strategy: Strategy = "simultaneous",
    num_guesses: int | None = None,
) -> EpsilonBound:
    """Bounds from below the epsilon of a training whose trade-off curve is a Gaussian's.

    Half of the guesses say "took part" and half say "did not", as in ``bound_by_one_run``.

    Guarantee: as ``bound_by_one_run``, for guarantees of the form "mu-Gaussian DP"; the largest mu
    refuted is told as the epsilon it has at ``delta``. For another kind of mechanism it is the
    bound of the Gaussian that looks alike, and no more than that.

    Args:
      scores: as in ``bound_by_one_run``.
      confidence: likewise.
      strategy: likewise.
      num_guesses: likewise.
      delta: at which mu is told as an epsilon, in (0, 1).
    Raises:
      BadInput: as ``bound_by_one_run``, or delta is 0, at which a Gaussian has no epsilon.
    Source: Mahloujifar, Melis & Chaudhuri 2025, Auditing f-differential privacy in one run,
      Algorithm 3; Dong, Roth & Su 2022, Corollary 2.13 (from mu to epsilon).
    """
    if require_loss(delta) == 0:
        raise BadInput("delta must be > 0 for the Gaussian form, got 0")
    return bound_by_guesses(
        scores,
        confidence=confidence,
        delta=delta,
        strategy=strategy,
        num_guesses=num_guesses,
        guess=guess_both,
        bound=lambda guesses, level: gaussian_epsilon(
            refuted_shift(guesses, level=level), delta=delta
        ),
        method="one_run_gaussian",
    )


@lru_cache(maxsize=4096)  # ceilings are asked for again and again
def refuted_shift(guesses: Guesses, *, level: float) -> float:
    """The largest shift mu whose curve makes so many right guesses unlikely; 0 if none does."""
    if not is_refuted(guesses, shift=0.0, level=level):
        return 0.0
    return largest_refuted(
        lambda shift: is_refuted(guesses, shift=shift, level=level), largest=_LARGEST_SHIFT
    )


def is_refuted(guesses: Guesses, *, shift: float, level: float) -> bool:
    """Whether a mu-Gaussian-DP training makes so many right guesses with less than this level.

    Source: Mahloujifar, Melis & Chaudhuri 2025, Algorithm 3, for two choices a canary.
    """
    num_canaries, num_guesses, num_right = guesses
    right = level * num_right / num_canaries
    wrong = level * (num_guesses - num_right) / num_canaries
    for still_right in range(num_right - 1, -1, -1):
        needed = max(wrong, float(ndtr(ndtri(right) - shift)))
        if needed == wrong:
            break
        step = still_right / (num_guesses - still_right) * (needed - wrong)
        right, wrong = min(right + step, 1.0), needed
    return right + wrong > num_guesses / num_canaries


def estimate_epsilon(scores: Scores, *, delta: float) -> float:
    """The epsilon of the Gaussian mechanism that these scores look like; no confidence at all.

    An estimate for orientation: it is above the truth about as often as below.

    Args:
      scores: at least two on each side, finite.
      delta: in (0, 1).
    Raises:
      BadInput: fewer scores, or delta out of its range.
    """
    members, others = scores.members, scores.non_members
    if min(len(members), len(others)) < 2:
        raise BadInput(
            f"an estimate needs two scores on each side, got {len(members)} and {len(others)}"
        )
    spread = math.sqrt((members.var(ddof=1) + others.var(ddof=1)) / 2)
    shift = max(0.0, float(members.mean() - others.mean()))
    if not shift:
        return 0.0
    return gaussian_epsilon(shift / spread if spread else math.inf, delta=delta)


def gaussian_epsilon(shift: float, *, delta: float) -> float:
    """The epsilon of one Gaussian mechanism with sensitivity over stddev ``shift``, at this delta.

    Source: Balle & Wang 2018, Theorem 8; Dong, Roth & Su 2022, Corollary 2.13.
    """
    if require_loss(delta) == 0 and shift > 0:
        raise BadInput("delta must be > 0 for a Gaussian, got 0")
    if shift == 0 or gaussian_delta(shift, epsilon=0.0) <= delta:
        return 0.0
    if math.isinf(shift):
        return math.inf
    high = 1.0
    while gaussian_delta(shift, epsilon=high) > delta:
        high *= 2
    return float(brentq(lambda epsilon: gaussian_delta(shift, epsilon=epsilon) - delta, 0.0, high))


def gaussian_delta(shift: float, *, epsilon: float) -> float:
    """The delta of one Gaussian mechanism at this epsilon."""
    lost = math.exp(epsilon + float(log_ndtr(-epsilon / shift - shift / 2)))
    return float(ndtr(-epsilon / shift + shift / 2)) - lost
