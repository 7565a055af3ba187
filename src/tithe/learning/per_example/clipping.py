"""Clipping: no example adds more than a bound to the sum of gradients."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from tithe.learning.per_example.contribution import Contribution, Totals

Clipping = Literal["flat", "automatic"]
_STABILITY = 0.01  # keeps small gradients small; Bu et al. 2022 call it gamma


def clip_factors(norms: Tensor, *, l2_norm_bound: float, clipping: Clipping) -> Tensor:
    """What each gradient is multiplied with, shape ``(m,)``; 0 where the norm is not finite.

    Guarantee: a gradient of this L2 norm times its factor has at most the norm ``l2_norm_bound``,
    up to rounding (a few units in the last place of the norms' dtype).

    Args:
      norms: of m gradients, shape ``(m,)``, >= 0.
      l2_norm_bound: C, > 0; infinite: nothing is clipped.
      clipping: ``"flat"`` is ``min(1, C / norm)``; ``"automatic"`` is ``C / (norm + 0.01)``, which
        makes C a part of the learning rate.
    Source: Abadi et al. 2016, Algorithm 1 (flat); Bu, Wang, Zha & Karypis 2022, Automatic clipping,
    equation AUTO-S.
    """
    if clipping == "automatic":
        factors = l2_norm_bound / (norms + _STABILITY)
    elif math.isinf(l2_norm_bound):
        factors = torch.ones_like(norms)
    else:
        factors = l2_norm_bound / norms.clamp(min=l2_norm_bound)
    return factors.where(norms.isfinite(), 0)


def add_clipped(
    contributions: list[Contribution], totals: Totals, *, l2_norm_bound: float, clipping: Clipping
) -> Tensor:
    """Adds the clipped gradients of all examples to the totals; empties the list on the way.

    Gives their norms before the clip, shape ``(m,)``, not finite where an example was left out.

    An example whose gradient is NaN or infinite, or too large for its squared norm, adds exactly
    nothing and does not touch what the others add.
    Guarantee: one example more or less changes the totals, as one vector, by at most
    ``l2_norm_bound`` in L2 norm, if examples do not mix in the module.
    """
    norms = torch.stack([c.squared_norms() for c in contributions]).sum(dim=0).sqrt_()
    factors = clip_factors(norms, l2_norm_bound=l2_norm_bound, clipping=clipping)
    is_left_out = None if math.isfinite(float(norms.sum())) else ~norms.isfinite()
    while contributions:
        contribution = contributions.pop()  # so that its memory is free for the next
        if is_left_out is not None:
            contribution.forget(is_left_out)  # 0 times NaN would be NaN
        contribution.add_weighted(factors, totals)
    return norms
