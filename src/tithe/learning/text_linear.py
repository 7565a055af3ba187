"""A linear network for texts that looks at which words occur."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tithe.learning.text_bag import PADDING, VOCABULARY


class TextLinear(nn.Module):
    """Which words a text has, brought to length 1, then one linear layer; see ``text_linear``."""

    def __init__(self, *, vocabulary: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(vocabulary, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers ``(n, length)``, int64, to scores ``(n, num_classes)``."""
        weight = self.linear.weight
        occurs = torch.zeros(
            len(tokens), weight.shape[1], dtype=weight.dtype, device=weight.device
        ).scatter_(1, tokens, 1.0)
        occurs[:, PADDING] = 0.0
        length = occurs.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
        scores: Tensor = self.linear(occurs / length)
        return scores


def text_linear(*, num_classes: int = 2, vocabulary: int = VOCABULARY) -> nn.Module:
    """Logistic regression on words: 16,386 parameters for two classes.

    Input ``(n, length)``, int64. What a text is turned into is fixed and has no parameters, so it
    costs no privacy, and noise falls on one number a word and class where ``text-bag`` has
    thirty-two a word: with few rows and a small epsilon it learns more. Every row has length 1, so
    the bound treats texts alike. Training starts at 0, where nothing is favoured; the loss has no
    other valley.

    Args:
      num_classes: scores a row.
      vocabulary: token numbers are below this; 0 is no word.
    """
    module = TextLinear(vocabulary=vocabulary, num_classes=num_classes)
    nn.init.zeros_(module.linear.weight)
    nn.init.zeros_(module.linear.bias)
    return module
