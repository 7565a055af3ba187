"""A thousand participants in one process: memory grows by what they keep, and by nothing else."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Training
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger

NUM_PARTICIPANTS = 1000
SIZE = 6570  # 64-64-32-10: 64*64+64 + 64*32+32 + 32*10+10
VECTOR = 4 * SIZE  # bytes of d float32
SLACK = 0.05  # vectors a participant; one upload that is kept by mistake is 0.11 already
KEEPS = {  # what: (how many vectors, in which plan)
    "nothing": (0, ["recipe=plain"]),
    "nothing, FedAvg": (
        0,
        ["recipe=plain", "exchange.order=synchronous", "server.combine=mean"],
    ),
    "its own vector": (1, ["recipe=plain", "sharing.theta_d=0.5"]),
    "residual and seen": (2, ["recipe=recommended"]),
}
SLOW = {"nothing", "its own vector"}  # the others keep as little, and most


def training_of(overrides, num_participants):
    plan = {
        "name": "thousand",
        "partition": {"participants": num_participants, "rows_each": 1},
        "model": {"name": "digits-mlp"},
        "training": {"local_steps": 1},
        "sharing": {"theta_u": 0.1},
        "exchange": {"rounds": 1},
        "baselines": {"centralised": False, "standalone": 0},
    }
    phase = build(load_plan(plan, overrides)).phases[0]
    assert phase.initial.numel() == SIZE
    return Training(phase, InProcess(phase, TallyLedger()))


def play(training):
    """Who had a turn and what came of it; keeps no payload."""
    happenings = (happening for happening in training.play() if happening.turn is not None)
    return sorted((happening.move.participant, happening.turn.status) for happening in happenings)


def bytes_alive():
    """What lies in tensors, arrays and byte strings that anything in this process still holds.

    Resident memory would also tell of holes in the heap and of memory that waits for its next use.
    """
    gc.collect()
    tracked = gc.get_objects()
    tensors = [each for each in tracked if issubclass(type(each), torch.Tensor)]
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in tensors}
    # Arrays and byte strings are not tracked themselves, but what holds them is.
    others = {id(each): each for each in gc.get_referents(*tracked)}
    sizes = [len(each) for each in others.values() if type(each) in {bytes, bytearray}]
    sizes += [each.nbytes for each in others.values() if type(each) is np.ndarray]
    return sum(storage.nbytes() for storage in storages.values()) + sum(sizes)


@pytest.mark.parametrize(
    "keeps",
    [pytest.param(keeps, marks=pytest.mark.slow if keeps in SLOW else ()) for keeps in KEEPS],
)
def test_a_thousand_participants_have_a_turn_and_keep_only_what_they_must(keeps):
    num_vectors, overrides = KEEPS[keeps]
    promised = NUM_PARTICIPANTS * num_vectors * VECTOR
    play(training_of(overrides, 2))  # what is imported at the first turn is nobody's memory
    training = training_of(overrides, NUM_PARTICIPANTS)
    before = bytes_alive()
    turns = play(training)
    growth = bytes_alive() - before
    assert turns == [(number, "shared") for number in range(NUM_PARTICIPANTS)]
    kept, _ = training.engine.state()
    assert sum(tensor.nbytes for tensor in kept.values()) == promised
    assert promised <= growth < promised + SLACK * NUM_PARTICIPANTS * VECTOR
