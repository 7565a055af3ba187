"""One-shot Gumbel selection: the largest magnitudes after noise, at a price in the root of count.

Three ways to choose coordinates privately, the cheapest first:

1. A random mask from public coins (``keep_mask``): it never looks at the values, so it costs
   nothing; what it misses is the reason to look.
2. Noise on the whole vector first, the largest of the noisy values afterwards (``keep_largest`` on
   values that are private already): post-processing, so the choice costs nothing, but every
   coordinate was released and the noise is for all of them.
3. This file: the noise is on the choice alone. Its zero-concentrated cost grows with ``count``, so
   the noise at a given cost grows with its root; a sparse vector scan needs noise in proportion to
   ``count``.

Why one noisy sort is ``count`` exponential mechanisms (Durfee & Rogers 2019, Lemma 4.2): the
largest of ``score + Gumbel(scale)`` is j with probability ``exp(score_j / scale)`` over the sum of
all; and given that j is the largest, the order of the others has the law it would have without j.
So the first ``count`` in order are those that the exponential mechanism picks one after another,
each from what is left.

Why one pick costs epsilon0^2 / 8 (Dong, Durfee & Rogers 2020): if neighbours' scores move by
amounts within an interval of width r, the log-ratios of the probabilities of all outcomes lie
within an interval of width ``epsilon0 = r / scale``. Such a bounded range makes a pick epsilon0-DP
and epsilon0^2/8-zCDP. To forget the order, as ascending positions do, is post-processing.

The width r is 2*gamma for magnitudes in [0, gamma] that move either way, and gamma if all move the
same way; since adding one number to all scores changes nothing, half of r is their sensitivity.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tithe.checks import require_at_least, require_finite, require_positive
from tithe.privacy.events import GumbelSelection, Relation, Unit
from tithe.privacy.noise import gumbel
from tithe.privacy.sparse_vector import is_monotonic
from tithe.randomness import RandomBits

_AT_ONCE = 1 << 16  # values whose noise is drawn together


def select_by_gumbel(
    values: Tensor, *, gamma: float, count: int, scale: float, bits: RandomBits
) -> Tensor:
    """Ascending positions of the ``count`` values whose bounded magnitude plus noise is largest.

    Guarantee: what ``gumbel_event`` says, for neighbours whose values differ in any way: magnitudes
    are bounded by gamma here. The noisy magnitudes and their order stay in this function. The
    noise is float64, compared and never released, so the law is the one above up to rounding: an
    engineering claim, weaker than the exact noise of a sparse vector scan. Where all ``d`` are
    asked for, all are returned, which tells nothing.

    Args:
      values: shape ``(..., d)``, any real dtype, finite; each vector along the last dimension is a
        selection of its own.
      gamma: the bound on one value, in the units of ``values``, > 0.
      count: how many to choose, >= 1.
      scale: of the Gumbel noise, in the units of ``values``, > 0.
      bits: the source of the noise; it is advanced.
    Returns:
      Shape ``(..., min(count, d))``, int64.
    Raises:
      ValueError: a parameter is out of its range, or a value is not finite.
    Source: Durfee & Rogers 2019, Algorithm 1 without its cut-off.
    """
    require_positive(gamma=gamma, scale=scale)
    require_at_least(1, count=count)
    require_finite(values=values)
    if values.dim() == 0:
        raise ValueError("values must have shape (..., d), got a single number")
    *batch, size = values.shape
    if count >= size:
        return torch.arange(size).expand(*batch, size)
    flat = values.detach().cpu().reshape(-1)
    scores = torch.empty(flat.numel(), dtype=torch.float64)
    for start in range(0, flat.numel(), _AT_ONCE):
        some = flat[start : start + _AT_ONCE].double().abs().clamp_(max=gamma)
        scores[start : start + _AT_ONCE] = some + gumbel(some.shape, scale=scale, bits=bits)
    rows = [_largest(row, count=count) for row in scores.reshape(-1, size)]
    return torch.stack(rows).reshape(*batch, count)


def gumbel_event(
    count: int, *, scale_in_gamma: float, relation: Relation, unit: Unit = "participant"
) -> GumbelSelection:
    """What one vector of ``select_by_gumbel`` costs, its scale given over gamma."""
    sensitivity = gumbel_sensitivity(gamma=1.0, unit=unit, relation=relation)
    scale = scale_in_gamma / sensitivity
    return GumbelSelection(scale=scale, count=count, unit=unit, relation=relation)


def gumbel_sensitivity(*, gamma: float, unit: Unit, relation: Relation) -> float:
    """Half the width within which neighbours' magnitudes move, in the units of gamma."""
    require_positive(gamma=gamma)
    return gamma / 2 if is_monotonic(unit, relation) else gamma


def gumbel_scale_for(
    *, rho: float, count: int, gamma: float, relation: Relation, unit: Unit = "participant"
) -> float:
    """The noise scale at which choosing ``count`` coordinates costs rho-zCDP.

    Guarantee: ``count * epsilon0^2 / 8 = rho`` with ``epsilon0 = 2 * sensitivity / scale``.

    Args:
      rho: for the whole selection, > 0.
      count: how many are chosen, >= 1.
      gamma: the bound on one value, > 0; the scale is in its units.
      relation: how neighbours differ.
      unit: whose data differ.
    Source: Dong, Durfee & Rogers 2020; Cesar & Rogers 2021, Lemma 3.4.
    """
    require_positive(rho=rho)
    require_at_least(1, count=count)
    sensitivity = gumbel_sensitivity(gamma=gamma, unit=unit, relation=relation)
    return sensitivity * math.sqrt(count / (2 * rho))


def _largest(scores: Tensor, *, count: int) -> Tensor:
    """Ascending positions of exactly ``count`` largest scores; ties go to the lowest positions."""
    flat = scores.numpy()
    ordered = flat.copy()
    ordered.partition(flat.size - count)
    border = ordered[flat.size - count]
    above = np.flatnonzero(flat > border)
    level = np.flatnonzero(flat == border)[: count - above.size]
    return torch.from_numpy(np.sort(np.concatenate([above, level])))
