"""How well scores tell records that took part from records that did not.

A single average hides the point: an attack may be near chance on most records and certain of a
few. So the power at a small false-positive rate and the number of records that can be named stand
beside AUC and advantage, each with what chance alone would give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom, norm, rankdata

from tithe.audit.exact import interval, lower_limit, require_confidence, upper_limit
from tithe.audit.scores import Floats, Integers, Scores
from tithe.checks import BadInput

RATES = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class Power:
    """The share of members found at a false-positive rate.

    Attributes:
      false_positive_rate: the one asked for; 0 stands for "no false positive among those at hand".
      num_found: members above the threshold; ``num_members`` of them there are.
      true_positive_rate: their share.
      low, high: limits of the true share, exact for the threshold that was taken.
      rate_low, rate_high: limits of the threshold's true false-positive rate, exact if non-members
        have a continuous law and are independent.
    """

    false_positive_rate: float
    num_found: int
    num_members: int
    true_positive_rate: float
    low: float
    high: float
    rate_low: float
    rate_high: float
    confidence: float


@dataclass(frozen=True)
class Named:
    """How many members an accuser names who may be wrong at most ``max_false`` times.

    Attributes:
      count: members above the threshold that lets at most ``max_false`` non-members pass.
      num_members: out of so many.
      chance: how many it would be on average if scores told nothing.
      p_value: how likely scores that tell nothing name as many or more.
    """

    count: int
    num_members: int
    max_false: int
    chance: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Roc:
    """Found members against false positives, with a band for each point by itself.

    ``false_positive_rate``, ``true_positive_rate``, ``low`` and ``high`` have one shape ``(p,)``;
    ascending from (0, .) to (1, 1). Chance is the diagonal.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    low: Floats
    high: Floats
    confidence: float


@dataclass(frozen=True)
class Separation:
    """Every figure of one attack; a rate that the non-members cannot carry is left out.

    Attributes:
      auc: chance that a member scores above a non-member; ties count half.
      auc_low, auc_high: approximate limits (DeLong), worthless at an AUC of exactly 1.
      advantage: largest true minus false positive rate over all thresholds.
      chance_advantage: what that maximum is on average if scores tell nothing.
      powers: at 10, 1 and 0.1 % as far as the non-members carry them, and at zero false positives.
      named: records named with at most one false accusation.
      num_members, num_non_members: how many scores there were.
    """

    auc: float
    auc_low: float
    auc_high: float
    advantage: float
    chance_advantage: float
    powers: tuple[Power, ...]
    named: Named
    num_members: int
    num_non_members: int

    def power(self, false_positive_rate: float) -> Power:
        """The power at one of the rates.

        Raises:
          BadInput: the non-members do not carry that rate.
        """
        for power in self.powers:
            if power.false_positive_rate == false_positive_rate:
                return power
        raise _too_few(false_positive_rate, self.num_non_members)


def measure_separation(scores: Scores, *, confidence: float = 0.95) -> Separation:
    """All figures of one attack's scores.

    Args:
      scores: of members and non-members.
      confidence: of every limit by itself, in (0.5, 1).
    """
    auc, spread = auc_with_spread(scores)
    reach = norm.ppf((1 + require_confidence(confidence)) / 2) * spread
    num_non_members = len(scores.non_members)
    rates = [rate for rate in RATES if _num_allowed(rate, num_non_members) >= 1]
    return Separation(
        auc=auc,
        auc_low=max(0.0, float(auc - reach)),
        auc_high=min(1.0, float(auc + reach)),
        advantage=advantage(scores),
        chance_advantage=chance_advantage(len(scores.members), num_non_members),
        powers=tuple(power_at(scores, rate, confidence=confidence) for rate in [*rates, 0.0]),
        named=name_records(scores),
        num_members=len(scores.members),
        num_non_members=num_non_members,
    )


def auc_with_spread(scores: Scores) -> tuple[float, float]:
    """The area under the ROC and its standard error.

    Source: DeLong, DeLong & Clarke-Pearson 1988, by the ranks of Sun & Xu 2014.
    """
    members, others = scores.members, scores.non_members
    among_all = rankdata(np.concatenate([members, others]))
    above = (among_all[: len(members)] - rankdata(members)) / len(others)  # (m1,) shares beaten
    below = 1 - (among_all[len(members) :] - rankdata(others)) / len(members)  # (m0,)
    variance = sum(
        shares.var(ddof=1) / len(shares) if len(shares) > 1 else 0.25 for shares in (above, below)
    )
    return float(above.mean()), math.sqrt(float(variance))


def advantage(scores: Scores) -> float:
    """The largest true minus false positive rate over all thresholds, at least 0."""
    at = np.unique(np.concatenate([scores.members, scores.non_members]))
    found, false = (_share_above(side, at) for side in (scores.members, scores.non_members))
    return max(0.0, float((found - false).max()))


