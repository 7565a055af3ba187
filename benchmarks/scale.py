"""What a thousand participants in one process cost in memory, beside what they truly keep.

Run: ``python benchmarks/scale.py [--quick]`` (about a minute; Linux; MNIST from ``TITHE_DATA``).
The paper's CNN for MNIST (105,506 parameters), four images and one step a turn, one round. Every
setting runs in a fresh process:

- plain: nothing is kept from turn to turn;
- own vector: theta_d = 0.1, so a participant needs its own parameters: d float32 numbers;
- recommended: the residual and what it has seen: 2 d numbers;
- FedAvg: nothing is kept, but all uploads of a round (here with theta_u = 0.1) wait for its end.

Resident memory is read from /proc: before (a training of two was built, played and dropped, so that
PyTorch has all that it wants for itself), built (data, network and participants), end (of the
round), and the most after any turn. "Grown" is (end - built) / participants; "kept" is the tensors
that the engine holds for one on average, which is what a checkpoint would store. What is grown
beyond that are row numbers, names, and holes in the heap.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Training
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger

SEED = 1
NUM_PARTICIPANTS, ROWS_EACH = 1000, 4
MEBIBYTE = 2**20
STATM = Path("/proc/self/statm")
SETTINGS = {
    "plain": ["recipe=plain"],
    "own vector": ["recipe=plain", "sharing.theta_d=0.1"],
    "recommended": ["recipe=recommended"],
    "FedAvg": ["recipe=plain", "exchange.order=synchronous", "server.combine=mean"],
}


@dataclass(frozen=True)
class Cost:
    """What one setting cost: resident bytes at three moments and at the most, kept bytes, time."""

    before: int
    built: int
    end: int
    most: int
    kept: int
    size: int
    build_seconds: float
    round_seconds: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="A thousand participants in one process.")
    parser.add_argument("--quick", action="store_true", help="a hundred participants")
    num_participants = 100 if parser.parse_args().quick else NUM_PARTICIPANTS
    if not STATM.exists():
        raise SystemExit(f"this benchmark reads {STATM}, which this system does not have")
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread; seed {SEED}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}\n"
        f"{num_participants} participants, {ROWS_EACH} images, theta_u 0.1; resident memory in MiB"
        ", grown and kept in bytes a participant (d: in vectors of d float32)\n"
    )
    print(
        "setting      before  built    end   most       grown     d        kept     d"
        "  build s  round s"
    )
    # Spawned, not forked, so that no setting sees the memory of another.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in SETTINGS:
            print(row(name, num_participants, pool.apply(cost_of, (name, num_participants))))


def cost_of(name: str, num_participants: int) -> Cost:
    """Builds one setting and plays its round, in a process of its own."""
    torch.set_num_threads(1)
    list(training_of(name, 2).play())
    gc.collect()
    before, begun = resident(), time.perf_counter()
    training = training_of(name, num_participants)
    built, build_seconds = resident(), time.perf_counter() - begun
    begun = time.perf_counter()
    after_each = []
    for happening in training.play():
        assert happening.turn is None or happening.turn.status == "shared"
        after_each.append(resident())
    round_seconds = time.perf_counter() - begun
    tensors, _ = training.engine.state()
    return Cost(
        before=before,
        built=built,
        end=resident(),
        most=max(after_each),
        kept=sum(tensor.nbytes for tensor in tensors.values()),
        size=training.phase.initial.numel(),
        build_seconds=build_seconds,
        round_seconds=round_seconds,
    )


def training_of(name: str, num_participants: int) -> Training:
    """One setting, ready to be played."""
    plan = {
        "name": "scale",
        "seed": SEED,
        "data": {"set": "mnist", "train_rows": num_participants * ROWS_EACH, "test_rows": 10},
        "partition": {"participants": num_participants},
        "model": {"name": "mnist-cnn"},
        "training": {"local_steps": 1, "batch_size": ROWS_EACH},
        "sharing": {"theta_u": 0.1},
        "exchange": {"rounds": 1},
        "baselines": {"centralised": False, "standalone": 0},
    }
    phase = build(load_plan(plan, SETTINGS[name])).phases[0]
    return Training(phase, InProcess(phase, TallyLedger()))


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def row(name: str, num_participants: int, cost: Cost) -> str:
    """One line of the table."""
    moments = (cost.before, cost.built, cost.end, cost.most)
    mebibytes = " ".join(f"{moment / MEBIBYTE:>6.0f}" for moment in moments)
    vector = 4 * cost.size
    grown = (cost.end - cost.built) / num_participants
    kept = cost.kept / num_participants
    return (
        f"{name:<11} {mebibytes} {grown:>11,.0f} {grown / vector:>5.2f} {kept:>11,.0f} "
        f"{kept / vector:>5.2f} {cost.build_seconds:>8.1f} {cost.round_seconds:>8.1f}"
    )


if __name__ == "__main__":
    main()
