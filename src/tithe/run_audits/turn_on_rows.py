"""A participant's turn played on other rows than its own, as an observer of its uploads does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tithe.audit.trained_model import train_module
from tithe.learning.flat import read_vector, write_vector
from tithe.parties.participant import Participant
from tithe.randomness import stream
from tithe.sharing.stages import Coins
from tithe.sharing.update import SparseUpdate, everything


@dataclass(frozen=True, eq=False)
class TurnToPlay:
    """One turn as it was, but for its rows.

    Attributes:
      participant: whose way of training and sharing; its rows are not looked at.
      downloaded: where it begins, shape ``(d,)``.
      module: overwritten.
      learning_rate: of the turn.
    """

    participant: Participant
    downloaded: Tensor
    module: nn.Module
    learning_rate: float

    def change_on(self, features: Tensor, labels: Tensor, *, seed: int) -> SparseUpdate:
        """What local training changes, all of it; private training is noisy already.

        Args:
          features: shape ``(n, ...)``.
          labels: shape ``(n,)``.
          seed: of batches and noise.
        """
        write_vector(self.module, self.downloaded)
        train_module(
            self.module,
            features,
            labels,
            training=self.participant.private or self.participant.training,
            learning_rate=self.learning_rate,
            seed=seed,
        )
        return everything(read_vector(self.module) - self.downloaded)

    def upload_on(
        self, features: Tensor, labels: Tensor, *, number: int, seed: int
    ) -> SparseUpdate:
        """What would leave after that: the change as selected, bounded and noised.

        The mask that all participants draw alike is the one of the real turn; a server knows it.

        Args:
          features: shape ``(n, ...)``.
          labels: shape ``(n,)``.
          number: of the turn, 0, 1, ...
          seed: of batches, noise and selection.
        """
        participant = self.participant
        change = self.change_on(features, labels, seed=seed)
        coins = Coins(
            torch.Generator().manual_seed(seed),
            public=stream(participant.seed, purpose="mask", turn=number),
        )
        offered = replace(change, is_private=participant.private is not None)
        return participant.share(offered, coins)[0]
