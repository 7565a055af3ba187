"""The round that all engines are given: 30 participants, 600 images each, 570 steps of SGD."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tithe.build import build
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import train_locally
from tithe.parties.phase import Phase
from tithe.plan import load_plan
from tithe.randomness import stream

SEED = 1
NUM_PARTICIPANTS, ROWS_EACH, BATCH_SIZE, LEARNING_RATE = 30, 600, 32, 0.05
MOST_ROUNDS = 1000


def phase_of_round(num_participants: int) -> Phase:
    """FedAvg by our own engines: dense uploads, and the mean of a round's."""
    plan = {
        "name": "engines",
        "recipe": "plain",
        "seed": SEED,
        "data": {"set": "mnist", "train_rows": num_participants * ROWS_EACH, "test_rows": 10},
        "partition": {"participants": num_participants},
        "model": {"name": "mnist-cnn"},
        "training": {"learning_rate": LEARNING_RATE, "batch_size": BATCH_SIZE},
        "sharing": {"theta_u": 1.0, "residual": False},
        "server": {"combine": "mean"},
        "exchange": {"rounds": MOST_ROUNDS, "order": "synchronous"},
        "baselines": {"centralised": False, "standalone": 0},
    }
    return build(load_plan(plan)).phases[0]


def tensors_of(phase: Phase) -> list[tuple[Tensor, Tensor]]:
    """Everybody's rows, ready for training."""
    return [participant.shard.tensors() for participant in phase.participants]


def plain_turn(
    phase: Phase,
    place: int,
    turn: int,
    rows: tuple[Tensor, Tensor],
    *,
    module: nn.Module,
    start: Tensor,
) -> Tensor:
    """Local training with nothing around it: from the start vector to where it ends, ``(d,)``."""
    participant = phase.participants[place]
    write_vector(module, start)
    train_locally(
        module,
        *rows,
        training=participant.training,
        learning_rate=participant.learning_rate(turn),
        rng=stream(participant.seed, purpose="batches", participant=participant.number, turn=turn),
    )
    return read_vector(module)


def accuracy_of(module: nn.Module, vector: Tensor, rows: list[tuple[Tensor, Tensor]]) -> float:
    """On all training rows: who skipped its steps is seen here."""
    write_vector(module, vector)
    with torch.no_grad():
        hits = [(module(x).argmax(1) == y).double().mean() for x, y in rows]
    return float(torch.stack(hits).mean())
