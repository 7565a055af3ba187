"""Exact limits on a probability from how often something happened.

Source: Clopper & Pearson 1934. The same two formulas bound the probability beyond an order
statistic: the share of a continuous law above the (k+1)-th largest of n draws has the law
Beta(k + 1, n - k), so a threshold may be taken from the draws themselves and costs no correction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from tithe.audit.scores import Floats
from tithe.checks import BadInput


def lower_limit(num_seen: ArrayLike, num_trials: int, *, level: float) -> Floats:
    """Below the true probability, except with probability at most ``level``; any shape."""
    seen = np.asarray(num_seen, dtype=np.float64)
    found = betaincinv(np.maximum(seen, 1.0), num_trials - seen + 1, level)
    return np.where(seen > 0, found, 0.0)


def upper_limit(num_seen: ArrayLike, num_trials: int, *, level: float) -> Floats:
    """Above the true probability, except with probability at most ``level``; any shape."""
    seen = np.asarray(num_seen, dtype=np.float64)
    found = betaincinv(seen + 1, np.maximum(num_trials - seen, 1.0), 1 - level)
    return np.where(seen < num_trials, found, 1.0)


def interval(num_seen: int, num_trials: int, *, confidence: float) -> tuple[float, float]:
    """Both limits, each at half of what the confidence leaves."""
    level = (1 - require_confidence(confidence)) / 2
    low = float(lower_limit(num_seen, num_trials, level=level))
    return low, float(upper_limit(num_seen, num_trials, level=level))


def require_confidence(confidence: float) -> float:
    """The confidence itself.

    Raises:
      BadInput: it is not between a half and one.
    """
    if not 0.5 < confidence < 1:
        raise BadInput(f"confidence must be in (0.5, 1), got {confidence}")
    return confidence


def require_loss(delta: float) -> float:
    """The delta itself.

    Raises:
      BadInput: it is no probability below 1.
    """
    if not 0 <= delta < 1:
        raise BadInput(f"delta must be in [0, 1), got {delta}")
    return delta
