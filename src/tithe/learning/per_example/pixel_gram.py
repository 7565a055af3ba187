"""Norms of convolution gradients from the Gram matrix of pixels instead of that of patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tithe.learning.per_example.call import gram_squared_norms

_VALUES_AT_ONCE = 2**20  # of the Gram matrices: what a cache holds, and a bound on the memory


@dataclass(frozen=True)
class Geometry:
    """How a convolution slides, in pairs of (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


def is_cheaper(inputs: Sequence[int], gradients: Sequence[int], geometry: Geometry) -> bool:
    """Whether the Gram matrix costs less than the gradient of every example.

    Args:
      inputs: shape ``(rows, channels, H, W)`` of what goes into the layer.
      gradients: shape ``(rows, filters, H', W')`` of what comes out.
      geometry: of the layer.
    """
    channels, filters = inputs[1] // geometry.groups, gradients[1] // geometry.groups
    num_pixels = (inputs[2] + 2 * geometry.padding[0]) * (inputs[3] + 2 * geometry.padding[1])
    num_positions = gradients[2] * gradients[3]
    height, width = geometry.kernel
    by_gram = num_pixels**2 * channels + num_positions**2 * (height + width + filters)
    written_out = num_positions * channels * height * width * filters
    # The gradients are one large product and run faster than the many small ones of Gram matrices
    # only while those do not fit; 0.4 was measured on networks for pictures of 8 to 32 pixels.
    return by_gram < 0.4 * written_out


def squared_norms_of_slides(
    inputs: Tensor, gradients: Tensor, geometry: Geometry, *, has_weight: bool, has_bias: bool
) -> Tensor:
    """Squared norm of every row's gradient of the weight and the bias, shape ``(rows,)``.

    ``|sum_t g_t patch_t'|^2 = sum over s, t of <patch_s, patch_t> <g_s, g_t>``, and the product of
    two patches is the sum, over the places in the kernel, of products of two pixels. So the Gram
    matrix of the patches is a sum of shifted parts of the Gram matrix of the pixels; shifting first
    down and then across takes ``height + width`` additions instead of ``height * width``, and no
    patch is ever formed.

    Args:
      inputs: shape ``(rows, channels, H, W)``.
      gradients: of the output, shape ``(rows, filters, H', W')``.
      geometry: of the layer.
      has_weight: whether the weight is trained.
      has_bias: whether the bias is trained.
    """
    down, across = geometry.padding
    if down or across:
        inputs = functional.pad(inputs, (across, across, down, down))
    num_values = geometry.groups * (inputs.shape[2] * inputs.shape[3]) ** 2
    step = max(1, _VALUES_AT_ONCE // num_values)
    norms = [
        _of_some(some, their_gradients, geometry, has_weight=has_weight, has_bias=has_bias)
        for some, their_gradients in zip(inputs.split(step), gradients.split(step), strict=True)
    ]
    return torch.cat(norms)


def _of_some(
    inputs: Tensor, gradients: Tensor, geometry: Geometry, *, has_weight: bool, has_bias: bool
) -> Tensor:
    num_rows, groups = len(inputs), geometry.groups
    flat = gradients.reshape(num_rows * groups, gradients.shape[1] // groups, -1)
    outer = flat.mT @ flat  # (rows * groups, T, T)
    if has_weight:
        inner = _patch_gram(inputs, (gradients.shape[2], gradients.shape[3]), geometry)
        if has_bias:
            inner += 1  # the bias is the weight of one more channel, which is always 1
    else:
        inner = torch.ones_like(outer)
    return gram_squared_norms(inner, outer).view(num_rows, groups).sum(dim=1)


def _patch_gram(inputs: Tensor, positions: tuple[int, int], geometry: Geometry) -> Tensor:
    """Products of every two patches, ``(rows, channels, H, W) -> (rows * groups, T, T)``."""
    num_rows, channels, height, width = inputs.shape
    pixels = inputs.reshape(num_rows * geometry.groups, channels // geometry.groups, -1)
    gram = (pixels.mT @ pixels).view(-1, height, width, height, width)
    for axis in (0, 1):
        gram = _add_shifts(
            gram,
            axis=axis,
            num_shifts=geometry.kernel[axis],
            step=geometry.dilation[axis],
            stride=geometry.stride[axis],
            count=positions[axis],
        )
    num_positions = positions[0] * positions[1]
    return gram.reshape(-1, num_positions, num_positions)


def _add_shifts(
    gram: Tensor, *, axis: int, num_shifts: int, step: int, stride: int, count: int
) -> Tensor:
    """Sums ``num_shifts`` parts of both copies of an axis, each part with ``count`` places."""
    total: Tensor | None = None
    for number in range(num_shifts):
        first = number * step
        some = slice(first, first + stride * (count - 1) + 1, stride)
        part = gram[:, some, :, some] if axis == 0 else gram[:, :, some, :, some]
        total = part.clone() if total is None else total.add_(part)
    assert total is not None
    return total
