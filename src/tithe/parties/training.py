"""The training of one turn: from the downloaded parameters to where its own rows lead."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tithe.data.shard import Shard
from tithe.learning.augment import Augmentation
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import DivergedTraining, LocalTraining, train_locally
from tithe.privacy.noise import fast_gaussian
from tithe.randomness import RandomBits, SecureBits, SeededBits

Streams = Callable[[str], torch.Generator]
"""The streams of one participant at one turn, by purpose."""


@dataclass(frozen=True)
class Trained:
    """Where training ended, ``(d,)``, its mean loss, how long its steps took; local facts.

    ``cosine`` is that of the angle between what DP-SGD did and what it would have done without
    noise, as its steps' norms give it; None for plain training.
    """

    after: Tensor
    loss: float
    seconds: float
    cosine: float | None = None


def train(
    shard: Shard,
    start: Tensor,
    *,
    module: nn.Module,
    training: LocalTraining | PrivateTraining,
    learning_rate: float,
    streams: Streams,
    has_secure_noise: bool,
    augmentation: Augmentation,
    augmentations: int,
    device: str,
) -> Trained:
    """Trains the module from the start vector on the shard's rows, privately or not.

    Raises:
      DivergedTraining: loss or parameters became NaN or infinite.
    """
    write_vector(module, start)
    features, labels = (tensor.to(device) for tensor in shard.tensors())
    begun = time.perf_counter()
    cosine = None
    if isinstance(training, LocalTraining):
        rng = streams("batches")
        loss = train_locally(
            module, features, labels, training=training, learning_rate=learning_rate, rng=rng
        )
    else:
        bits: RandomBits = SecureBits() if has_secure_noise else SeededBits(streams("noise"))
        outcome = train_privately(
            module,
            features,
            labels,
            training=training,
            learning_rate=learning_rate,
            rng=streams("batches"),
            normal=lambda count: fast_gaussian(count, bits=bits),
            uniforms=_uniforms(bits) if has_secure_noise else None,
            augment=augmentation or None,
            augmentations=augmentations,
        )
        loss = outcome.mean_loss
        norm = math.hypot(outcome.signal_norm, outcome.noise_norm)
        cosine = outcome.signal_norm / norm if norm else 1.0
    seconds = time.perf_counter() - begun
    after = read_vector(module)
    if not bool(torch.isfinite(after).all()):
        raise DivergedTraining("a parameter became NaN or infinite")
    return Trained(after, loss, seconds, cosine)


def _uniforms(bits: RandomBits) -> Callable[[int], Tensor]:
    """Numbers in [0, 1) with 53 random digits, for the choice of batches."""
    return lambda count: torch.from_numpy((bits.words(count) >> 11) * 2.0**-53)
