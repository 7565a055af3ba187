"""What uploads show of records that are as easy to tell as any can be.

The canaries of ``tithe.audit.canaries`` stand among the rows of one participant and go through the
code that deploys: its training, clipping, noise and choice of what to send. Without noise every one
of them is told, and the bound stands at its ceiling: more canaries would show more, without end.
"""

from __future__ import annotations

from typing import Any

import torch
from lines import Line
from play import phase_of
from uploads import DELTA

from tithe.audit.canaries import canary_loss, canary_values, with_canaries
from tithe.audit.one_run import bound_by_one_run
from tithe.audit.scores import Scores
from tithe.audit.training_audit import audit_training
from tithe.build import Built
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import train_locally
from tithe.parties.participant import Participant
from tithe.randomness import stream
from tithe.sharing.stages import Coins
from tithe.sharing.update import everything

NUM_CANARIES = 1000
NUM_CANARIES_PRIVATE = 5000
_SEED = 99


def judge(line: Line, built: Built) -> dict[str, Any]:
    """The valid bounds, with their confidence and ceilings."""
    phase = phase_of(line, built)
    participant = built.phases[0].participants[0]
    if line.phase == "joint" and participant.private is not None:
        return _private(line, participant, participant.private, phase.make_module())
    num_turns = phase.rounds if line.unit == "participant" else 1
    scores = _plain(participant, phase.make_module(), num_turns=num_turns)
    bound = bound_by_one_run(scores, delta=DELTA)
    return {
        "shown": bound.epsilon, "ceiling": bound.ceiling, "confidence": bound.confidence,
        "method": "one run", "num_canaries": NUM_CANARIES, "num_turns": num_turns,
        "basis": bound.basis,
    }  # fmt: skip


def _private(
    line: Line, participant: Participant, private: PrivateTraining, module: torch.nn.Module
) -> dict[str, Any]:
    features, labels = participant.shard.tensors()
    found = audit_training(
        module,
        features,
        labels,
        training=_with_room(private, len(labels) + NUM_CANARIES_PRIVATE),
        learning_rate=participant.learning_rate(0),
        delta=DELTA,
        num_canaries=NUM_CANARIES_PRIVATE,
        num_turns=line.plan.exchange.rounds,
        seed=_SEED,
    )
    return {
        "shown": found.gaussian.epsilon, "ceiling": found.gaussian.ceiling,
        "confidence": found.gaussian.confidence, "method": "one run, Gaussian form",
        "one_run": found.shown, "one_run_ceiling": found.by_sum.ceiling,
        "estimate": found.estimate, "claimed": found.claimed,
        "num_canaries": NUM_CANARIES_PRIVATE, "num_turns": line.plan.exchange.rounds,
        "basis": found.gaussian.basis,
    }  # fmt: skip


def _with_room(private: PrivateTraining, num_rows: int) -> PrivateTraining:
    """The same noise on steps over all rows, canaries included."""
    return PrivateTraining(
        batch_size=num_rows,
        num_steps=private.num_steps,
        noise_multiplier=private.noise_multiplier,
        l2_norm_bound=private.l2_norm_bound,
        clipping=private.clipping,
    )


def _plain(participant: Participant, module: torch.nn.Module, *, num_turns: int) -> Scores:
    """How far each canary's weight moved in all that was sent."""
    features, labels = participant.shard.tensors()
    canaried = with_canaries(
        module, features, labels, num_canaries=NUM_CANARIES,
        rng=stream(_SEED, purpose="canary coins"),
    )  # fmt: skip
    server = read_vector(canaried.module)
    for turn in range(num_turns):
        write_vector(canaried.module, server)
        train_locally(
            canaried.module,
            canaried.features,
            canaried.labels,
            training=participant.training,
            learning_rate=participant.learning_rate(turn),
            rng=stream(_SEED, purpose="batches", turn=turn),
            loss=lambda scores, right: canary_loss(scores, right).mean(),
        )
        change = read_vector(canaried.module) - server
        rng = stream(_SEED, purpose="share", turn=turn)
        sent, _ = participant.share(everything(change), Coins(own=rng, public=rng))
        server = server + sent.dense()
    moved = canary_values(server, num_canaries=NUM_CANARIES)
    return Scores.split(moved.numpy(), took_part=canaried.took_part)
