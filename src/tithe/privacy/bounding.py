"""Bounding: the limit on one participant's influence that every noise mechanism needs first.

Guarantee of the file: a bound alone gives no differential privacy; it gives the mechanism after it
a sensitivity that holds whatever the data are. What is not finite has no bound and is refused.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tithe.checks import require_finite, require_positive


def bound_each(values: Tensor, *, gamma: float) -> Tensor:
    """Truncates every value to ``[-gamma, gamma]``.

    Guarantee: afterwards the magnitude of one value can differ by at most gamma between any two
    data sets, and the value itself by at most 2*gamma (by gamma from "no data": zero).

    Args:
      values: shape ``(..., d)``, any floating dtype, finite.
      gamma: in the units of ``values``, > 0.
    Returns:
      The same shape and dtype.
    Raises:
      ValueError: gamma is not finite or not > 0, or a value is not finite.
    Source: Shokri & Shmatikov 2015, the bound gamma.
    """
    require_positive(gamma=gamma)
    require_finite(values=values)
    return values.clamp(-gamma, gamma)


def bound_l2(values: Tensor, *, l2_norm_bound: float) -> Tensor:
    """Shrinks each vector whose L2 norm is above the bound to that norm, keeping its direction.

    Guarantee: afterwards no norm exceeds the bound by more than the rounding of the dtype, so that
    two vectors differ by at most ``2 * l2_norm_bound`` in L2 norm (and from zero by half of that).

    Args:
      values: shape ``(..., d)``, any floating dtype, finite; each vector along the last dimension.
      l2_norm_bound: in the units of ``values``, > 0.
    Returns:
      The same shape and dtype.
    Raises:
      ValueError: the bound is not finite or not > 0, or a value is not finite.
    Source: Abadi et al. 2016, Algorithm 1, "clip gradient".
    """
    require_positive(l2_norm_bound=l2_norm_bound)
    require_finite(values=values)
    if values.numel() == 0:
        return values.clone()
    wide = values.double()
    largest = wide.abs().amax(dim=-1, keepdim=True)  # (..., d) -> (..., 1)
    divisor = torch.where(largest > 0, largest, 1.0)
    shape = wide / divisor  # its squares do not overflow, and its norm is >= 1 unless all is zero
    norm = torch.linalg.vector_norm(shape, dim=-1, keepdim=True)
    shrunk = shape * (l2_norm_bound / norm.clamp(min=1.0))
    return torch.where(norm > l2_norm_bound / divisor, shrunk, wide).to(values.dtype)
