"""Embeddings: two tokens meet in the gradient only if they are the same word."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from tithe.learning.per_example.call import (
    Call,
    Trained,
    clear,
    gram_squared_norms,
    scale,
    squared_norms,
)
from tithe.learning.per_example.contribution import Contribution, Totals


def embedding(call: Call) -> Contribution:
    """The contribution of ``nn.Embedding`` on indices of any rank."""
    layer = call.trained.layer
    assert isinstance(layer, nn.Embedding)
    words = call.inputs.reshape(call.num_examples, -1)
    gradients = call.gradients.reshape(*words.shape, layer.embedding_dim)
    if layer.padding_idx is not None:  # that row of the table is not trained
        gradients = gradients.masked_fill((words == layer.padding_idx).unsqueeze(2), 0)
    return LookedUp(call.trained, words, gradients)


class LookedUp:
    """Rows of a table: words ``(m, T)``, gradients ``(m, T, embedding_dim)``.

    The norm takes two ``(T, T)`` matrices an example instead of a whole table.
    Source: Li et al. 2022, section 4.
    """

    def __init__(self, trained: Trained, words: Tensor, gradients: Tensor) -> None:
        self.parameters = trained.parameters
        self._words = words
        self._gradients = gradients

    def squared_norms(self) -> Tensor:
        """See ``Contribution``."""
        gradients = self._gradients
        if self._words.shape[1] == 1:
            return squared_norms(gradients[:, 0])
        same = self._words.unsqueeze(2) == self._words.unsqueeze(1)
        return gram_squared_norms(same.to(gradients.dtype), gradients @ gradients.mT)

    def forget(self, examples: Tensor) -> None:
        """See ``Contribution``."""
        self._gradients = clear(self._gradients, examples)

    def add_weighted(self, factors: Tensor, totals: Totals) -> None:
        """See ``Contribution``."""
        scaled = scale(self._gradients, factors)
        totals[self.parameters[0]].index_add_(0, self._words.flatten(), scaled.flatten(0, 1))

    def written_out(self) -> dict[Parameter, Tensor]:
        """See ``Contribution``."""
        (table,) = self.parameters
        num_examples, num_words = len(self._words), table.shape[0]
        first = torch.arange(num_examples, device=self._words.device) * num_words
        places = (self._words + first.unsqueeze(1)).flatten()
        written = self._gradients.new_zeros(num_examples * num_words, table.shape[1])
        written.index_add_(0, places, self._gradients.flatten(0, 1))
        return {table: written.view(num_examples, *table.shape)}
