"""What a participant may learn about its own private training, and nobody else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_STEPS_BETWEEN_LOOKS = 256


@dataclass(frozen=True)
class PrivateOutcome:
    """What the participant itself may know of its training; none of it is private, none may leave.

    Attributes:
      num_steps: noisy steps taken.
      mean_loss: over the rows that took part with a finite loss, before their clip; NaN if none.
      num_left_out: examples, over all steps, whose gradient was not finite and so added nothing.
      clipped_fraction: of the examples that took part, those with a norm above the bound.
      signal_norm: mean over the steps of the L2 norm of the clipped gradients' mean.
      noise_norm: expected L2 norm of the noise on that mean.
    """

    num_steps: int
    mean_loss: float
    num_left_out: int
    clipped_fraction: float
    signal_norm: float
    noise_norm: float


class Tally:
    """Sums over the steps; what it is given is looked at once in many steps."""

    def __init__(self, l2_norm_bound: float) -> None:
        self._l2_norm_bound = l2_norm_bound
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._signals: list[Tensor] = []
        self._num_steps = self._num_rows = self._num_examples = self._num_clipped = (
            self._num_left_out
        ) = 0
        self._loss = self._signal = 0.0

    def add(self, losses: Tensor, weights: Tensor | None, norms: Tensor) -> None:
        """Losses of rows, and norms of examples before the clip, of one chunk."""
        self._losses.append(losses if weights is None else losses[weights > 0])
        self._norms.append(norms)

    def end_step(self, signal: Tensor) -> None:
        """The norm of the sum of clipped gradients of this step."""
        self._signals.append(signal)
        self._num_steps += 1
        if len(self._signals) == _STEPS_BETWEEN_LOOKS:
            self._look()

    def _look(self) -> None:
        if self._norms:
            losses, norms = torch.cat(self._losses).double(), torch.cat(self._norms)
            finite = losses[losses.isfinite()]
            self._num_rows += len(finite)
            self._loss += float(finite.sum())
            is_finite = norms.isfinite()
            self._num_examples += len(norms)
            self._num_left_out += int((~is_finite).sum())
            self._num_clipped += int(((norms > self._l2_norm_bound) & is_finite).sum())
        if self._signals:
            self._signal += float(torch.stack(self._signals).double().sum())
        for pending in (self._losses, self._norms, self._signals):
            pending.clear()

    def outcome(self, *, examples_per_step: float, noise_norm: float) -> PrivateOutcome:
        """What all steps came to, at least one."""
        self._look()
        num_clippable = self._num_examples - self._num_left_out
        return PrivateOutcome(
            num_steps=self._num_steps,
            mean_loss=self._loss / self._num_rows if self._num_rows else math.nan,
            num_left_out=self._num_left_out,
            clipped_fraction=self._num_clipped / num_clippable if num_clippable else 0.0,
            signal_norm=self._signal / self._num_steps / examples_per_step,
            noise_norm=noise_norm,
        )
