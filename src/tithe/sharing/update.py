"""SparseUpdate: some coordinates of a vector and their values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class MalformedUpdate(ValueError):
    """An update that breaks the form every update must have; it is refused whole."""


@dataclass(frozen=True)
class SparseUpdate:
    """``values[i]`` belongs to coordinate ``indices[i]`` of a vector of ``size`` parameters.

    Attributes:
      indices: shape ``(k,)``, int64, strictly ascending, in ``[0, size)``.
      values: shape ``(k,)``, float32.
      size: d, the number of parameters of the whole vector.
      is_private: the values already passed a private mechanism, so what follows is
        post-processing and costs nothing more.
    """

    indices: Tensor
    values: Tensor
    size: int
    is_private: bool = False

    def __len__(self) -> int:
        return self.indices.numel()

    def dense(self) -> Tensor:
        """The whole vector, zero where this update says nothing, shape ``(d,)``."""
        whole = torch.zeros(self.size, dtype=self.values.dtype)
        whole[self.indices] = self.values
        return whole

    def take(self, positions: Tensor) -> SparseUpdate:
        """The entries at these ascending positions, shape ``(m,)`` int64."""
        return SparseUpdate(
            self.indices[positions], self.values[positions], self.size, self.is_private
        )

    def with_values(self, values: Tensor) -> SparseUpdate:
        """The same coordinates with other values, shape ``(k,)``."""
        return SparseUpdate(self.indices, values, self.size, self.is_private)


def everything(change: Tensor) -> SparseUpdate:
    """The change, shape ``(d,)``, as an update of all its coordinates: where a chain begins."""
    return SparseUpdate(torch.arange(change.numel()), change, change.numel())


def require_well_formed(update: SparseUpdate, *, size: int) -> None:
    """Refuses an update that a server of ``size`` parameters cannot add.

    Raises:
      MalformedUpdate: wrong size, shape, dtype or order of indices, or a value that is not finite.
    """
    indices, values = update.indices, update.values
    if update.size != size:
        raise MalformedUpdate(f"size must be {size}, the server's, got {update.size}")
    if indices.dim() != 1 or values.shape != indices.shape:
        raise MalformedUpdate(
            f"indices and values must have one shape (k,), got {tuple(indices.shape)} "
            f"and {tuple(values.shape)}"
        )
    if indices.dtype != torch.int64 or values.dtype != torch.float32:
        raise MalformedUpdate(
            f"indices must be int64 and values float32, got {indices.dtype} and {values.dtype}"
        )
    if len(update) == 0:
        return
    if int(indices[0]) < 0 or int(indices[-1]) >= size:
        raise MalformedUpdate(f"indices must be in [0, {size}), got one outside")
    if bool((indices[1:] <= indices[:-1]).any()):
        raise MalformedUpdate("indices must be strictly ascending, got one that is not")
    if not bool(torch.isfinite(values).all()):
        raise MalformedUpdate("values must be finite, got one that is not")
