"""Model inversion: the input that a trained network is surest of, class by class.

It shows what the network takes a class to look like, not who was in its training: on digits it is
as alike to non-members as to members. So it is an illustration, and never the figure of a risk.

Source: Fredrikson, Jha & Ristenpart 2015, Algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tithe.checks import require_at_least, require_positive

_GOOD_ENOUGH = 0.01


@dataclass(frozen=True, eq=False)
class Inversion:
    """Inputs, shape ``(c, ...)``, and how sure the network is of each, shape ``(c,)``."""

    inputs: Tensor
    confidence: Tensor


def invert_classes(
    module: nn.Module,
    *,
    shape: tuple[int, ...],
    num_classes: int,
    learning_rate: float = 0.1,
    num_steps: int = 500,
    low: float = 0.0,
    high: float = 1.0,
) -> Inversion:
    """Climbs to an input of each class by gradient steps, and keeps the best on the way.

    Args:
      module: in evaluation afterwards; its parameters are left alone.
      shape: of one input.
      num_classes: c.
      learning_rate: of the climb, > 0.
      num_steps: at most; an input that the network is 99 % sure of is left as it is.
      low: smallest value of an input; the climb starts there.
      high: largest.
    """
    require_positive(learning_rate=learning_rate)
    require_at_least(1, num_steps=num_steps, num_classes=num_classes)
    module.eval()
    labels = torch.arange(num_classes)
    inputs = torch.full((num_classes, *shape), low)
    best, best_cost = inputs.clone(), torch.full((num_classes,), torch.inf)
    for _ in range(num_steps):
        inputs = inputs.detach().requires_grad_()
        cost = 1 - module(inputs).softmax(dim=1)[labels, labels]
        (slope,) = torch.autograd.grad(cost.sum(), inputs)
        is_better = cost.detach() < best_cost
        best[is_better] = inputs.detach()[is_better]
        best_cost = torch.minimum(best_cost, cost.detach())
        is_open = (best_cost > _GOOD_ENOUGH).view(-1, *[1] * len(shape))
        if not is_open.any():
            break
        length = slope.flatten(1).norm(dim=1).clamp(min=1e-12).view(is_open.shape)
        step = learning_rate * slope / length * is_open
        inputs = (inputs.detach() - step).clamp(low, high)
    return Inversion(best, 1 - best_cost)
