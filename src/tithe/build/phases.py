"""From a plan and the participants' shards to the phases of an experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from tithe.build.fit import require_unmixed
from tithe.build.protection import protect
from tithe.build.rows import Balanced, balanced
from tithe.data.shard import Shard
from tithe.learning.augment import Augmentation
from tithe.learning.local import LocalTraining
from tithe.parties.participant import Participant
from tithe.parties.phase import Phase
from tithe.parties.rates import learning_rates
from tithe.parties.schedule import Presence, moves
from tithe.parties.server import ServerRules
from tithe.plan import Plan, Sharing, Training
from tithe.randomness import stream
from tithe.sharing.residual import Residual
from tithe.sharing.stages import (
    Stage,
    bound_each,
    chain,
    keep_largest,
    keep_mask,
    keep_random_above,
)


def chain_of(sharing: Sharing) -> Stage:
    """The stages of one participant, as its plan says."""
    select: Stage
    if sharing.selection == "largest":
        select = keep_largest(theta_u=sharing.theta_u)
    elif sharing.selection == "random_above_tau":
        select = keep_random_above(tau=sharing.tau, theta_u=sharing.theta_u)
    else:
        select = keep_mask(theta_u=sharing.theta_u)
    if not sharing.gamma:
        return select
    bound = bound_each(gamma=sharing.gamma)
    return chain(bound, select) if sharing.bound_first else chain(select, bound)


def joint_phase(
    plan: Plan, shards: list[Shard], initial: Tensor, make_module: Callable[[], nn.Module]
) -> Phase:
    """The collaborative training: every participant with its own plan and shard."""
    if plan.privacy.unit == "record":
        require_unmixed(make_module(), plan.model.name, shards[0])
    each = balanced(plan, shards)
    presences = _presences(plan, [one.shard for one in each])
    turns = _num_turns(plan, presences)
    participants = [
        _participant(plan, number, one, num_turns=turns[number], size=initial.numel())
        for number, one in enumerate(each)
    ]
    server = plan.server
    return Phase(
        name="joint",
        participants=tuple(participants),
        presences=presences,
        order=plan.exchange.order,
        rounds=plan.exchange.rounds,
        cohort=plan.exchange.cohort,
        rules=ServerRules(
            beta=server.beta,
            decay_every=server.decay_every,
            mean=server.combine == "mean",
            staleness_power=server.staleness_power,
            seed=plan.seed,
        ),
        server_learning_rate=server.learning_rate,
        server_momentum=server.momentum,
        server_average_over=_average_over(plan, len(shards)),
        initial=initial,
        make_module=make_module,
        epochs_a_round=_epochs_a_round(plan.training, each[0].shard),
        seed=plan.seed,
    )


def _participant(
    plan: Plan, number: int, rows: Balanced, *, num_turns: int, size: int
) -> Participant:
    own, shard = plan.for_participant(number), rows.shard
    training, sharing = _local(own.training, rows.class_weights), own.sharing
    participant = Participant(
        number=number,
        shard=shard,
        training=training,
        learning_rate=_rates(own.training, plan.exchange.rounds),
        share=chain_of(sharing),
        residual=Residual(
            keep=sharing.residual_keep if sharing.residual else 0.0,
            settle=sharing.residual and sharing.residual_settle,
            train_from_it=sharing.train_from_residual,
        ),
        value_format=sharing.values,
        download_format=sharing.download_values,
        theta_d=sharing.theta_d,
        seed=plan.seed,
        device=plan.run.device,
    )
    if plan.privacy.unit == "none" or num_turns == 0:
        return participant
    protection = protect(
        plan.privacy,
        own,
        training,
        num_rows=len(shard),
        num_turns=num_turns,
        size=size,
        touched=rows.touched,
    )
    return replace(
        participant,
        share=protection.share or participant.share,
        cost=protection.cost,
        budget=protection.budget,
        private=protection.private,
        augmentations=plan.privacy.augmentations,
        has_secure_noise=plan.privacy.noise == "secure",
    )


def _presences(plan: Plan, shards: list[Shard]) -> tuple[Presence, ...]:
    """When everybody is there; the longest turn takes one unit of time."""
    presences, speeds = [], _speeds(plan, len(shards))
    for number, shard in enumerate(shards):
        own = plan.for_participant(number)
        training = _local(own.training)
        work = training.num_steps(len(shard)) * min(training.batch_size, len(shard))
        presences.append(Presence(own.joins, own.leaves, work / (speeds[number] * own.speed)))
    longest = max(presence.turn_time for presence in presences)
    return tuple(replace(p, turn_time=p.turn_time / longest) for p in presences)


def _num_turns(plan: Plan, presences: tuple[Presence, ...]) -> Counter[int]:
    """How many turns each place begins in the whole training."""
    exchange = plan.exchange
    everything = moves(
        exchange.order, presences, rounds=exchange.rounds, seed=plan.seed, cohort=exchange.cohort
    )
    return Counter(move.participant for move in everything if move.kind == "start")


def phase_alone(
    plan: Plan,
    name: str,
    shard: Shard,
    initial: Tensor,
    make_module: Callable[[], nn.Module],
    *,
    number: int = 0,
    num_merged: int = 1,
) -> Phase:
    """A baseline: one learner that shares all of its change with nobody but itself.

    num_merged is how many participants' shards it learns from, so that it takes as many steps.
    """
    (rows,) = balanced(plan, [shard], purpose=f"balance {name}")
    shard = rows.shard
    training = _local(plan.training, rows.class_weights)
    training = replace(training, local_steps=training.local_steps * num_merged)
    learner = Participant(
        number=number,
        shard=shard,
        training=training,
        learning_rate=_rates(plan.training, plan.exchange.rounds),
        share=chain(),
        residual=Residual(),
        seed=plan.seed,
        device=plan.run.device,
    )
    return Phase(
        name=name,
        participants=(learner,),
        presences=(Presence(),),
        order="round_robin",
        rounds=plan.exchange.rounds,
        cohort=1.0,
        rules=ServerRules(),
        server_learning_rate=1.0,
        server_momentum=0.0,
        server_average_over=_average_over(plan, 1),
        initial=initial,
        make_module=make_module,
        epochs_a_round=_epochs_a_round(plan.training, shard, num_merged),
        seed=plan.seed,
    )


def _local(training: Training, class_weights: tuple[float, ...] = ()) -> LocalTraining:
    return LocalTraining(
        batch_size=training.batch_size,
        local_epochs=training.local_epochs,
        local_steps=training.local_steps,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        theta=training.theta,
        augmentation=Augmentation(training.shift, training.flip),
        class_weights=class_weights,
    )


def _rates(training: Training, num_turns: int) -> Callable[[int], float]:
    return learning_rates(
        training.schedule,
        learning_rate=training.learning_rate,
        decay=training.decay,
        num_turns=num_turns,
    )


def _epochs_a_round(training: Training, shard: Shard, num_merged: int = 1) -> float:
    if not training.local_steps:
        return training.local_epochs
    rows_a_step = min(training.batch_size, len(shard))
    return training.local_steps * num_merged * rows_a_step / len(shard)


def _average_over(plan: Plan, num_participants: int) -> int:
    """The plan's rounds as steps of the server, which takes one a round where it takes the mean."""
    steps_a_round = 1 if plan.server.combine == "mean" else num_participants
    return round(plan.server.average_rounds * steps_a_round)


def _speeds(plan: Plan, num_participants: int) -> list[float]:
    """Log-normal speeds with median 1, the same for the same seed."""
    rng = stream(plan.seed, purpose="speeds")
    normal = torch.randn(num_participants, generator=rng, dtype=torch.float64)
    return [float(speed) for speed in (plan.exchange.speed_spread * normal).exp()]
