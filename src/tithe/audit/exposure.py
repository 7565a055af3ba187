"""Exposure: how far a secret stands out among all that it might have been.

A secret of a known form, such as a number of nine digits, is planted in the training text. If the
model then finds it likelier than almost all others of that form, it has been learnt by heart.

Source: Carlini, Liu, Erlingsson, Kos & Song 2019, The secret sharer.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import skewnorm

from tithe.audit.scores import Floats, one_column
from tithe.checks import BadInput, require_at_least

_SMALLEST_FIT = 100


def exposure_by_rank(secret_loss: float, all_losses: Floats) -> float:
    """Exact where the losses of all possible secrets, the true one included, are known; in bits.

    It is ``log2 |R| - log2 rank``: 0 for the unlikeliest, ``log2 |R|`` for the likeliest. Among
    equals the secret counts as the last.

    Args:
      secret_loss: of the planted one.
      all_losses: of all |R|, shape ``(r,)``.
    Raises:
      BadInput: no loss, or one that is NaN.
    """
    losses = one_column(all_losses=all_losses)
    rank = max(1, int((losses <= secret_loss).sum()))
    return math.log2(len(losses)) - math.log2(rank)


def exposure_by_fit(secret_loss: float, sampled_losses: Floats, *, space: float) -> float:
    """From a sample: minus log2 of the share of a fitted skew-normal law below the secret's loss.

    An extrapolation: beyond ``log2`` of the sample's size it rests on the fitted tail alone. Never
    above ``log2(space)``, which is all there is to be learnt.

    Args:
      secret_loss: of the planted one.
      sampled_losses: of other secrets of the same form, at least 100, shape ``(r,)``.
      space: how many such secrets there are.
    Raises:
      BadInput: too few losses, or all the same.
    """
    require_at_least(1, space=space)
    losses = one_column(sampled_losses=sampled_losses)
    if len(losses) < _SMALLEST_FIT or not np.ptp(losses) > 0:
        raise BadInput(
            f"a fit needs at least {_SMALLEST_FIT} losses that differ, got {len(losses)}; "
            "rank the secret instead"
        )
    below = float(skewnorm.logcdf(secret_loss, *skewnorm.fit(losses)))
    return min(math.log2(space), max(0.0, -below / math.log(2)))
