"""The store: the global parameter vector, what was added to it, and how often each part was."""

from __future__ import annotations

import torch
from torch import Tensor

from tithe.checks import require_at_least, require_finite, require_positive
from tithe.sharing.selection import num_to_select, positions_where
from tithe.sharing.update import SparseUpdate, require_well_formed


class Store:
    """Owns the global vector ``(d,)``, the update counts ``(d,)`` and when each value last changed.

    The one place where a tensor changes in place. It knows nothing of participants.

    Args:
      vector: the initial parameters, shape ``(d,)``; copied.
      learning_rate: what every update is multiplied by, > 0. The paper's server uses 1.
      momentum: in [0, 1): how much of the last step the next one repeats (0: the paper's server).
      average_over: about how many of the last steps ``joint`` averages; 0 or 1: none but the last.
    Source: Shokri & Shmatikov 2015 (sum and counts); Reddi et al. 2021, Algorithm 2 (momentum);
      Polyak & Juditsky 1992 (averaging), here with exponentially falling weights.
    """

    def __init__(
        self,
        vector: Tensor,
        *,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
        average_over: int = 0,
    ):
        require_positive(learning_rate=learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        require_at_least(0, average_over=average_over)
        require_finite(vector=vector)
        self.vector = vector.detach().to(torch.float32).clone()
        self.counts = torch.zeros(self.size, dtype=torch.float32)
        self.changed_at = torch.zeros(self.size, dtype=torch.int32)
        self.version = 0
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._velocity = torch.zeros(self.size) if momentum else None
        self._average_over = average_over
        self._average = self.vector.clone() if average_over > 1 else None

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return self.vector.numel()

    @property
    def joint(self) -> Tensor:
        """The parameters to use, shape ``(d,)``: training goes on from ``vector`` all the same."""
        return self.vector if self._average is None else self._average

    def add(self, update: SparseUpdate, *, weight: float = 1.0) -> None:
        """Adds ``weight`` times the update, whole or not at all, and counts its coordinates.

        Raises:
          MalformedUpdate: the update does not fit this vector; nothing was added.
        """
        require_well_formed(update, size=self.size)
        self._count(update.indices)
        self._step(update.indices, update.values * (weight * self._learning_rate))

    def add_mean(self, updates: list[SparseUpdate]) -> None:
        """Adds the mean of several updates as one step; each one's coordinates are counted.

        Raises:
          MalformedUpdate: one of them does not fit this vector; nothing was added.
        Source: McMahan et al. 2017, FederatedAveraging with equal weights, since a weight by rows
          would tell the server how many each participant has.
        """
        for update in updates:
            require_well_formed(update, size=self.size)
        total = torch.zeros(self.size)
        for update in updates:
            total.index_add_(0, update.indices, update.values)
            self._count(update.indices)
        touched = positions_where(total != 0)
        self._step(touched, total[touched] * (self._learning_rate / len(updates)))

    def _count(self, indices: Tensor) -> None:
        """One more for each of these, which are distinct; ``+=`` on them would take three times."""
        self.counts.index_add_(0, indices, torch.ones(indices.numel()))

    def _step(self, indices: Tensor, step: Tensor) -> None:
        self.version += 1
        if self._velocity is None:
            self.vector.index_add_(0, indices, step)
            self.changed_at.index_fill_(0, indices, self.version)
        else:
            self._velocity *= self._momentum
            self._velocity.index_add_(0, indices, step)
            self.vector += self._velocity
            self.changed_at[self._velocity != 0] = self.version
        if self._average is not None:
            # Weights fall by 1 - 1/n a step; at first, over fewer steps than n, all are equal.
            self._average.lerp_(self.vector, 1 / min(self.version, self._average_over))

    def decay_counts(self, *, beta: float) -> None:
        """Multiplies every count by beta in (0, 1], so that recent updates weigh more."""
        if not 0 < beta <= 1:
            raise ValueError(f"beta must be in (0, 1], got {beta}")
        self.counts *= beta

    def most_updated(self, *, theta_d: float, rng: torch.Generator) -> SparseUpdate:
        """The theta_d*d parameters with the highest counts, as values to overwrite with.

        Counts tie often (at the start all are 0). Every parameter at the border count is equally
        likely to be taken, so that no layer is favoured for standing first.

        Args:
          theta_d: download fraction, in (0, 1].
          rng: advanced only if there is a tie to break.
        Source: Shokri & Shmatikov 2015, the server's download rule.
        """
        count = num_to_select(self.size, theta=theta_d)
        if count >= self.size:
            chosen = torch.arange(self.size)
        else:
            border = self.counts.kthvalue(self.size - count + 1).values
            above = positions_where(self.counts > border)
            level = positions_where(self.counts == border)
            drawn = torch.randperm(level.numel(), generator=rng)[: count - above.numel()]
            chosen = torch.cat([above, level[drawn]]).sort().values
        return SparseUpdate(chosen, self.vector[chosen], self.size)

    def changed_since(self, version: int) -> SparseUpdate:
        """All parameters that changed after this version, as values to overwrite with.

        Guarantee: laid over the vector as it stood at ``version``, it gives today's vector exactly.
        A negative version asks for everything.
        """
        require_at_least(-1, version=version)
        chosen = positions_where(self.changed_at > version)
        return SparseUpdate(chosen, self.vector[chosen], self.size)

    def state(self) -> dict[str, Tensor]:
        """All that a restart needs, as tensors."""
        kept = {
            "vector": self.vector.clone(),
            "counts": self.counts.clone(),
            "changed_at": self.changed_at.clone(),
            "version": torch.tensor(self.version),
        }
        if self._velocity is not None:
            kept["velocity"] = self._velocity.clone()
        if self._average is not None:
            kept["average"] = self._average.clone()
        return kept

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""
        self.vector.copy_(kept["vector"])
        self.counts.copy_(kept["counts"])
        self.changed_at.copy_(kept["changed_at"])
        self.version = int(kept["version"])
        if self._velocity is not None:
            self._velocity.copy_(kept["velocity"])
        if self._average is not None:
            self._average.copy_(kept["average"])
