"""What the examples of a batch contribute to the gradient of some parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import Parameter

from tithe.learning.per_example.call import squared_norms

Totals = Mapping[Parameter, Tensor]


class Contribution(Protocol):
    """Gradients of m examples with respect to some parameters, in whatever form is cheapest.

    An example is whatever shares one clip: a record, its augmented copies, or a microbatch.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those it contributes to."""
        ...

    def squared_norms(self) -> Tensor:
        """Of each example, over all of these parameters, shape ``(m,)``; rounded up if at all."""
        ...

    def forget(self, examples: Tensor) -> None:
        """Makes the gradients of the examples where the mask ``(m,)`` is true exactly zero."""
        ...

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """Adds ``sum of factors[i] * gradient[i]`` to the totals; factors have shape ``(m,)``."""
        ...

    def written_out(self) -> dict[Parameter, Tensor]:
        """The gradient of every example, shape ``(m, *parameter.shape)``."""
        ...


class WrittenOut:
    """Gradients of every example as tensors of shape ``(m, *parameter.shape)``, which it owns."""

    def __init__(self, gradients: dict[Parameter, Tensor]) -> None:
        self._gradients = gradients
        self.parameters = tuple(gradients)

    def squared_norms(self) -> Tensor:
        """See ``Contribution``."""
        norms = [squared_norms(gradient.flatten(1)) for gradient in self._gradients.values()]
        return torch.stack(norms).sum(dim=0)

    def forget(self, examples: Tensor) -> None:
        """See ``Contribution``."""
        for gradient in self._gradients.values():
            gradient[examples] = 0

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """See ``Contribution``."""
        for parameter, gradient in self._gradients.items():
            totals[parameter].add_((factors @ gradient.flatten(1)).view(parameter.shape))

    def written_out(self) -> dict[Parameter, Tensor]:
        """See ``Contribution``."""
        return self._gradients


def num_written_out(contributions: list[Contribution]) -> int:
    """How many numbers are written out for every example."""
    return sum(
        parameter.numel()
        for contribution in contributions
        if isinstance(contribution, WrittenOut)
        for parameter in contribution.parameters
    )


def merge_shared(contributions: list[Contribution]) -> list[Contribution]:
    """Joins contributions to the same parameter, so that every norm is that of their sum.

    A weight that two layers share, or a layer that is called twice, has a gradient that is the sum
    over its uses; the norm of a sum does not follow from the norms of its parts, so these few are
    written out.
    """
    num_uses: dict[Parameter, int] = {}
    for contribution in contributions:
        for parameter in contribution.parameters:
            num_uses[parameter] = num_uses.get(parameter, 0) + 1
    if all(uses == 1 for uses in num_uses.values()):
        return contributions
    apart: list[Contribution] = []
    joined: dict[Parameter, Tensor] = {}
    for contribution in contributions:
        if all(num_uses[parameter] == 1 for parameter in contribution.parameters):
            apart.append(contribution)
            continue
        for parameter, gradient in contribution.written_out().items():
            joined[parameter] = joined[parameter] + gradient if parameter in joined else gradient
    return [*apart, WrittenOut(joined)]
