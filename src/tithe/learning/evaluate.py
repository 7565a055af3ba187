"""How good a module is on rows it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Quality:
    """How good a module is on some rows.

    Attributes:
      accuracy: share of the rows that are classified rightly, in [0, 1].
      loss: mean cross entropy in nats.
      recalls: the same share of each class's rows, in label order; None for a class without rows.
    """

    accuracy: float
    loss: float
    recalls: tuple[float | None, ...]

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the recalls: what accuracy would be if every class had as many rows."""
        return fmean(recall for recall in self.recalls if recall is not None)


def evaluate(
    module: nn.Module, features: Tensor, labels: Tensor, *, batch_size: int = 250
) -> Quality:
    """Accuracy, of each class too, and mean cross entropy; the module's mode is then evaluation.

    Args:
      module: gives scores of shape ``(n, num_classes)``.
      features: shape ``(n, ...)``, n > 0.
      labels: shape ``(n,)``, int64, in ``[0, num_classes)``.
      batch_size: rows at a time; it changes the memory taken, not the result.
    """
    module.eval()
    num_right = 0
    total_loss = 0.0
    told: list[Tensor] = []
    with torch.inference_mode():
        for some, right in zip(features.split(batch_size), labels.split(batch_size), strict=True):
            scores = module(some)
            is_right = scores.argmax(dim=1) == right
            num_right += int(is_right.sum())
            told.append(is_right)
            num_classes = scores.shape[1]
            total_loss += float(functional.cross_entropy(scores, right, reduction="sum"))
    recalls = _recalls(torch.cat(told), labels, num_classes=num_classes)
    return Quality(num_right / len(labels), total_loss / len(labels), recalls)


def _recalls(is_right: Tensor, labels: Tensor, *, num_classes: int) -> tuple[float | None, ...]:
    rows = torch.bincount(labels, minlength=num_classes).tolist()
    right = torch.bincount(labels[is_right], minlength=num_classes).tolist()
    return tuple(one / each if each else None for one, each in zip(right, rows, strict=True))


def predict(module: nn.Module, features: Tensor, *, batch_size: int = 250) -> Tensor:
    """Class probabilities, shape ``(n, num_classes)``."""
    module.eval()
    with torch.inference_mode():
        parts = [module(some).softmax(dim=1) for some in features.split(batch_size)]
    return torch.cat(parts)
