"""One call of one layer, with what is needed to find its parameters' gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import Parameter

_LONG_ROW = 2**16  # values; the sum of more squares in one go would lose digits


class UnknownLayer(ValueError):
    """This layer, or this way of calling it, has no rule of its own; the slower path takes it."""


@dataclass(frozen=True)
class Trained:
    """A layer and those of its parameters that are trained; the others are None."""

    layer: nn.Module
    weight: Parameter | None
    bias: Parameter | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Weight, then bias."""
        return tuple(parameter for parameter in (self.weight, self.bias) if parameter is not None)


@dataclass(frozen=True)
class Call:
    """What went into a layer and what the loss wants of what came out.

    Attributes:
      trained: the layer.
      inputs: shape ``(m * group, ...)``, detached.
      gradients: of the summed loss with respect to the layer's output, ``(m * group, ...)``.
      group: rows that are one example together.
    """

    trained: Trained
    inputs: Tensor
    gradients: Tensor
    group: int

    @property
    def num_examples(self) -> int:
        """How many examples the rows are."""
        return len(self.inputs) // self.group


def clear(tensor: Tensor, examples: Tensor) -> Tensor:
    """A copy that is zero where the mask over its first axis is true, whatever was there."""
    mask = examples.view(-1, *([1] * (tensor.dim() - 1)))
    return tensor.masked_fill(mask, 0)


def scale(tensor: Tensor, factors: Tensor) -> Tensor:
    """Every example, the first axis, times its factor."""
    return tensor * factors.view(-1, *([1] * (tensor.dim() - 1)))


def sum_groups(rows: Tensor, *, group: int) -> Tensor:
    """The sum over the rows of each example, ``(m * group, ...) -> (m, ...)``."""
    return rows if group == 1 else rows.unflatten(0, (-1, group)).sum(dim=1)


def squared_norms(rows: Tensor) -> Tensor:
    """Squared L2 norm of every row, ``(m, n) -> (m,)``."""
    if rows.shape[1] <= _LONG_ROW:
        norms: Tensor = torch.linalg.vector_norm(rows, dim=1)  # takes no memory for the squares
        return norms.square_()
    parts = [squared_norms(part) for part in rows.split(_LONG_ROW, dim=1)]
    return torch.stack(parts).sum(dim=0)


def gram_squared_norms(inputs: Tensor, gradients: Tensor) -> Tensor:
    """``|sum_t g_t a_t'|^2`` from the two Gram matrices, each ``(m, T, T)``, shape ``(m,)``.

    The norm is ``sum over s, t of <a_s, a_t> <g_s, g_t>``. Where the positions' shares cancel, its
    terms are larger than itself, and rounding can make it too small or even negative: by at most
    twice the dtype's epsilon times ``|a|^2 |g|^2``, as measured. Twice that is added, so that no
    example passes its clip with a norm found too small.
    """
    squared: Tensor = torch.linalg.vecdot(inputs.flatten(1), gradients.flatten(1))
    largest = _trace(inputs) * _trace(gradients)
    return squared + 4 * torch.finfo(squared.dtype).eps * largest


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
