"""Membership of the joint network: attacks with a few reference models of one's own.

The references are trained in one place on random halves of the 36,000 rows, which are drawn apart
from the coins: plainly for the paper's network, and for a private line by DP-SGD with the noise
that all its participants' uploads have together. The rule that says which attack counts was set
beforehand: LiRA online where there are four references, RMIA where there are two.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lines import Line
from lots import deal, everybody
from play import Played, phase_of
from uploads import figures_of

from tithe.audit.shadow_models import Shadows, train_shadows
from tithe.audit.signals import signals_of_model
from tithe.audit.trained_model import audit_membership, torch_training
from tithe.build import Built
from tithe.data.normalise import normalise
from tithe.learning.flat import write_vector

NUM_MODELS, NUM_PRIVATE_MODELS = 4, 2
_SEED = 4711  # of halves and trainings; the coins have another


def judge(line: Line, built: Built, played: Played, *, folder: Path) -> dict[str, Any]:
    """Figures of every attack on the final network."""
    phase = phase_of(line, built)
    pool, population = everybody(line.kind)
    features = torch.cat([pool.features, population.features])
    inputs = normalise(features, built.normalisation)
    labels = torch.cat([pool.labels, population.labels])
    shadows = _references(line, built, inputs, labels, pool_size=len(pool), folder=folder)
    module = phase.make_module()
    write_vector(module, played.joint)
    took_part = deal().took_part.flatten().numpy()
    own = signals_of_model(module, inputs[: len(pool)], labels[: len(pool)])
    others = signals_of_model(module, inputs[len(pool) :], labels[len(pool) :])
    audit = audit_membership(own, took_part, shadows=shadows, population=others)
    return {
        "train_accuracy": float(own.is_right[took_part].mean()),
        "attacks": {name: figures_of(audit.of(name)) for name in audit.scores},
        "num_references": len(shadows.is_in),
        "counts": "LiRA online" if "LiRA online" in audit.scores else "RMIA",
    }


def _references(
    line: Line,
    built: Built,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    *,
    pool_size: int,
    folder: Path,
) -> Shadows:
    participant = phase_of(line, built).participants[0]
    plan = line.plan
    training: Any = replace(participant.training, local_epochs=12.0, local_steps=0)
    recipe: dict[str, Any] = {"network": plan.model.name, "training": "plain, 12 epochs"}
    if participant.private is not None:
        together = math.sqrt(plan.partition.participants) * participant.private.noise_multiplier
        training = replace(
            participant.private,
            batch_size=pool_size // 2,
            num_steps=plan.exchange.rounds,
            noise_multiplier=together,
            momentum=plan.server.momentum,
            chunk_rows=2048,
        )
        recipe = {"network": plan.model.name, "training": f"noise {together:.4f}"}
    make_module = built.phases[0].make_module

    def fresh(seed: int) -> torch.nn.Module:
        return make_module()

    train = torch_training(
        fresh, inputs, labels, pool_size=pool_size, training=training,
        learning_rate=participant.learning_rate(0),
    )  # fmt: skip
    is_plain = participant.private is None
    name, count = ("plain", NUM_MODELS) if is_plain else (line.slug, NUM_PRIVATE_MODELS)
    return train_shadows(
        train, pool_size=pool_size, count=count, seed=_SEED, recipe=recipe,
        folder=folder / f"references-{name}", num_processes=1,
    )  # fmt: skip
