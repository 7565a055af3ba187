"""Canaries: records whose clipped gradient is one coordinate at its full bound.

They need no hook. A canary is a row like any other, sampled, clipped and hidden by noise by the
very code that trains; only its loss is simple: one weight that nothing else uses, times a slope far
beyond the clip. So after each step that samples it, its weight has moved by the whole bound, and
where it took no part, by noise alone. No other record could be told more easily: it is the worst
case that the accountant speaks of.

Source: Nasr, Hayes, Steinke, Balle, Tramer, Jagielski, Carlini & Terzis 2023, Tight auditing of
differentially private machine learning ("Dirac" gradient canaries).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.audit.scores import Truths
from tithe.checks import require_at_least

LARGEST_BOUND = 100.0
"""On a gradient's norm; a canary's own is ten times that, so it is always clipped."""

_SLOPE = 10 * LARGEST_BOUND
_NOBODYS = -1  # the label of a row that is not about the module


@dataclass(frozen=True, eq=False)
class Canaried:
    """A network and rows with canaries among them, ready for private training.

    Attributes:
      module: the network with one more weight a canary; those come last in its vector.
      features: shape ``(n + m, p + 1)``: a row's features, flat, then the place of its canary.
      labels: shape ``(n + m,)``; -1 for a canary.
      took_part: by a fair coin each, shape ``(m,)``. A canary that did not is a row that gives no
        gradient at all, so the number of rows tells nothing.
    """

    module: WithCanaries
    features: Tensor
    labels: Tensor
    took_part: Truths

    def __len__(self) -> int:
        """How many rows."""
        return len(self.labels)


class WithCanaries(nn.Module):
    """The network's scores, and behind them the value of the row's canary (0 for a real row)."""

    def __init__(self, module: nn.Module, *, shape: tuple[int, ...], num_canaries: int) -> None:
        super().__init__()
        self.module = module
        self.canary = nn.Embedding(num_canaries + 1, 1, padding_idx=num_canaries)
        self._shape = shape
        with torch.no_grad():
            self.canary.weight.zero_()

    def forward(self, rows: Tensor) -> Tensor:
        """Shape ``(n, p + 1)`` in, ``(n, num_classes + 1)`` out."""
        place = rows[:, -1].long().clamp(0, self.canary.num_embeddings - 1)
        scores = self.module(rows[:, :-1].unflatten(1, self._shape))
        return torch.cat([scores, self.canary(place)], dim=1)

    def values(self) -> Tensor:
        """The canaries' weights as they are now, a copy, shape ``(m,)``."""
        return self.canary.weight.detach()[:-1, 0].clone()


def with_canaries(
    module: nn.Module, features: Tensor, labels: Tensor, *, num_canaries: int, rng: torch.Generator
) -> Canaried:
    """Puts canaries among the rows, each of which takes part by a fair coin.

    Args:
      module: takes features of shape ``(n, ...)``; it is used, not copied.
      features: of the real rows.
      labels: theirs, shape ``(n,)``, >= 0.
      num_canaries: m, >= 1.
      rng: the coins; nothing else may depend on it.
    """
    require_at_least(1, num_canaries=num_canaries)
    took_part = torch.rand(num_canaries, generator=rng) < 0.5
    place = torch.where(took_part, torch.arange(num_canaries), num_canaries)
    flat = features.flatten(1)
    nobody = flat.new_full((len(flat), 1), num_canaries)
    rows = torch.cat(
        [torch.cat([flat, nobody], dim=1), flat.new_zeros(num_canaries, flat.shape[1] + 1)]
    )
    rows[len(flat) :, -1] = place.to(rows)
    wrapped = WithCanaries(module, shape=tuple(features.shape[1:]), num_canaries=num_canaries)
    right = torch.cat([labels, labels.new_full((num_canaries,), _NOBODYS)])
    return Canaried(wrapped, rows, right, took_part.numpy())


def canary_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of real rows, in nats, and the steep slope of canaries; shape ``(n,)``."""
    is_real = labels != _NOBODYS
    losses = functional.cross_entropy(scores[:, :-1], labels.clamp(min=0), reduction="none")
    return torch.where(is_real, losses, 0.0) - _SLOPE * scores[:, -1]


def canary_values(vector: Tensor, *, num_canaries: int) -> Tensor:
    """The canaries' part of a vector ``(d,)`` of the network with canaries, shape ``(m,)``."""
    return vector[-num_canaries - 1 : -1]
