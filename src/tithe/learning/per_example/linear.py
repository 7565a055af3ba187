"""Linear layers: the norm of an outer product is the product of the norms."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter

from tithe.learning.per_example.call import (
    Call,
    Trained,
    clear,
    gram_squared_norms,
    scale,
    squared_norms,
)
from tithe.learning.per_example.contribution import Contribution, Totals, WrittenOut


def linear(call: Call) -> Contribution:
    """The contribution of ``nn.Linear`` on inputs of any rank.

    With one position an example the gradient of the weight is an outer product, of which nothing
    needs to be written. With T positions it is a sum of T outer products; its norm comes either
    from two Gram matrices, ``T^2 (fan_in + fan_out)`` multiplications, or from the gradient itself,
    ``T fan_in fan_out``, whichever is fewer.
    Source: Goodfellow 2015 (one position); Li et al. 2022, section 4 (Gram matrices).
    """
    inputs = call.inputs.reshape(call.num_examples, -1, call.inputs.shape[-1])  # (m, T, fan_in)
    gradients = call.gradients.reshape(call.num_examples, -1, call.gradients.shape[-1])
    num_positions, fan_in, fan_out = inputs.shape[1], inputs.shape[2], gradients.shape[2]
    if num_positions == 1:
        return OuterProduct(call.trained, inputs[:, 0], gradients[:, 0])
    positions = Positions(call.trained, inputs, gradients)
    if num_positions * (fan_in + fan_out) < fan_in * fan_out:
        return positions
    return WrittenOut(positions.written_out())


class OuterProduct:
    """One position an example: the gradient is ``g a'``; inputs ``(m, fan_in)``."""

    def __init__(self, trained: Trained, inputs: Tensor, gradients: Tensor) -> None:
        self.parameters = trained.parameters
        self._trained = trained
        self._inputs = inputs
        self._gradients = gradients

    def squared_norms(self) -> Tensor:
        """``|g|^2 (|a|^2 + 1)``, without the one if there is no bias. See ``Contribution``."""
        norms = squared_norms(self._gradients)
        if self._trained.weight is None:
            return norms
        extra = 0 if self._trained.bias is None else 1
        return norms * (squared_norms(self._inputs) + extra)

    def forget(self, examples: Tensor) -> None:
        """See ``Contribution``."""
        self._inputs = clear(self._inputs, examples)
        self._gradients = clear(self._gradients, examples)

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """See ``Contribution``."""
        if self._trained.weight is not None:
            scaled = scale(self._gradients, factors)
            totals[self._trained.weight].addmm_(scaled.t(), self._inputs)
        if self._trained.bias is not None:
            totals[self._trained.bias].addmv_(self._gradients.t(), factors)

    def written_out(self) -> dict[Parameter, Tensor]:
        """See ``Contribution``."""
        return _write_out(self._trained, self._inputs[:, None], self._gradients[:, None])


class Positions:
    """Few positions of wide layers: inputs ``(m, T, fan_in)``, gradients ``(m, T, fan_out)``."""

    def __init__(self, trained: Trained, inputs: Tensor, gradients: Tensor) -> None:
        self.parameters = trained.parameters
        self._trained = trained
        self._inputs = inputs
        self._gradients = gradients

    def squared_norms(self) -> Tensor:
        """See ``Contribution`` and ``gram_squared_norms``."""
        gradients = self._gradients @ self._gradients.mT  # (m, T, T)
        if self._trained.weight is None:
            inputs = torch.ones_like(gradients)
        else:
            inputs = self._inputs @ self._inputs.mT
            if self._trained.bias is not None:
                inputs += 1  # the bias is the weight of one more input, which is always 1
        return gram_squared_norms(inputs, gradients)

    def forget(self, examples: Tensor) -> None:
        """See ``Contribution``."""
        self._inputs = clear(self._inputs, examples)
        self._gradients = clear(self._gradients, examples)

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """See ``Contribution``."""
        scaled = scale(self._gradients, factors).flatten(0, 1)
        if self._trained.weight is not None:
            totals[self._trained.weight].addmm_(scaled.t(), self._inputs.flatten(0, 1))
        if self._trained.bias is not None:
            totals[self._trained.bias].add_(scaled.sum(dim=0))

    def written_out(self) -> dict[Parameter, Tensor]:
        """See ``Contribution``."""
        return _write_out(self._trained, self._inputs, self._gradients)


def _write_out(trained: Trained, inputs: Tensor, gradients: Tensor) -> dict[Parameter, Tensor]:
    """From ``(m, T, fan_in)`` and ``(m, T, fan_out)``."""
    written = {}
    if trained.weight is not None:
        written[trained.weight] = gradients.mT @ inputs
    if trained.bias is not None:
        written[trained.bias] = gradients.sum(dim=1)
    return written
