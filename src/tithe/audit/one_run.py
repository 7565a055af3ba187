"""A lower bound on epsilon from one single training, in which many canaries each took part or not.

Every canary takes part by a fair coin. Who guesses the coins of some of them from their scores is
right more often than chance allows under the claimed guarantee, or the claim stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import binom

from tithe.audit.bound import EpsilonBound, Strategy
from tithe.audit.exact import require_confidence, require_loss
from tithe.audit.scores import Integers, Scores
from tithe.checks import BadInput

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of the canaries that are guessed, named beforehand."""

_LARGEST = 60.0  # an epsilon that no number of canaries reaches


class Guesses(NamedTuple):
    """How many canaries there were, how many were guessed, and how many of those rightly."""

    num_canaries: int
    num_guesses: int
    num_right: int


Bound = Callable[[Guesses, float], float]
"""From guesses and a level to the largest epsilon that they refute."""


def bound_by_one_run(
    scores: Scores,
    *,
    confidence: float = 0.95,
    delta: float = 0.0,
    strategy: Strategy = "simultaneous",
    num_guesses: int | None = None,
) -> EpsilonBound:
    """Bounds epsilon from below by guesses about the canaries of one training.

    Half of the guesses say "took part", of the highest scores; half say "did not", of the lowest.

    Guarantee: if each canary took part by an independent fair coin that nothing else depends on,
    the bound is above the true epsilon with probability at most ``1 - confidence``, whatever the
    scores are; for one record more, less, or replaced by nothing.
    Precondition: ties are broken against the guesser, so a score that is the same for all tells
    nothing.

    Args:
      scores: of the canaries that took part and of those that did not.
      confidence: in (0.5, 1).
      delta: of the guarantee that is tested, in [0, 1).
      strategy: ``"fixed"`` makes ``num_guesses``; the others try ``SHARES`` of the canaries.
      num_guesses: for ``"fixed"`` alone, even, named without looking at these scores.
    Raises:
      BadInput: a value out of its range, or ``num_guesses`` without ``"fixed"`` or vice versa.
    Source: Steinke, Nasr & Jagielski 2023, Theorem 5.2 and Algorithm 1.
    """
    require_loss(delta)
    return bound_by_guesses(
        scores,
        confidence=confidence,
        delta=delta,
        strategy=strategy,
        num_guesses=num_guesses,
        guess=guess_both,
        bound=lambda guesses, level: refuted_epsilon(guesses, level=level, delta=delta),
        method="one_run",
    )


@lru_cache(maxsize=4096)  # ceilings are asked for again and again
def refuted_epsilon(guesses: Guesses, *, level: float, delta: float = 0.0) -> float:
    """The largest epsilon whose guarantee makes so many right guesses unlikely; 0 if none does."""
    if chance_of(guesses, epsilon=0.0, delta=delta) > level:
        return 0.0
    return largest_refuted(
        lambda epsilon: chance_of(guesses, epsilon=epsilon, delta=delta) <= level
    )


def chance_of(guesses: Guesses, *, epsilon: float, delta: float) -> float:
    """At most how likely so many right guesses are under (epsilon, delta)-DP.

    Source: Steinke, Nasr & Jagielski 2023, Theorem 5.2.
    """
    num_canaries, num_guesses, num_right = guesses
    right = 1 / (1 + math.exp(-epsilon))
    beta = float(binom.sf(num_right - 1, num_guesses, right))
    if not delta or not num_right:
        return min(1.0, beta)
    fewer = np.arange(1, num_right + 1)
    alpha = ((binom.sf(num_right - fewer - 1, num_guesses, right) - beta) / fewer).max()
    return min(1.0, beta + 2 * num_canaries * delta * max(0.0, float(alpha)))


def largest_refuted(is_refuted: Callable[[float], bool], *, largest: float = _LARGEST) -> float:
    """The supremum of what is refuted, by bisection, rounded down; 0 itself is known to be."""
    low, high = 0.0, largest
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def guess_both(scores: Scores, num_guesses: int) -> Guesses:
    """Half of the guesses on each side; ties are broken against the guesser."""
    each = max(1, num_guesses // 2)
    values, took_part = scores.both()
    high = np.lexsort((took_part, -values))[:each]  # among equals, those that took no part first
    low = np.lexsort((~took_part, values))[:each]
    num_right = int(took_part[high].sum()) + int((~took_part[low]).sum())
    return Guesses(len(values), 2 * each, num_right)


def bound_by_guesses(
    scores: Scores,
    *,
    confidence: float,
    delta: float,
    strategy: Strategy,
    num_guesses: int | None,
    guess: Callable[[Scores, int], Guesses],
    bound: Bound,
    method: Literal["one_run", "one_run_gaussian"],
) -> EpsilonBound:
    """The same three strategies for every kind of guess and bound."""
    level = 1 - require_confidence(confidence)
    num_canaries = len(scores.members) + len(scores.non_members)
    if (num_guesses is None) == (strategy == "fixed"):
        raise BadInput(
            'num_guesses must be given with strategy "fixed" and with no other, '
            f'got {num_guesses} with "{strategy}"'
        )
    if num_guesses is not None:
        if not 2 <= num_guesses <= num_canaries:
            raise BadInput(
                f"num_guesses must be in [2, {num_canaries}], the number of canaries, "
                f"got {num_guesses}"
            )
        made = [guess(scores, num_guesses)]
    elif strategy == "split":
        made = [_split(scores, guess=guess, bound=bound, level=level)]
    else:
        made = [guess(scores, count) for count in _counts(num_canaries)]
        level /= len(made)
    found = [bound(each, level) for each in made]
    ceilings = [bound(each._replace(num_right=each.num_guesses), level) for each in made]
    best = int(np.argmax(found))
    return EpsilonBound(
        epsilon=found[best],
        ceiling=max(ceilings),
        confidence=confidence,
        delta=delta,
        method=method,
        strategy=strategy,
        basis=f"{made[best].num_right} of {made[best].num_guesses} guesses right "
        f"among {made[best].num_canaries} canaries",
    )


def _counts(num_canaries: int) -> list[int]:
    """Each share of the canaries as an even number of guesses, without repeats."""
    return sorted({max(2, 2 * round(share * num_canaries / 2)) for share in SHARES})


def _split(
    scores: Scores, *, guess: Callable[[Scores, int], Guesses], bound: Bound, level: float
) -> Guesses:
    """Chooses the number of guesses on one half of the canaries and makes it on the other."""
    place = _dealt(len(scores.members) + len(scores.non_members))
    values, took_part = scores.both()
    halves = []
    for half in (place % 2 == 0, place % 2 == 1):
        if took_part[half].all() or not took_part[half].any():
            raise BadInput(
                f"a split needs canaries of both kinds in either half, got {len(values)} in all"
            )
        halves.append(Scores.split(values[half], took_part=took_part[half]))
    choice, judge = halves
    counts = _counts(min(len(choice.both()[0]), len(judge.both()[0])))
    found = [bound(guess(choice, count), level) for count in counts]
    return guess(judge, counts[int(np.argmax(found))])


def _dealt(num_canaries: int) -> Integers:
    """A fixed shuffle of the places, so that halves do not follow from who took part."""
    return np.random.default_rng(20230515).permutation(num_canaries).astype(np.int64)
