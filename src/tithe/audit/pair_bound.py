"""A lower bound on epsilon from true and false positive rates of independent trials.

An (epsilon, delta)-DP training lets no test reach TPR > exp(epsilon) FPR + delta, nor
TNR > exp(epsilon) FNR + delta. Limits on both rates, each at half the level, give a bound.
"""

from __future__ import annotations

import math

import numpy as np

from tithe.audit.bound import EpsilonBound, Strategy
from tithe.audit.exact import lower_limit, require_confidence, require_loss, upper_limit
from tithe.audit.scores import Floats, Scores
from tithe.checks import BadInput

SHARES = (0.0, 0.01, 0.05, 0.15, 0.3)
"""Shares of the unlikely side above the threshold that the strategies try, named beforehand."""


def bound_by_pairs(
    scores: Scores,
    *,
    confidence: float = 0.95,
    delta: float = 0.0,
    strategy: Strategy = "simultaneous",
    threshold: float | None = None,
) -> EpsilonBound:
    """Bounds epsilon from below by how well one threshold tells members from non-members.

    Guarantee: if scores are independent and each belongs to a trial of its own (one trained model,
    or one run of a mechanism), the bound is above the true epsilon with probability at most
    ``1 - confidence``, whatever the scores are. Thresholds are order statistics of the side whose
    rate is bounded from above, so their limits hold although they were taken from the data.
    Not covered: many records of one trained model are not independent; for those, use
    ``bound_by_one_run`` with fair coins.

    Args:
      scores: of members and non-members.
      confidence: in (0.5, 1).
      delta: of the guarantee that is tested, in [0, 1).
      strategy: ``"fixed"`` judges members above ``threshold``; the others try ``SHARES`` in both
        directions.
      threshold: for ``"fixed"`` alone, named without looking at these scores.
    Raises:
      BadInput: a value out of its range, a threshold without ``"fixed"`` or the other way round,
        or fewer than two scores a side to split.
    Source: Kairouz, Oh & Viswanath 2015 (the region of an (epsilon, delta)-DP test); Clopper &
      Pearson 1934.
    """
    level = 1 - require_confidence(confidence)
    require_loss(delta)
    if (threshold is None) == (strategy == "fixed"):
        raise BadInput(
            'threshold must be given with strategy "fixed" and with no other, '
            f'got {threshold} with "{strategy}"'
        )
    if threshold is not None:
        found = _judged(scores, threshold, level=level, delta=delta)
        sizes, each = (len(scores.members), len(scores.non_members)), level
    elif strategy == "split":
        choice, judge = _every_second(scores)
        found = _split(choice, judge, level=level, delta=delta)
        sizes, each = (len(judge.members), len(judge.non_members)), level
    else:
        each = level / (2 * len(SHARES))
        sides = scores, _mirrored(scores)
        found = max(_along(side, level=each, delta=delta) for side in sides)
        sizes = len(scores.members), len(scores.non_members)
    return EpsilonBound(
        epsilon=max(0.0, found),
        ceiling=max(0.0, _loss(sizes[0], sizes[0], 0, sizes[1], level=each, delta=delta)),
        confidence=confidence,
        delta=delta,
        method="pairs",
        strategy=strategy,
        basis=f"{sizes[0]} members and {sizes[1]} non-members judged",
    )


def _along(scores: Scores, *, level: float, delta: float) -> float:
    """The best bound over the thresholds of ``SHARES``, each at this level."""
    num_members, num_others = len(scores.members), len(scores.non_members)
    allowed = [min(int(share * num_others), num_others - 1) for share in SHARES]
    ordered = np.sort(scores.non_members)[::-1]
    found = [int((scores.members > ordered[k]).sum()) for k in allowed]
    return max(
        _loss(seen, num_members, k, num_others, level=level, delta=delta)
        for seen, k in zip(found, allowed, strict=True)
    )


def _split(choice: Scores, judge: Scores, *, level: float, delta: float) -> float:
    """Chooses direction and threshold on one half, judges them on the other."""
    best, threshold, is_mirrored = -math.inf, 0.0, False
    for mirrored in (False, True):
        side = _mirrored(choice) if mirrored else choice
        num_others = len(side.non_members)
        for k in {min(int(share * num_others), num_others - 1) for share in SHARES}:
            at = float(np.sort(side.non_members)[::-1][k])
            found = _judged(side, at, level=level, delta=delta)
            if found > best:
                best, threshold, is_mirrored = found, at, mirrored
    judged = _mirrored(judge) if is_mirrored else judge
    return _judged(judged, threshold, level=level, delta=delta)


def _judged(scores: Scores, threshold: float, *, level: float, delta: float) -> float:
    found = int((scores.members > threshold).sum())
    false = int((scores.non_members > threshold).sum())
    num_members, num_others = len(scores.members), len(scores.non_members)
    return _loss(found, num_members, false, num_others, level=level, delta=delta)


def _loss(
    found: int, num_members: int, false: int, num_others: int, *, level: float, delta: float
) -> float:
    """log((TPR - delta) / FPR) with both rates at their limits; -inf if TPR is at most delta."""
    likely = float(lower_limit(found, num_members, level=level / 2)) - delta
    unlikely = float(upper_limit(false, num_others, level=level / 2))
    return math.log(likely / unlikely) if likely > 0 else -math.inf


def _mirrored(scores: Scores) -> Scores:
    """The other test: who scores low took no part."""
    return Scores(members=-scores.non_members, non_members=-scores.members)


def _every_second(scores: Scores) -> tuple[Scores, Scores]:
    if min(len(scores.members), len(scores.non_members)) < 2:
        raise BadInput(
            "a split needs at least 2 members and 2 non-members, got "
            f"{len(scores.members)} and {len(scores.non_members)}"
        )
    halves: list[tuple[Floats, Floats]] = [
        (scores.members[start::2], scores.non_members[start::2]) for start in (0, 1)
    ]
    return Scores(*halves[0]), Scores(*halves[1])
