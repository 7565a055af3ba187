"""A loss in which rows of rare classes weigh more."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class WeightedCrossEntropy:
    """Cross entropy of each row, times the weight of its class.

    Guarantee: a row's loss depends on that row and on the weights alone, so that it may stand
    before a clip of single gradients: the row's weighted gradient is what is clipped, and it moves
    the sum by no more than the bound, whatever it weighs. Precondition: the weights are public. Of
    weights that were counted in private rows, one record changes all, in every step.
    Unlike PyTorch's own class weights, a mean of these values is not divided by the weights in the
    batch, which would let one row scale all others.

    Attributes:
      weights: one a class, > 0; their mean over the rows is 1 if they are those of
        ``tithe.data.balance.class_weights``.
    """

    weights: tuple[float, ...]

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Scores ``(n, num_classes)`` and labels ``(n,)`` to one loss a row, ``(n,)``."""
        losses = functional.cross_entropy(scores, labels, reduction="none")
        return losses * scores.new_tensor(self.weights)[labels]

    def mean(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The mean over the batch, as plain SGD wants it."""
        return self(scores, labels).mean()
