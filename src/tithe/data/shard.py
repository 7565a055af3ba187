"""The rows of one participant."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation, normalise


@dataclass(frozen=True, eq=False)
class Shard:
    """Some rows of a set, by number; a thousand shards of one set hold one copy of it.

    Attributes:
      data: the whole set, shared.
      rows: shape ``(m,)``, int64, m > 0, in ``[0, len(data))``.
      normalisation: what ``tensors`` subtracts and divides by.
      held: the rows it holds, each once, where ``rows`` has copies of them or others beside them;
        None: ``rows``.
    Raises:
      ValueError: no row, another type or shape, or a row that does not exist.
    """

    data: Dataset
    rows: Tensor
    normalisation: Normalisation
    held: Tensor | None = None

    def __post_init__(self) -> None:
        """Checks that every row exists."""
        if self.rows.dtype != torch.int64 or self.rows.ndim != 1:
            raise ValueError(
                f"rows must be int64 of shape (m,), got {self.rows.dtype} {tuple(self.rows.shape)}"
            )
        if len(self.rows) == 0:
            raise ValueError(f"{self.data.name}: a shard must have at least one row, got none")
        lowest, highest = int(self.rows.min()), int(self.rows.max())
        if lowest < 0 or highest >= len(self.data):
            raise ValueError(
                f"{self.data.name}: rows must be in [0, {len(self.data)}), got {lowest}..{highest}"
            )

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def fingerprint(self) -> str:
        """SHA-256 of the rows it holds and their labels as they are stored, 64 hex digits.

        Guarantee: the same rows in the same order give the same one, however often they are trained
        on and whatever is trained on beside them; so a ledger goes on. It tells whoever knows the
        rows already that these are they, so it stays where the rows are.
        """
        digest = hashlib.sha256()
        held = self.rows if self.held is None else self.held
        for tensor in (self.data.features, self.data.labels):
            rows = tensor.index_select(0, held).contiguous()
            digest.update(f"{rows.dtype}{tuple(rows.shape)}".encode())
            digest.update(rows.numpy().tobytes())
        return digest.hexdigest()

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Fresh tensors for training: x ``(m, ...)`` float32, normalised, and y ``(m,)`` int64."""
        features = normalise(self.data.features.index_select(0, self.rows), self.normalisation)
        return features, self.data.labels.index_select(0, self.rows)
