"""A planted leak: what makes "near chance" credible.

An attack that finds nothing may be blind. So the same measuring is shown scores into which a leak
of known size was planted, with as many members and non-members; only who finds that may say that
there was nothing else.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np

from tithe.audit.scores import Scores
from tithe.audit.separation import Separation, chance_of_naming, measure_separation

PLANTED_SHARE = 0.05
"""Of the members, whose scores are moved far above all others."""

_FAR = 8.0
_FALSE_ALARM = 0.01


@dataclass(frozen=True)
class SelfTest:
    """What the measuring found of a leak that was there.

    Attributes:
      num_planted: members whose scores were moved.
      num_named: members named with at most one false accusation.
      is_found: whether at least nine in ten of the planted ones were named, and they alone are more
        than chance names; what luck adds to them does not help.
      num_enough: members, and as many non-members, from which on a leak of this share is found.
    """

    num_planted: int
    num_named: int
    is_found: bool
    num_enough: int


def find_planted_leak(num_members: int, num_non_members: int, *, seed: int) -> SelfTest:
    """Plants a leak of ``PLANTED_SHARE`` of the members in scores that tell nothing, and looks.

    Args:
      num_members: as many as in the audit that it stands beside.
      num_non_members: likewise.
      seed: of the scores.
    """
    rng = np.random.default_rng(seed)
    members = rng.standard_normal(num_members)
    num_planted = _num_planted(num_members)
    members[:num_planted] += _FAR
    named = measure_separation(Scores(members, rng.standard_normal(num_non_members))).named
    is_beyond_chance = _is_beyond_chance(num_members, num_non_members)
    is_found = named.count >= 0.9 * num_planted and is_beyond_chance
    return SelfTest(num_planted, named.count, is_found, num_that_show_a_leak())


@cache
def num_that_show_a_leak() -> int:
    """The fewest members, with as many non-members, of which a planted leak is beyond chance."""
    return next(count for count in itertools.count(2) if _is_beyond_chance(count, count))


def is_near_chance(separation: Separation) -> bool:
    """Whether neither the average nor the tail tells members from others.

    That is: the limits of the AUC include a half, the advantage is at most twice that of chance,
    and no more records are named than scores that tell nothing name in one of a hundred audits.
    """
    return (
        separation.auc_low <= 0.5 <= separation.auc_high
        and separation.advantage <= 2 * separation.chance_advantage
        and separation.named.p_value > _FALSE_ALARM
    )


def _num_planted(num_members: int) -> int:
    return max(1, round(PLANTED_SHARE * num_members))


def _is_beyond_chance(num_members: int, num_non_members: int) -> bool:
    """Whether scores that tell nothing seldom name as many as are planted."""
    planted = _num_planted(num_members)
    return chance_of_naming(planted, num_members, num_non_members) <= _FALSE_ALARM
