"""A small transformer for texts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.learning.text_bag import PADDING, VOCABULARY


class Attention(nn.Module):
    """Self-attention of some heads; every layer with parameters is an ``nn.Linear``.

    ``nn.MultiheadAttention`` keeps three matrices in one parameter of its own, for which there is
    no rule for the gradients of single rows.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.asked = nn.Linear(width, width)
        self.offered = nn.Linear(width, width)
        self.told = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self._heads = heads

    def forward(self, vectors: Tensor, may_see: Tensor) -> Tensor:
        """Shape ``(n, length, width)`` in and out; ``may_see`` is ``(n, 1, 1, length)``, bool."""
        asked, offered, told = (
            self._by_head(layer, vectors) for layer in (self.asked, self.offered, self.told)
        )
        seen = functional.scaled_dot_product_attention(asked, offered, told, attn_mask=may_see)
        result: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return result

    def _by_head(self, layer: Callable[[Tensor], Tensor], vectors: Tensor) -> Tensor:
        """``(n, length, width) -> (n, heads, length, width / heads)``."""
        apart: Tensor = layer(vectors).unflatten(2, (self._heads, -1))
        return apart.transpose(1, 2)


class Block(nn.Module):
    """Attention and a layer of ReLU, each behind a LayerNorm and beside a way around it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, vectors: Tensor, may_see: Tensor) -> Tensor:
        """Shape ``(n, length, width)`` in and out."""
        vectors = vectors + self.attention(self.norm1(vectors), may_see)
        inner = functional.relu(self.wide(self.norm2(vectors)))
        result: Tensor = vectors + self.narrow(inner)
        return result


class TextTransformer(nn.Module):
    """Words and places, some blocks, the mean over the words, one linear layer."""

    def __init__(
        self,
        *,
        num_classes: int,
        vocabulary: int,
        length: int,
        width: int,
        heads: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers ``(n, length)``, int64, to scores ``(n, num_classes)``."""
        is_word = tokens != PADDING
        places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        vectors = self.words(tokens) + self.places(places)
        may_see = is_word.clone()
        may_see[:, 0] = True  # an empty text looks at its first place, for it must look at one
        for block in self.blocks:
            vectors = block(vectors, may_see[:, None, None, :])
        weights = is_word.unsqueeze(2)  # (n, length, 1)
        mean = (self.norm(vectors) * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        scores: Tensor = self.linear(mean)
        return scores


def text_transformer(
    *,
    num_classes: int = 2,
    vocabulary: int = VOCABULARY,
    length: int = 64,
    width: int = 32,
    heads: int = 4,
    blocks: int = 2,
) -> nn.Module:
    """Two blocks of width 32: 281,410 parameters for two classes. Input ``(n, length)``, int64.

    LayerNorm normalises each word by itself, so no row's gradient depends on another's, and every
    trained layer has a rule for the gradients of single rows. No dropout: under DP-SGD the noise
    does its work.

    Args:
      num_classes: scores a row.
      vocabulary: token numbers are below this; 0 is no word.
      length: tokens a text has at most.
      width: numbers a word, a multiple of ``heads``.
      heads: of each attention.
      blocks: how many.
    Raises:
      ValueError: the width is no multiple of the heads.
    Source: Vaswani et al. 2017, section 3; norms before the layers: Xiong et al. 2020.
    """
    if width % heads:
        raise ValueError(f"width must be a multiple of heads = {heads}, got {width}")
    module = TextTransformer(
        num_classes=num_classes,
        vocabulary=vocabulary,
        length=length,
        width=width,
        heads=heads,
        blocks=blocks,
    )
    with torch.no_grad():
        for table in (module.words, module.places):
            table.weight.mul_(width**-0.5)
        module.words.weight[PADDING] = 0
    return module
