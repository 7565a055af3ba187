"""Convolutions: either the gradient of every example, or its norm from a Gram matrix of pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional

from tithe.learning.per_example.call import Call, Trained, UnknownLayer, clear, scale, sum_groups
from tithe.learning.per_example.contribution import Contribution, Totals, WrittenOut
from tithe.learning.per_example.pixel_gram import Geometry, is_cheaper, squared_norms_of_slides

_ROWS_AT_ONCE = 16  # few enough for a cache, and few shapes for a library that compiles for each
_SMALL_PATCH = 128  # values; patches are copied out of the picture up to this size


def convolution(call: Call) -> Contribution:
    """The contribution of ``nn.Conv1d`` or ``nn.Conv2d``, with any stride, dilation and groups.

    Many positions and few weights: the gradient of every example is written out. Few positions and
    many weights: its norm comes from the Gram matrix of the pixels, and one ordinary gradient of
    the weighted batch is taken. Which of them follows from the shapes alone, not from a clock, so
    the same network takes the same way everywhere.
    """
    layer = call.trained.layer
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    inputs, gradients = call.inputs, call.gradients
    if inputs.dim() != layer.weight.dim():
        raise UnknownLayer("a convolution must be called with a batch")
    inputs, padding = _padded(layer, inputs)
    if isinstance(layer, nn.Conv1d):
        inputs, gradients = inputs.unsqueeze(2), gradients.unsqueeze(2)
    geometry = Geometry(
        kernel=_pair(layer.kernel_size, missing=1),
        stride=_pair(layer.stride, missing=1),
        padding=_pair(padding, missing=0),
        dilation=_pair(layer.dilation, missing=1),
        groups=layer.groups,
    )
    sliding = Sliding(call.trained, inputs, gradients, geometry=geometry, group=call.group)
    if call.group == 1 and is_cheaper(inputs.shape, gradients.shape, geometry):
        return sliding
    return WrittenOut(sliding.written_out())


class Sliding:
    """Inputs ``(rows, channels, H, W)``, gradients ``(rows, filters, H', W')``, m * group rows."""

    def __init__(
        self,
        trained: Trained,
        inputs: Tensor,
        gradients: Tensor,
        *,
        geometry: Geometry,
        group: int,
    ) -> None:
        self.parameters = trained.parameters
        self._trained = trained
        self._inputs = inputs
        self._gradients = gradients
        self._geometry = geometry
        self._group = group

    def squared_norms(self) -> Tensor:
        """See ``Contribution``; one row an example only."""
        assert self._group == 1
        return squared_norms_of_slides(
            self._inputs,
            self._gradients,
            self._geometry,
            has_weight=self._trained.weight is not None,
            has_bias=self._trained.bias is not None,
        )

    def forget(self, examples: Tensor) -> None:
        """See ``Contribution``."""
        rows = examples.repeat_interleave(self._group)
        self._inputs = clear(self._inputs, rows)
        self._gradients = clear(self._gradients, rows)

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """See ``Contribution``."""
        scaled = scale(self._gradients, factors.repeat_interleave(self._group))
        if self._trained.weight is not None:
            weight = self._weight_gradient(self._inputs, scaled, copies=1)
            totals[self._trained.weight].add_(weight.view(self._trained.weight.shape))
        if self._trained.bias is not None:
            totals[self._trained.bias].add_(scaled.sum(dim=(0, 2, 3)))

    def written_out(self) -> dict[Parameter, Tensor]:
        """See ``Contribution``."""
        weight, bias = self._trained.weight, self._trained.bias
        rows: dict[Parameter, Tensor] = {}
        if weight is not None:
            if self._geometry.groups == 1 and weight[0].numel() <= _SMALL_PATCH:
                both = self._from_patches(fan_in=weight[0].numel())
                rows[weight] = both[:, :-1].mT.reshape(-1, *weight.shape)
                if bias is not None:
                    rows[bias] = both[:, -1]
            else:
                return self._as_pictures(weight, bias)
        elif bias is not None:
            rows[bias] = self._gradients.sum(dim=(2, 3))
        return {p: sum_groups(gradient, group=self._group) for p, gradient in rows.items()}

    def _from_patches(self, *, fan_in: int) -> Tensor:
        """``sum over positions of (patch_t, 1) g_t'`` of each row, ``(rows, fan_in + 1, filters)``.

        Quick while a patch has few values.
        """
        geometry, inputs = self._geometry, self._inputs
        (down, across), (height, width) = geometry.padding, self._gradients.shape[2:]
        if down or across:
            inputs = functional.pad(inputs, (across, across, down, down))
        _, channel, line, pixel = inputs.stride()
        steps = (channel, geometry.dilation[0] * line, geometry.dilation[1] * pixel)
        strides = (geometry.stride[0] * line, geometry.stride[1] * pixel)
        axes = (inputs.shape[1], *geometry.kernel)
        patches = inputs.new_empty(_ROWS_AT_ONCE, fan_in + 1, height * width)
        patches[:, fan_in] = 1  # the bias is the weight of one more value, which is always 1
        seen = patches[:, :fan_in].unflatten(1, axes).unflatten(4, (height, width))
        # In this order a gradient with its channels last is read as it lies in memory.
        gradients = self._gradients.flatten(2).mT  # (rows, T, filters)
        products = inputs.new_empty(len(inputs), fan_in + 1, gradients.shape[2])
        for start in range(0, len(inputs), _ROWS_AT_ONCE):
            some = inputs[start : start + _ROWS_AT_ONCE]
            count = len(some)
            shape, row = (count, *axes, height, width), some.stride(0)
            seen[:count].copy_(some.as_strided(shape, (row, *steps, *strides)))
            rows = slice(start, start + count)
            torch.bmm(patches[:count], gradients[rows], out=products[rows])
        return products

    def _as_pictures(self, weight: Parameter, bias: Parameter | None) -> dict[Parameter, Tensor]:
        """Some rows at a time become the groups of one grouped convolution of a wide picture."""
        num_examples = len(self._inputs) // self._group
        written = weight.new_empty(num_examples, *weight.shape)
        step = max(1, _ROWS_AT_ONCE // self._group)  # examples at once
        for start in range(0, num_examples, step):
            stop = min(start + step, num_examples)
            rows = slice(start * self._group, stop * self._group)
            inputs, gradients = self._inputs[rows], self._gradients[rows]
            of_rows = self._weight_gradient(
                inputs.reshape(1, -1, *inputs.shape[2:]),
                gradients.reshape(1, -1, *gradients.shape[2:]),
                copies=len(inputs),
            ).view(len(inputs), *weight.shape)
            written[start:stop] = sum_groups(of_rows, group=self._group)
        if bias is None:
            return {weight: written}
        sums = self._gradients.sum(dim=(2, 3))
        return {weight: written, bias: sum_groups(sums, group=self._group)}

    def _weight_gradient(self, inputs: Tensor, gradients: Tensor, *, copies: int) -> Tensor:
        """The library's own gradient of the weights of ``copies`` independent convolutions."""
        geometry = self._geometry
        groups = geometry.groups * copies
        fan_in = inputs.shape[1] // groups
        weight = self._trained.layer.weight
        assert isinstance(weight, Tensor)
        shape = (gradients.shape[1], fan_in, *geometry.kernel)
        # Only the shape and layout of the weight matter here; its values are not read.
        like = weight.view(shape) if copies == 1 else weight.new_empty(shape)
        _, gradient, _ = torch.ops.aten.convolution_backward(
            gradients,
            inputs,
            like,
            None,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            False,  # noqa: FBT003  (not transposed)
            (0, 0),
            groups,
            (False, True, False),
        )
        assert isinstance(gradient, Tensor)
        return gradient


def _padded(layer: nn.Conv1d | nn.Conv2d, inputs: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Inputs, and how many zeros are still to be put around them along each axis."""
    if layer.padding == "valid":
        return inputs, (0,) * len(layer.kernel_size)
    if layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return inputs, layer.padding
    around: list[int] = []
    for axis in reversed(range(len(layer.kernel_size))):  # the last axis comes first
        if isinstance(layer.padding, str):  # "same"
            both = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
            around += [both // 2, both - both // 2]
        else:
            around += [layer.padding[axis]] * 2
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return functional.pad(inputs, around, mode=mode), (0,) * len(layer.kernel_size)


def _pair(values: tuple[int, ...], *, missing: int) -> tuple[int, int]:
    """One-dimensional layers slide along the second axis of a picture one pixel high."""
    return (values[0], values[1]) if len(values) == 2 else (missing, values[0])
