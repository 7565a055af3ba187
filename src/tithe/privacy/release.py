"""Releasing values: bound, round to whole numbers, add whole-number noise, in this order.

The functions here bound their input themselves, so a release without a bound cannot be written by
mistake. The arithmetic that protects is that of integers: a bounded value becomes a number of grid
steps, exact noise of scale (or standard deviation) 2^40 steps is added as int64, and only the sum
becomes a float again, which is post-processing of something private already.

Rounding costs no privacy here, and nothing has to be charged for it. A single value is kept within
``floor(bound / step)`` steps of zero; a vector is rounded towards zero, which shortens it, and the
few roundings of its norm are paid from 2^-20 of the bound that is not used. What is lost instead is
at most one step of a value, 2^-40 of the noise on it.

Each mechanism has a function that gives its event. How far neighbours can lie apart, in bounds:

===================  ===========  =================================================================
unit                 replace      zero_out, add_or_remove
===================  ===========  =================================================================
participant          2            1: the other side is "nothing of hers", which is all zeros
record               2            2: without the record the change is another one within the bound
===================  ===========  =================================================================

Source: Dwork & Roth 2014, Theorem 3.6; Canonne, Kamath & Steinke 2020; Mironov 2012 for why the
noise is not added to floats.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from tithe.checks import require_positive
from tithe.privacy.bounding import bound_each, bound_l2
from tithe.privacy.events import GaussianSteps, LaplaceRelease, Relation, Unit
from tithe.privacy.noise import LOG2_STEPS, gaussian_steps, laplace_steps
from tithe.randomness import RandomBits

_SMALLEST, _LARGEST = 2.0**-20, 2.0**40  # so that value and noise stay far inside int64
_ROOM = 2.0**-20  # of the L2 bound, for the rounding of norms of up to 2^30 values in float64


def release_with_laplace(
    values: Tensor, *, gamma: float, scale_in_gamma: float, bits: RandomBits
) -> Tensor:
    """Bounds each value by gamma and adds exact discrete Laplace noise to it.

    Guarantee: every value is (s / scale_in_gamma)-DP, where neighbours lie s bounds apart (1 or 2,
    table above), and k values together cost k times that; see ``laplace_release_event``. No
    precondition on the values. There are no low-order digits by which one truth is told from
    another. Which coordinates are released is not covered here, nor how long the draw took.

    Args:
      values: shape ``(..., d)``, any floating dtype, finite.
      gamma: the bound on each value, in the units of ``values``, > 0.
      scale_in_gamma: the Laplace scale b over gamma, from 2^-20 to 2^40.
      bits: where the noise comes from.
    Returns:
      The same shape and dtype: multiples of ``gamma * scale_in_gamma * 2^-40``, rounded to the
      dtype.
    Raises:
      ValueError: a parameter is out of its range, or a value is not finite.
    Source: Dwork & Roth 2014, Theorem 3.6, on integers.
    """
    _require_ratio(scale_in_gamma=scale_in_gamma)
    bounded = bound_each(values.detach().double().cpu(), gamma=gamma).numpy()
    step = _step(scale=gamma * scale_in_gamma)
    reach = math.floor(Fraction(1 << LOG2_STEPS) / Fraction(scale_in_gamma))  # floor(gamma / step)
    steps = np.clip(np.rint(bounded / step).astype(np.int64), -reach, reach)
    noise = laplace_steps(steps.size, bits=bits).reshape(steps.shape)
    return torch.from_numpy((steps + noise) * step).to(values)


def laplace_release_event(
    count: int, *, scale_in_gamma: float, unit: Unit, relation: Relation
) -> LaplaceRelease:
    """What count values of ``release_with_laplace`` cost."""
    _require_ratio(scale_in_gamma=scale_in_gamma)
    scale = scale_in_gamma / _bounds_apart(unit, relation)
    return LaplaceRelease(scale=scale, count=count, unit=unit, relation=relation)


def release_with_gaussian(
    values: Tensor, *, l2_norm_bound: float, noise_multiplier: float, bits: RandomBits
) -> Tensor:
    """Bounds the L2 norm of each vector and adds exact discrete Gaussian noise to it.

    Guarantee: a vector costs ``s^2 / (2 * noise_multiplier^2)``-zCDP, where neighbours lie s bounds
    apart (1 or 2, table above); see ``gaussian_release_event``. No precondition on the values.
    There are no low-order digits by which one truth is told from another. Choosing coordinates of
    the result afterwards is post-processing and free. Not covered: how long the draw took.

    Args:
      values: shape ``(..., d)``, d at most 2^30, any floating dtype, finite; each vector along the
        last dimension is a release of its own.
      l2_norm_bound: in the units of ``values``, > 0; all but 2^-20 of it is used.
      noise_multiplier: standard deviation over ``l2_norm_bound``, from 2^-20 to 2^40.
      bits: where the noise comes from.
    Returns:
      The same shape and dtype: multiples of ``l2_norm_bound * noise_multiplier * 2^-40``, rounded
      to the dtype.
    Raises:
      ValueError: a parameter is out of its range, or a value is not finite.
    Source: Canonne, Kamath & Steinke 2020, Theorem 4, one coordinate at a time.
    """
    _require_ratio(noise_multiplier=noise_multiplier)
    wide = values.detach().double().cpu()
    bounded = bound_l2(wide, l2_norm_bound=l2_norm_bound * (1 - _ROOM)).numpy()
    step = _step(scale=l2_norm_bound * noise_multiplier)
    steps = np.trunc(bounded / step).astype(np.int64)
    noise = gaussian_steps(steps.size, bits=bits).reshape(steps.shape)
    return torch.from_numpy((steps + noise) * step).to(values)


def gaussian_release_event(
    *, noise_multiplier: float, unit: Unit, relation: Relation
) -> GaussianSteps:
    """What one vector of ``release_with_gaussian`` costs."""
    _require_ratio(noise_multiplier=noise_multiplier)
    return GaussianSteps(
        noise_multiplier=noise_multiplier / _bounds_apart(unit, relation),
        unit=unit,
        relation=relation,
    )


def _bounds_apart(unit: Unit, relation: Relation) -> int:
    """How many bounds neighbouring bounded inputs can lie apart: the table of this file."""
    return 1 if unit == "participant" and relation in ("zero_out", "add_or_remove") else 2


def _require_ratio(**noise_in_bounds: float) -> None:
    """Raises ValueError unless bounded value and noise both fit their integers."""
    for name, ratio in noise_in_bounds.items():
        if not _SMALLEST <= ratio <= _LARGEST:
            raise ValueError(f"{name} must be in [2^-20, 2^40], got {ratio}")


def _step(*, scale: float) -> float:
    """The grid on which noise of this scale (or standard deviation) spans 2^40 steps."""
    step = math.ldexp(scale, -LOG2_STEPS)
    require_positive(step=step)
    return step
