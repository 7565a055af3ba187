"""The slower way, right for every module: the gradients of every example, written out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from tithe.learning.per_example.contribution import Contribution, WrittenOut
from tithe.learning.per_example.tape import Examples, Loss, row_losses


class Vectorised:
    """All examples at once through ``torch.func``: bare parameters and layers without a rule.

    Every example runs through the module by itself, with its own dropout.
    """

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        self._module = module
        self._loss = loss

    @contextmanager
    def attached(self) -> Iterator[Vectorised]:
        """Nothing is attached to the module."""
        yield self

    def __call__(
        self, features: Tensor, labels: Tensor, *, weights: Tensor | None, group: int
    ) -> Examples:
        """See ``Tape``."""
        named = {name: p for name, p in self._module.named_parameters() if p.requires_grad}
        if weights is None:
            weights = torch.ones(len(labels), dtype=_dtype(named), device=features.device)

        def weighted_loss(
            parameters: dict[str, Tensor], rows: Tensor, right: Tensor, weight: Tensor
        ) -> tuple[Tensor, Tensor]:
            scores = torch.func.functional_call(self._module, parameters, (rows,))
            losses = row_losses(scores, right, self._loss)
            return (losses * weight).sum(), losses

        gradients, losses = torch.func.vmap(
            torch.func.grad(weighted_loss, has_aux=True),
            in_dims=(None, 0, 0, 0),
            randomness="different",
        )(
            {name: parameter.detach() for name, parameter in named.items()},
            features.unflatten(0, (-1, group)),
            labels.unflatten(0, (-1, group)),
            weights.unflatten(0, (-1, group)),
        )
        written = {parameter: gradients[name].detach() for name, parameter in named.items()}
        contributions: list[Contribution] = [WrittenOut(written)]
        return Examples(losses.detach().flatten(), contributions)


class OneByOne:
    """A loop over the examples, for modules that ``torch.func`` cannot take, such as LSTMs."""

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        self._module = module
        self._loss = loss

    @contextmanager
    def attached(self) -> Iterator[OneByOne]:
        """Nothing is attached to the module."""
        yield self

    def __call__(
        self, features: Tensor, labels: Tensor, *, weights: Tensor | None, group: int
    ) -> Examples:
        """See ``Tape``."""
        parameters = [p for p in self._module.parameters() if p.requires_grad]
        num_examples = len(labels) // group
        written = {p: p.new_zeros(num_examples, *p.shape) for p in parameters}
        losses = []
        for example in range(num_examples):
            rows = slice(example * group, (example + 1) * group)
            with torch.enable_grad():
                scores = self._module(features[rows])
                some = row_losses(scores, labels[rows], self._loss)
                total = some.sum() if weights is None else (some * weights[rows]).sum()
                gradients = torch.autograd.grad(total, parameters, allow_unused=True)
            losses.append(some.detach())
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    written[parameter][example] = gradient
        contributions: list[Contribution] = [WrittenOut(written)]
        return Examples(torch.cat(losses), contributions)


def _dtype(named: dict[str, Parameter]) -> torch.dtype:
    return next(iter(named.values())).dtype
