"""A network for texts that looks at which words there are and not at their order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PADDING = 0
VOCABULARY = 8192


class TextBag(nn.Module):
    """The mean of the words' vectors, then one linear layer; see ``text_bag``."""

    def __init__(self, *, vocabulary: int, width: int, num_classes: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.linear = nn.Linear(width, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers ``(n, length)``, int64, to scores ``(n, num_classes)``."""
        is_word = (tokens != PADDING).unsqueeze(2)  # (n, length, 1)
        vectors = self.words(tokens) * is_word
        mean = vectors.sum(dim=1) / is_word.sum(dim=1).clamp(min=1)
        scores: Tensor = self.linear(mean)
        return scores


def text_bag(*, num_classes: int = 2, vocabulary: int = VOCABULARY, width: int = 32) -> nn.Module:
    """An embedding bag: 262,210 parameters for two classes. Input ``(n, length)``, int64.

    It is written with ``nn.Embedding``, which has a rule for the gradients of single rows, and not
    with ``nn.EmbeddingBag``, which has none.

    Args:
      num_classes: scores a row.
      vocabulary: token numbers are below this; 0 is no word and counts for nothing.
      width: numbers a word.
    Source: Joulin et al. 2017, Bag of tricks for efficient text classification, section 2.
    """
    bag = TextBag(vocabulary=vocabulary, width=width, num_classes=num_classes)
    with torch.no_grad():
        bag.words.weight.mul_(width**-0.5)  # vectors of length about 1, as the linear layer expects
        bag.words.weight[PADDING] = 0
    return bag
