"""What a participant writes down about an upload beside its bytes: how it came about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

from torch import Tensor

from tithe.parties.participant import Participant, Turn

Note = Callable[[Participant, Tensor, Turn], None]
"""Told of every turn when it was taken, with the parameters ``(d,)`` that it began from, before
anything of it leaves."""


def upload_facts(participant: Participant, turn: Turn) -> dict[str, object]:
    """Local recipe and account of one upload, as plain data for JSON; for its owner alone."""
    local, private = participant.training, participant.private
    num_rows = len(participant.shard)
    facts: dict[str, object] = {
        "learning_rate": turn.learning_rate,
        "num_rows": num_rows,
        "num_steps": local.num_steps(num_rows),
        "training": {
            "batch_size": local.batch_size,
            "momentum": local.momentum,
            "weight_decay": local.weight_decay,
            "theta": local.theta,
            "is_augmented": bool(local.augmentation) or participant.augmentations > 1,
            "is_weighted": bool(local.class_weights),
        },
        "residual": asdict(participant.residual),
        "epsilon": turn.epsilon if math.isfinite(turn.epsilon) else str(turn.epsilon),
        "is_noisy": participant.cost is not None,
        "has_secure_noise": participant.has_secure_noise,
    }
    if private is not None:
        facts["dp_sgd"] = {
            "noise_multiplier": private.noise_multiplier,
            "l2_norm_bound": private.l2_norm_bound,
            "batch_size": private.batch_size,
            "num_steps": private.num_steps,
        }
    return facts