def chance_advantage(num_members: int, num_non_members: int) -> float:
    """What ``advantage`` is on average if scores tell nothing: the one-sided Smirnov distance.

    Source: Smirnov 1939, P(sqrt(m n / (m + n)) D > x) = exp(-2 x^2) for large samples.
    """
    return math.sqrt(math.pi / 8 * (1 / num_members + 1 / num_non_members))


def power_at(scores: Scores, false_positive_rate: float, *, confidence: float = 0.95) -> Power:
    """The share of members found while at most this share of non-members is accused.

    Args:
      scores: of members and non-members.
      false_positive_rate: in (0, 1), or 0 for "none of those at hand".
      confidence: of each of the two intervals by itself.
    Raises:
      BadInput: so few non-members that the rate allows less than one of them.
    """
    if not 0 <= false_positive_rate < 1:
        raise BadInput(f"false_positive_rate must be in [0, 1), got {false_positive_rate}")
    num_others, num_members = len(scores.non_members), len(scores.members)
    allowed = _num_allowed(false_positive_rate, num_others)
    if false_positive_rate > 0 and allowed < 1:
        raise _too_few(false_positive_rate, num_others)
    found = int((scores.members > threshold_for(scores.non_members, max_false=allowed)).sum())
    low, high = interval(found, num_members, confidence=confidence)
    level = (1 - confidence) / 2
    return Power(
        false_positive_rate=false_positive_rate,
        num_found=found,
        num_members=num_members,
        true_positive_rate=found / num_members,
        low=low,
        high=high,
        rate_low=float(lower_limit(allowed + 1, num_others, level=level)),
        rate_high=float(upper_limit(allowed, num_others, level=level)),
        confidence=confidence,
    )


def name_records(scores: Scores, *, max_false: int = 1) -> Named:
    """How many members can be named with at most ``max_false`` non-members among them.

    If scores tell nothing, all orders are equally likely; then the members above the
    (max_false + 1)-th non-member follow a negative hypergeometric law.

    Raises:
      BadInput: max_false is negative or leaves no non-member to set the threshold.
    """
    num_members, num_others = len(scores.members), len(scores.non_members)
    if not 0 <= max_false < num_others:
        raise BadInput(
            f"max_false must be in [0, {num_others}), the number of non-members, got {max_false}"
        )
    places = named_places(scores, max_false=max_false)
    count = len(places)
    return Named(
        count=count,
        num_members=num_members,
        max_false=max_false,
        chance=(max_false + 1) * num_members / (num_others + 1),
        p_value=chance_of_naming(count, num_members, num_others, max_false=max_false),
    )


def chance_of_naming(
    count: int, num_members: int, num_non_members: int, *, max_false: int = 1
) -> float:
    """How likely scores that tell nothing name so many members or more."""
    if count == 0:
        return 1.0
    num_all = num_members + num_non_members
    first = min(count + max_false, num_all)
    return float(hypergeom.cdf(max_false, num_all, num_non_members, first))


def named_places(scores: Scores, *, max_false: int = 1) -> Integers:
    """Which members ``name_records`` names: places in ``scores.members``, most exposed first."""
    threshold = threshold_for(scores.non_members, max_false=max_false)
    places = np.flatnonzero(scores.members > threshold)
    return places[np.argsort(-scores.members[places], kind="stable")].astype(np.int64)


def trace_roc(scores: Scores, *, confidence: float = 0.95) -> Roc:
    """The ROC at every score of a non-member, with exact limits of each point by itself."""
    require_confidence(confidence)
    at = np.concatenate([[np.inf], np.unique(scores.non_members)[::-1], [-np.inf]])
    false = _share_above(scores.non_members, at)
    found = _share_above(scores.members, at)
    false[-1] = found[-1] = 1.0
    count, level = len(scores.members), (1 - confidence) / 2
    seen = np.rint(found * count)
    low = lower_limit(seen, count, level=level)
    return Roc(false, found, low, upper_limit(seen, count, level=level), confidence)


def threshold_for(non_members: Floats, *, max_false: int) -> float:
    """The smallest threshold that at most ``max_false`` of these scores exceed."""
    if max_false >= len(non_members):
        return -math.inf
    place = len(non_members) - 1 - max_false
    return float(np.partition(non_members, place)[place])


def _share_above(values: Floats, at: Floats) -> Floats:
    """The share of values above each of some thresholds, shape of ``at``."""
    ordered = np.sort(values)
    return 1.0 - np.searchsorted(ordered, at, side="right") / len(values)


def _num_allowed(rate: float, num_non_members: int) -> int:
    return int(rate * num_non_members + 1e-9)


def _too_few(rate: float, num_non_members: int) -> BadInput:
    return BadInput(
        f"a false-positive rate of {rate:g} needs at least {math.ceil(1 / rate - 1e-9)} "
        f"non-members, got {num_non_members}; ask for a larger rate or bring more non-members"
    )
