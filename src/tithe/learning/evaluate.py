"""How good a module is on rows it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Quality:
    """Accuracy in [0, 1] and mean cross entropy in nats."""

    accuracy: float
    loss: float


def evaluate(
    module: nn.Module, features: Tensor, labels: Tensor, *, batch_size: int = 250
) -> Quality:
    """Accuracy and mean cross entropy over all rows; the module's mode is left as evaluation.

    Args:
      module: gives scores of shape ``(n, num_classes)``.
      features: shape ``(n, ...)``, n > 0.
      labels: shape ``(n,)``, int64.
      batch_size: rows at a time; it changes the memory taken, not the result.
    """
    module.eval()
    num_right = 0
    total_loss = 0.0
    with torch.inference_mode():
        for some, right in zip(features.split(batch_size), labels.split(batch_size), strict=True):
            scores = module(some)
            num_right += int((scores.argmax(dim=1) == right).sum())
            total_loss += float(functional.cross_entropy(scores, right, reduction="sum"))
    return Quality(num_right / len(labels), total_loss / len(labels))


def predict(module: nn.Module, features: Tensor, *, batch_size: int = 250) -> Tensor:
    """Class probabilities, shape ``(n, num_classes)``."""
    module.eval()
    with torch.inference_mode():
        parts = [module(some).softmax(dim=1) for some in features.split(batch_size)]
    return torch.cat(parts)
