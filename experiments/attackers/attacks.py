"""What an attacker sends in place of its honest update, within all that a server can check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from tithe.data.shard import Shard
from tithe.parties.participant import Participant
from tithe.sharing.update import SparseUpdate

Attack = Callable[[SparseUpdate, torch.Generator], SparseUpdate]

GAMMA = 0.05  # the announced bound of plan.toml


def flip_at_bound(update: SparseUpdate, rng: torch.Generator) -> SparseUpdate:
    """Every value the wrong way and as large as the plan allows."""
    return update.with_values(-GAMMA * update.values.sign())


def flip_hidden(update: SparseUpdate, rng: torch.Generator) -> SparseUpdate:
    """The wrong way, and no longer than the honest update would be."""
    return update.with_values(-update.values)


def noise_at_bound(update: SparseUpdate, rng: torch.Generator) -> SparseUpdate:
    """Gaussian noise of one bound, bounded, on the coordinates that an honest update would name."""
    noise = GAMMA * torch.randn(len(update), generator=rng)
    return update.with_values(_bounded(noise))


def noise_hidden(update: SparseUpdate, rng: torch.Generator) -> SparseUpdate:
    """Gaussian noise no longer than the honest update would be."""
    noise = torch.randn(len(update), generator=rng)
    return update.with_values(_bounded(noise * (update.values.norm() / noise.norm())))


def none(update: SparseUpdate, rng: torch.Generator) -> SparseUpdate:
    """As it is: the harm is in the rows."""
    return update


def all_labels(labels: Tensor) -> Tensor:
    """Every digit c becomes 9 - c."""
    return 9 - labels


def seven_to_one(labels: Tensor) -> Tensor:
    """Sevens become ones; the rest stays."""
    return torch.where(labels == 7, 1, labels)


def same(labels: Tensor) -> Tensor:
    """As they are."""
    return labels


ATTACKS: dict[str, tuple[Callable[[Tensor], Tensor], Attack]] = {
    "flip at the bound": (same, flip_at_bound),
    "flip, hidden": (same, flip_hidden),
    "noise at the bound": (same, noise_at_bound),
    "noise, hidden": (same, noise_hidden),
    "labels 9 - c": (all_labels, none),
    "labels 7 to 1": (seven_to_one, none),
}


def relabelled(participant: Participant, new_labels: Callable[[Tensor], Tensor]) -> Participant:
    """The participant with other labels on its own rows."""
    shard = participant.shard
    labels = shard.data.labels.clone()
    labels[shard.rows] = new_labels(labels[shard.rows])
    data = replace(shard.data, labels=labels)
    return replace(participant, shard=Shard(data, shard.rows, shard.normalisation, shard.held))


def _bounded(values: Tensor) -> Tensor:
    return values.clamp(-GAMMA, GAMMA)
