"""Noise made of uniform words: integers with an exact law where noise is released.

================  ===================  =======================================  =================
function          gives                claim                                    for
================  ===================  =======================================  =================
laplace_steps     int64                exact discrete Laplace                   releases
gaussian_steps    int64                exact discrete Gaussian                  releases
laplace           float64 on a grid    the same, in units of the scale          comparisons
gaussian          float64 on a grid    the same, in units of the stddev         comparisons
gumbel            float64              the law to about 2^-50 relative          comparisons
fast_gaussian     float64 on 2^-30     Box-Muller in floats: an engineering     the steps of
                                       claim, see there                         DP-SGD
================  ===================  =======================================  =================

"Exact" means: no rounding and no approximated function decides any digit, and what is added to
integers stays an integer, so there are no low-order digits by which one truth is told from another
(Mironov 2012). It holds for words that are independent and uniform, up to an event of probability
below 2^-120 a value (see ``exponential``). A sum of a real value and a float from here has such
digits: whoever releases uses ``release``, which rounds the value first and adds the integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.checks import require_at_least, require_positive
from tithe.privacy.exponential import Integers, Truths, Words, coins, exponentials
from tithe.randomness import RandomBits

LOG2_STEPS = 40  # steps of the grid in one scale or standard deviation, as a power of two
GRID = 2.0**-30  # of fast_gaussian, in standard deviations

_AT_ONCE = 20_000  # values drawn together; their words stay in the processor's cache
_PAIRS_AT_ONCE = 1 << 14
_DOUBT = 2.0**-48  # far above the few roundings of 2^-53 in a comparison of two float64


def laplace_steps(count: int, *, log2_scale: int = LOG2_STEPS, bits: RandomBits) -> Integers:
    """Independent integers with ``P(x)`` proportional to ``exp(-|x| / 2^log2_scale)``.

    Guarantee: x + noise is (s / 2^log2_scale)-DP for an integer x that neighbours change by at
    most s, exactly, with no low-order digits to attack. Not constant time.

    Args:
      count: how many, >= 0.
      log2_scale: from 0 to 40; the scale is 2^log2_scale steps.
      bits: where the words come from; about 4.4 are used a value.
    Returns:
      Shape ``(count,)``, int64.
    Source: Canonne, Kamath & Steinke 2020, Algorithm 2 (sign, and no negative zero), on top of von
    Neumann 1951 for the magnitude.
    """
    _require_draw(count, log2_scale=log2_scale)

    def draw(missing: int) -> Integers:
        whole, rest = exponentials(missing, bits=bits)
        return _with_signs(_steps(whole, rest, log2_scale), bits)

    return _collect(count, draw)


def gaussian_steps(count: int, *, log2_stddev: int = LOG2_STEPS, bits: RandomBits) -> Integers:
    """Independent integers with ``P(x)`` proportional to ``exp(-x^2 / (2 * 4^log2_stddev))``.

    Guarantee: x + noise is (s^2 / (2 * 4^log2_stddev))-zCDP for an integer vector x that
    neighbours change by at most s in L2 norm, exactly and at every Renyi order, with no low-order
    digits to attack. At 2^40 steps it is within 2^-80 a value in total variation of a normal
    variable rounded to the grid, to which every statement about the continuous mechanism applies.
    Not constant time.

    Args:
      count: how many, >= 0.
      log2_stddev: from 0 to 40; the Gaussian's sigma is 2^log2_stddev steps.
      bits: where the words come from; about 12 are used a value.
    Returns:
      Shape ``(count,)``, int64.
    Source: Canonne, Kamath & Steinke 2020, Algorithm 3 with t = sigma, and Theorem 4.
    """
    _require_draw(count, log2_stddev=log2_stddev)

    def draw(missing: int) -> Integers:
        whole, rest = exponentials(2 * missing, bits=bits)
        magnitudes = _steps(whole[:missing], rest[:missing], log2_stddev)
        is_kept = _exceeds_half_square(
            whole[missing:], rest[missing:], magnitudes, log2_stddev=log2_stddev, bits=bits
        )
        return _with_signs(magnitudes[is_kept], bits)

    return _collect(count, draw)


def laplace(shape: Sequence[int], *, scale: float, bits: RandomBits) -> Tensor:
    """Independent Laplace noise of this scale (b), float64, on the grid ``scale * 2^-40``.

    Guarantee: an exact discrete Laplace times the grid; to be compared, not added and released.
    """
    require_positive(scale=scale)
    return _on_grid(laplace_steps(math.prod(shape), bits=bits), scale).reshape(tuple(shape))


def gaussian(shape: Sequence[int], *, stddev: float, bits: RandomBits) -> Tensor:
    """Independent Gaussian noise, float64, on the grid ``stddev * 2^-40``.

    Guarantee: an exact discrete Gaussian times the grid; to be compared, not added and released.
    """
    require_positive(stddev=stddev)
    return _on_grid(gaussian_steps(math.prod(shape), bits=bits), stddev).reshape(tuple(shape))


def gumbel(shape: Sequence[int], *, scale: float, bits: RandomBits) -> Tensor:
    """Independent Gumbel noise of mean ``0.5772 * scale``, float64: to be compared, never released.

    Guarantee: the law ``P(X <= x) = exp(-exp(-x / scale))`` up to float64 rounding of two
    logarithms, and without what lies beyond 46 scales, a tail of probability 2^-65.
    Source: -log of an exponential variable, and that -log(1 - u) of a uniform u.
    """
    require_positive(scale=scale)
    uniforms = (bits.words(math.prod(shape)).astype(np.float64) + 0.5) * 2.0**-64
    np.minimum(uniforms, 1 - 2.0**-53, out=uniforms)  # 1 itself is reached by rounding
    exponential = -np.log1p(-uniforms)
    return torch.from_numpy(-scale * np.log(exponential)).reshape(tuple(shape))


def fast_gaussian(count: int, *, bits: RandomBits) -> Tensor:
    """Standard normal noise at the price of ordinary noise, for the many steps of DP-SGD.

    Guarantee: an engineering claim, weaker than ``gaussian_steps``. The law is the normal one up
    to float64 rounding and the grid 2^-30, without what lies beyond 8.57 standard deviations, a
    tail of probability 2^-53; the rounding removes the low-order digits of the transform. What it
    is added to is a float, and no claim is made about the low-order digits of that sum.

    Args:
      count: how many, >= 0.
      bits: where the words come from; one is used a value.
    Returns:
      Shape ``(count,)``, float64, multiples of 2^-30.
    Source: Box & Muller 1958.
    """
    require_at_least(0, count=count)
    noise = torch.empty(count, dtype=torch.float64)
    for start in range(0, count, 2 * _PAIRS_AT_ONCE):
        some = noise[start : start + 2 * _PAIRS_AT_ONCE]
        num_pairs = (some.numel() + 1) // 2
        uniforms = (bits.words(2 * num_pairs) >> np.uint64(11)).astype(np.float64)
        radius, angle = uniforms[:num_pairs], uniforms[num_pairs:]
        radius += 1  # on (0, 1] after the next line, so that the logarithm is finite
        radius *= 2.0**-53
        np.log(radius, out=radius)
        radius *= -2
        np.sqrt(radius, out=radius)
        angle *= 2 * math.pi * 2.0**-53
        length, turn = torch.from_numpy(radius), torch.from_numpy(angle)
        some[:num_pairs] = torch.cos(turn).mul_(length)
        some[num_pairs:] = turn.sin_().mul_(length)[: some.numel() - num_pairs]
        some.div_(GRID).round_().mul_(GRID)
    return noise


def _require_draw(count: int, **log2: int) -> None:
    """Raises ValueError unless count >= 0 and the power of two fits the words."""
    require_at_least(0, count=count, **log2)
    for name, value in log2.items():
        if value != int(value) or value > LOG2_STEPS:
            raise ValueError(f"{name} must be a whole number of at most {LOG2_STEPS}, got {value}")


def _collect(count: int, draw: Callable[[int], Integers]) -> Integers:
    """Fills an array from draws that return at most as many as they are asked for."""
    steps = np.empty(count, dtype=np.int64)
    filled = 0
    while filled < count:
        some = draw(min(_AT_ONCE, count - filled))
        steps[filled : filled + some.size] = some
        filled += some.size
    return steps


def _steps(whole: Integers, rest: Words, log2_scale: int) -> Integers:
    """floor(2^log2_scale * (whole + rest / 2^64)) as integers."""
    digits = (rest >> np.uint64(63 - log2_scale)) >> np.uint64(1)  # no shift by 64 at scale 1
    return (whole << log2_scale) | digits.astype(np.int64)


def _with_signs(magnitudes: Integers, bits: RandomBits) -> Integers:
    """Gives each magnitude a fair sign and drops what became -0, which would count 0 twice."""
    is_negative = coins(magnitudes.size, bits=bits)
    signed = np.where(is_negative, -magnitudes, magnitudes)
    kept: Integers = signed[~(is_negative & (magnitudes == 0))]
    return kept


def _exceeds_half_square(
    whole: Integers, rest: Words, magnitudes: Integers, *, log2_stddev: int, bits: RandomBits
) -> Truths:
    """Whether an exponential E >= (y - s)^2 / (2 s^2), y the magnitude, s = 2^log2_stddev.

    That is a coin with probability ``exp(-(y - s)^2 / (2 s^2))``. Floats decide where they can not
    be wrong, whole numbers with 64 more digits of E decide the rest: the right-hand side has at
    most 81 binary digits after the point, so 128 decide exactly.
    """
    distance = magnitudes - (1 << log2_stddev)
    bar = distance.astype(np.float64) ** 2 * 2.0 ** -(2 * log2_stddev + 1)
    margin = whole + rest.astype(np.float64) * 2.0**-64 - bar
    exceeds: NDArray[np.bool_] = margin > 0
    doubtful = np.flatnonzero(np.abs(margin) <= _DOUBT * (1 + bar))
    for i, word in zip(doubtful.tolist(), bits.words(doubtful.size).tolist(), strict=True):
        exponential = (int(whole[i]) << 128) | (int(rest[i]) << 64) | word
        exceeds[i] = exponential >= int(distance[i]) ** 2 << (127 - 2 * log2_stddev)
    return exceeds


def _on_grid(steps: Integers, unit: float) -> Tensor:
    return torch.from_numpy(steps.astype(np.float64) * math.ldexp(unit, -LOG2_STEPS))
