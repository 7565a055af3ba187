"""A run's joint training once more, on other rows: where the shadow models of an audit come from.

It is the plan's own training, with every participant, its recipe, selection and noise, played in
this process; only who holds which of the audited rows is different, and the seed.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from tithe.audit.scores import Floats, Integers
from tithe.audit.shadow_models import TrainAndAsk
from tithe.audit.signals import signals_of_model
from tithe.build import Built
from tithe.build.phases import joint_phase
from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.data.synthetic import KINDS
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Engine, Training
from tithe.learning.flat import write_vector
from tithe.parties.phase import Phase
from tithe.plan import Plan
from tithe.run_audits.pool import Pool, with_others
from tithe.run_audits.rehearsal import Uncharged


def require_repeatable(plan: Plan) -> None:
    """Refuses plans whose rows depend on more than who holds which.

    Raises:
      BadInput: public or synthetic rows belong to the plan.
    """
    balance = plan.balance
    if balance.method in KINDS or balance.public_rows or balance.class_rows:
        raise BadInput(
            "a plan with public or synthetic rows in [balance] cannot be trained again on other "
            "rows; audit it with --shadows 0"
        )


def train_again(plan: Plan, built: Built, shards: list[Shard], *, seed: int) -> nn.Module:
    """The joint model that the plan makes of these shards, from the run's initial parameters."""
    joint = built.phases[0]
    another = plan.model_copy(update={"seed": seed})
    phase = joint_phase(another, shards, joint.initial, joint.make_module)
    return played(phase, InProcess(phase, Uncharged()))


def played(phase: Phase, engine: Engine) -> nn.Module:
    """Plays a training to its end, closes the engine, and gives the joint network."""
    training = Training(phase, engine)
    try:
        for _ in training.play():
            pass
    finally:
        engine.close()
    module = phase.make_module()
    write_vector(module, training.server.store.joint)
    return module


def shadow_training(plan: Plan, built: Built, pool: Pool) -> TrainAndAsk:
    """Trains on a half of the pool and asks about all of it and about the population."""

    def train(rows: Integers, seed: int) -> Floats:
        shards = with_others(pool, rows, rng=np.random.default_rng(seed))
        module = train_again(plan, built, shards, seed=seed)
        told = [
            signals_of_model(module, features, labels).log_odds
            for features, labels in (
                (pool.features, pool.labels),
                (pool.population_features, pool.population_labels),
            )
        ]
        return np.concatenate(told)

    return train
