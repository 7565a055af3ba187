"""One forward and one backward pass from which the gradients of all examples follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils.hooks import RemovableHandle

from tithe.learning.flat import trainable
from tithe.learning.per_example.call import Call, Trained, UnknownLayer
from tithe.learning.per_example.contribution import Contribution, merge_shared
from tithe.learning.per_example.layers import contribution_of, trained_layers

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    """What a pass over a chunk of rows found.

    Attributes:
      losses: of each row, shape ``(m * group,)``, detached.
      contributions: the gradients of the m examples; every parameter is in at most one of them.
    """

    losses: Tensor
    contributions: list[Contribution]


def row_losses(scores: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """The loss of each row, shape ``(rows,)``; a loss a token counts with the mean over the row.

    Raises:
      ValueError: the loss mixes rows or has none for some.
    """
    losses = loss(scores, labels)
    if losses.dim() == 0 or len(losses) != len(labels):
        raise ValueError(
            f"loss must give one value a row, shape ({len(labels)},), got "
            f"{tuple(losses.shape)}; give it reduction='none'"
        )
    return losses if losses.dim() == 1 else losses.flatten(1).mean(dim=1)


class Tape:
    """Book-keeping: the weights are no part of the graph, the layers' outputs are.

    A plain step is three passes of work: forward, gradients of the outputs, gradients of the
    weights. This one is the first two; the third is done once, on the examples as weighted by their
    clips. What it adds is the norms.
    Source: Bu, Wang, Zha & Karypis 2023, Differentially private optimization on large model at
    small cost, section 3 (book-keeping).
    """

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        self._module = module
        self._loss = loss
        self._pending: list[tuple[Trained, Tensor, GradientEdge]] = []

    @contextmanager
    def attached(self) -> Iterator[Tape]:
        """While attached, the module's parameters are no part of any graph.

        Raises:
          UnknownLayer: a trained parameter belongs to a layer without a rule of its own.
        """
        layers = trained_layers(self._module)
        parameters = trainable(self._module)
        handles = [self._listen(layer) for layer in layers]
        try:
            for parameter in parameters:
                parameter.requires_grad = False
            yield self
        finally:
            for parameter in parameters:
                parameter.requires_grad_()
            for handle in handles:
                handle.remove()

    def __call__(
        self, features: Tensor, labels: Tensor, *, weights: Tensor | None, group: int
    ) -> Examples:
        """The gradients of the examples in ``m * group`` rows.

        Args:
          features: shape ``(m * group, ...)``.
          labels: shape ``(m * group, ...)``.
          weights: of each row in its example's gradient, ``(m * group,)``; None: all are 1.
          group: neighbouring rows that are one example together.
        Raises:
          UnknownLayer: a layer was called in a way that its rule does not cover.
        """
        self._pending.clear()
        rows = features.detach()
        if rows.is_floating_point():
            rows.requires_grad_()  # so that the first layer's output is no leaf either
        try:
            with torch.enable_grad():
                losses = row_losses(self._module(rows), labels, self._loss)
                total = losses.sum() if weights is None else (losses * weights).sum()
                edges = [edge for _, _, edge in self._pending]
                gradients: list[Tensor | None] = []
                gradients += torch.autograd.grad(total, edges, allow_unused=True)
            return Examples(losses.detach(), self._contributions(gradients, len(labels), group))
        finally:
            self._pending.clear()

    def _listen(self, trained: Trained) -> RemovableHandle:
        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if not inputs:
                raise UnknownLayer("a layer must be called with its input by position")
            if not output.requires_grad:  # behind integers, such as the words of an embedding
                output.requires_grad_()
            # The edge, and not the output, which a later layer may overwrite in place.
            edge = get_gradient_edge(output)
            self._pending.append((trained, inputs[0].detach(), edge))

        return trained.layer.register_forward_hook(keep)

    def _contributions(
        self, gradients: list[Tensor | None], num_rows: int, group: int
    ) -> list[Contribution]:
        found: list[Contribution] = []
        while gradients:  # emptied from behind, so that what is no longer needed is freed
            gradient = gradients.pop()
            trained, inputs, _ = self._pending.pop()
            if gradient is None:  # the loss does not depend on this call
                continue
            if len(inputs) != num_rows:
                raise UnknownLayer("a layer's first axis must be that of the examples")
            found.append(contribution_of(Call(trained, inputs, gradient, group)))
        return merge_shared(found)
