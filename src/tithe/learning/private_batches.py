"""Which rows take part in which noisy step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

Draw = Callable[[int], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]
Sampling = Literal["poisson", "shuffle"]


def draw_batches(
    num_examples: int, *, batch_size: int, num_steps: int, sampling: Sampling, uniforms: Draw
) -> Iterator[Tensor]:
    """Yields ``num_steps`` batches of ascending (Poisson) or shuffled positions of examples.

    Guarantee: with ``"poisson"`` every example is in every batch with probability
    ``batch_size / num_examples``, independently of all others, so a batch may be empty. With
    ``"shuffle"`` every pass is a fresh permutation cut into batches, the last of which may be
    smaller, and every example is in exactly one batch of a pass.

    Args:
      num_examples: > 0.
      batch_size: expected examples a batch, in ``[1, num_examples]``.
      num_steps: how many batches.
      sampling: the rule.
      uniforms: gives that many numbers in [0, 1) in double precision.
    """
    rate = batch_size / num_examples
    pending: list[Tensor] = []
    for _ in range(num_steps):
        if sampling == "poisson":
            yield torch.nonzero(uniforms(num_examples) < rate).squeeze(1)
            continue
        if not pending:
            order = uniforms(num_examples).argsort()
            pending = list(order.split(batch_size))
        yield pending.pop(0)


class Examples:
    """Rows as examples: some neighbouring rows, and some augmented copies of each, share a clip.

    Args:
      features: shape ``(n, ...)``.
      labels: shape ``(n, ...)``.
      microbatch: neighbouring rows an example; the last example may have fewer.
      augment: from rows to rows of the same shape, or None.
      augmentations: copies of each row.
      rng: the stream of augmentations.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        microbatch: int,
        augment: Augment | None,
        augmentations: int,
        rng: torch.Generator,
    ) -> None:
        self._features = features
        self._labels = labels
        self._microbatch = microbatch
        self._augment = augment
        self._augmentations = augmentations
        self._rng = rng

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self._microbatch)

    @property
    def rows_each(self) -> int:
        """How many rows one example gives."""
        return self._microbatch * self._augmentations

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Features, labels and weights of these examples, ``rows_each`` rows of each in a row.

        An example's weights sum to 1, or to less if it lacks rows; None stands for single rows.
        """
        weights = None
        rows = positions
        if self.rows_each > 1:
            offsets = torch.arange(self._microbatch).repeat_interleave(self._augmentations)
            rows = (positions.unsqueeze(1) * self._microbatch + offsets).flatten()
            is_there = rows < len(self._labels)
            rows = rows.where(
                is_there, rows - rows % self._microbatch
            )  # any row; it weighs nothing
            weights = is_there.to(self._weight_dtype) / self.rows_each
            weights = weights.to(self._labels.device)
        rows = rows.to(self._labels.device)
        features = self._features[rows]
        if self._augment is not None and len(features):
            features = self._augment(features, self._rng)
        return features, self._labels[rows], weights

    @property
    def _weight_dtype(self) -> torch.dtype:
        floating = self._features.is_floating_point()
        return self._features.dtype if floating else torch.get_default_dtype()
