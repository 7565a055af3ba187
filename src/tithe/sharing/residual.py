"""Error feedback: what a participant learnt and did not send is kept and offered again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tithe.sharing.update import SparseUpdate


@dataclass(frozen=True)
class Residual:
    """What becomes of the part of a change that was not sent.

    Attributes:
      keep: the fraction of it that is offered again at the next turn, in [0, 1]. 0 is the paper,
        which loses it when the next download overwrites the local parameters.
      settle: before the residual is used, subtract from it what others meanwhile did in the same
        direction (see ``settled``).
      train_from_it: begin the next training at the downloaded parameters plus the residual, so
        that the participant's own progress is part of what it trains on; else begin at the
        downloaded parameters and add the residual to the change afterwards.
    Source: Seide et al. 2014 and Stich et al. 2018, Algorithm 1 (memory), for ``train_from_it``
      false.
    """

    keep: float = 0.0
    settle: bool = False
    train_from_it: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.keep <= 1:
            raise ValueError(f"residual keep must be in [0, 1], got {self.keep}")

    def where_to_start(self, downloaded: Tensor, residual: Tensor | None) -> Tensor:
        """The parameters at which local training begins, shape ``(d,)``."""
        if self.train_from_it and residual is not None:
            return downloaded + residual
        return downloaded

    def what_to_send(
        self, after: Tensor, start: Tensor, downloaded: Tensor, residual: Tensor | None
    ) -> Tensor:
        """The change that the chain of stages is offered, shape ``(d,)``."""
        if self.train_from_it or residual is None:
            return after - downloaded
        return (after - start) + residual


def settled(residual: Tensor, moved: Tensor) -> Tensor:
    """The residual after others did part of it, shape ``(d,)``.

    Participants with similar data find the same changes, so each one's residual holds what the
    others are about to send as well; offered again in full, one change would arrive once from
    everybody. A participant sees in its download how far each parameter moved without it. As far as
    that is in the direction of its residual, that much of the residual is settled.

    Guarantee: every entry keeps its sign or becomes 0, and none grows. It reads the download and
    the residual alone, so it lets nothing leave.

    Args:
      residual: what was not sent, shape ``(d,)``.
      moved: today's download minus the parameters as they stood after the participant's own last
        upload, shape ``(d,)``.
    Source: ours; measured in experiments/recipe.
    """
    done = torch.minimum(torch.maximum(moved, residual.clamp(max=0)), residual.clamp(min=0))
    return residual - done


def what_remains(wanted: Tensor, sent: SparseUpdate, rule: Residual) -> Tensor | None:
    """``keep`` times what was offered minus what was sent, shape ``(d,)``; None if nothing is kept.

    Guarantee: with keep = 1, residual + sent = offered, up to one rounding of the sent entries: a
    bound, a coarse value format or an unchosen coordinate delays a change and loses none of it.
    """
    if rule.keep == 0:
        return None
    remains = wanted * rule.keep if rule.keep < 1 else wanted.clone()
    remains[sent.indices] = (wanted[sent.indices] - sent.values) * rule.keep
    return remains
