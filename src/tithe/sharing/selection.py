"""Which coordinates to share: positions into a vector of values, by one rule."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tithe.checks import require_at_least, require_fraction


def positions_where(mask: Tensor) -> Tensor:
    """Ascending positions, int64, where a mask of shape ``(d,)`` on the CPU is true.

    NumPy finds them in a tenth of the time that ``torch.nonzero`` takes.
    """
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def num_to_select(size: int, *, theta: float) -> int:
    """At most theta*size, at least one: how many of ``size`` parameters a fraction allows."""
    require_fraction(theta=theta)
    return max(1, int(theta * size + 1e-9))


def select_largest(values: Tensor, *, count: int) -> Tensor:
    """Ascending positions of the ``count`` values that are largest in magnitude.

    Guarantee: exactly ``min(count, d)`` positions; every value left out is at most as large in
    magnitude as every value chosen. Among values that tie at the border, those with the lowest
    positions win. Reads raw values, so the choice itself has no privacy guarantee.

    Args:
      values: shape ``(d,)``, finite.
      count: > 0.
    Source: Shokri & Shmatikov 2015, the rule "largest values".
    """
    require_at_least(1, count=count)
    if count >= values.numel():
        return torch.arange(values.numel())
    # The border is the count-th largest magnitude. NumPy's introselect finds it in one pass, which
    # is several times faster than a top-k that also orders what it finds.
    magnitudes = values.abs()
    flat = magnitudes.numpy().copy()
    flat.partition(flat.size - count)
    border = float(flat[flat.size - count])
    large = positions_where(magnitudes >= border)
    if large.numel() == count:
        return large
    above = positions_where(magnitudes > border)
    level = positions_where(magnitudes == border)[: count - above.numel()]
    return torch.cat([above, level]).sort().values


def select_random_above(values: Tensor, *, tau: float, count: int, rng: torch.Generator) -> Tensor:
    """Ascending positions of at most ``count`` values drawn from those with magnitude > tau.

    Guarantee: every value above tau is equally likely to be chosen, none at or below it ever is; it
    may be fewer than ``count``. Reads raw values, so it has no privacy guarantee.

    Args:
      values: shape ``(d,)``, finite.
      tau: threshold on the magnitude, >= 0, in the units of ``values``.
      count: > 0.
      rng: advanced by one permutation of the candidates.
    Source: Shokri & Shmatikov 2015, the rule "random with threshold".
    """
    require_at_least(0, tau=tau)
    require_at_least(1, count=count)
    candidates = positions_where(values.abs() > tau)
    if candidates.numel() <= count:
        return candidates
    drawn = torch.randperm(candidates.numel(), generator=rng)[:count]
    return candidates[drawn].sort().values


def select_mask(size: int, *, count: int, rng: torch.Generator) -> Tensor:
    """Ascending positions of ``count`` of ``size``, all equally likely, whatever the values are.

    Guarantee: independent of the values, so the choice reveals nothing about them; who knows the
    public seed knows the mask, and the indices need not be sent.
    """
    require_at_least(1, count=count)
    if count >= size:
        return torch.arange(size)
    return torch.randperm(size, generator=rng)[:count].sort().values
