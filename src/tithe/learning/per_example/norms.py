"""Normalisations within one example: their scales and shifts are few, so they are written out."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from tithe.learning.per_example.call import Call, sum_groups
from tithe.learning.per_example.contribution import Contribution, WrittenOut


def layer_norm(call: Call) -> Contribution:
    """The contribution of ``nn.LayerNorm``: ``sum over positions of g * normalised``."""
    layer = call.trained.layer
    assert isinstance(layer, nn.LayerNorm)
    shape = layer.normalized_shape
    inputs = call.inputs.reshape(call.num_examples, -1, *shape)  # (m, T, *shape)
    gradients = call.gradients.reshape(call.num_examples, -1, *shape)
    written = {}
    if call.trained.weight is not None:
        normalised = functional.layer_norm(inputs, shape, eps=layer.eps)
        written[call.trained.weight] = normalised.mul_(gradients).sum(dim=1)
    if call.trained.bias is not None:
        written[call.trained.bias] = gradients.sum(dim=1)
    return WrittenOut(written)


def group_norm(call: Call) -> Contribution:
    """The contribution of ``nn.GroupNorm``: ``sum over pixels of g * normalised``."""
    layer = call.trained.layer
    assert isinstance(layer, nn.GroupNorm)
    written = {}
    if call.trained.weight is not None:
        normalised = functional.group_norm(call.inputs, layer.num_groups, eps=layer.eps)
        products = _sum_pixels(normalised.mul_(call.gradients))
        written[call.trained.weight] = sum_groups(products, group=call.group)
    if call.trained.bias is not None:
        written[call.trained.bias] = sum_groups(_sum_pixels(call.gradients), group=call.group)
    return WrittenOut(written)


def _sum_pixels(maps: Tensor) -> Tensor:
    """``(rows, channels, ...) -> (rows, channels)``."""
    return maps if maps.dim() == 2 else maps.flatten(2).sum(dim=2)
