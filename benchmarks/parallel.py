"""How near the parallel engine comes to a bare pool of processes on all cores.

Run: ``python benchmarks/parallel.py [--quick]`` (under two minutes; MNIST from ``TITHE_DATA``). The
paper's CNN for MNIST, 600 images a participant, batch 8, one local epoch a turn. Each time is that
of a whole training, from forking the processes to their end:

- bare: ``multiprocessing.Pool`` with one thread each runs the same local training from the initial
  parameters, on tensors that lay ready before the fork, and returns a loss. It waits at the end of
  a round only if the round is synchronous. No server, no selection, no bytes.
- parallel: the engine, with downloads, uploads and everything else that a training needs.
- in process: the same training by the engine that uses one core.

The three take turns. "Over bare" is the median over the repetitions of parallel / bare - 1 with its
range, by the clock; "work" is the same by the processor time of all processes, which tells a
machine busy with other things from an engine that does too much. That the first turns have the
same losses everywhere is checked.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Engine, Training
from tithe.engines.parallel import Parallel
from tithe.learning.flat import write_vector
from tithe.learning.local import train_locally
from tithe.parties.phase import Phase
from tithe.parties.schedule import moves
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger
from tithe.randomness import stream

SEED = 1
NUM_PARTICIPANTS, NUM_ROUNDS, ROWS_EACH = 8, 2, 600
TARGET = 0.10
FEDAVG = ["exchange.order=synchronous", "server.combine=mean", "sharing.theta_u=1.0"]
ASYNCHRONOUS = ["exchange.order=asynchronous", "sharing.theta_u=0.1"]
SETTINGS = {
    "synchronous, FedAvg": ["recipe=plain", *FEDAVG],
    "asynchronous": ["recipe=recommended", *ASYNCHRONOUS],
    "asynchronous, uneven": ["recipe=recommended", *ASYNCHRONOUS, "exchange.speed_spread=0.5"],
}

Losses = dict[int, float]  # of the first turns, by place


@dataclass(frozen=True)
class Seconds:
    """How long something took: by the clock, and of the processor time of all its processes."""

    wall: float
    work: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="The parallel engine against a bare pool.")
    parser.add_argument("--quick", action="store_true", help="few repetitions with few images")
    quick = parser.parse_args().quick
    repeats, rows_each = (2, 120) if quick else (5, ROWS_EACH)
    torch.set_num_threads(1)
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread a process; seed {SEED}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}\n"
        f"{NUM_PARTICIPANTS} participants, {rows_each} images, {NUM_ROUNDS} rounds; "
        f"{repeats} repetitions: medians [lowest, highest]\n"
    )
    print(
        "exchange               bare s  parallel s  in process s       over bare, %"
        "            work, %  below 10 %"
    )
    phases = {name: phase_of(name, rows_each=rows_each) for name in SETTINGS}
    # The first optimizer of a process makes PyTorch import hundreds of modules, which takes longer
    # than a turn. It happens here, before any fork, so that it weighs on nobody.
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    times: dict[str, list[tuple[Seconds, ...]]] = {name: [] for name in SETTINGS}
    for _ in range(repeats):
        for name, phase in phases.items():
            times[name].append(times_of(phase))
    for name, taken in times.items():
        print(row(name, taken))


def phase_of(name: str, *, rows_each: int) -> Phase:
    """The joint training of one setting."""
    plan = {
        "name": "parallel",
        "seed": SEED,
        "data": {"set": "mnist", "train_rows": NUM_PARTICIPANTS * rows_each, "test_rows": 10},
        "partition": {"participants": NUM_PARTICIPANTS},
        "model": {"name": "mnist-cnn"},
        "training": {"learning_rate": 0.05, "batch_size": 8},
        "exchange": {"rounds": NUM_ROUNDS},
        "baselines": {"centralised": False, "standalone": 0},
    }
    return build(load_plan(plan, SETTINGS[name])).phases[0]


def times_of(phase: Phase) -> tuple[Seconds, ...]:
    """One training in the bare pool, one by the parallel engine, one in process."""
    losses, bare = timed(lambda: bare_pool(phase))
    by_parallel, parallel = timed(lambda: by_engine(phase, Parallel(phase, TallyLedger())))
    by_one, in_process = timed(lambda: by_engine(phase, InProcess(phase, TallyLedger())))
    assert losses == by_parallel == by_one, "all three must train the same"
    return bare, parallel, in_process


def timed(call: Callable[[], Losses]) -> tuple[Losses, Seconds]:
    """What the call returns, and how long it took with the processes that it began and ended."""
    wall, work = time.perf_counter(), sum(os.times()[:4])
    losses = call()
    return losses, Seconds(time.perf_counter() - wall, sum(os.times()[:4]) - work)


def by_engine(phase: Phase, engine: Engine) -> Losses:
    """Plays the whole training and lets go of the processes."""
    losses = {}
    for happening in Training(phase, engine).play():
        turn = happening.turn
        if turn is not None and turn.number == 0:
            assert turn.loss is not None
            losses[happening.move.participant] = turn.loss
    engine.close()
    return losses


def bare_pool(phase: Phase) -> Losses:
    """The same number of turns with nothing around them."""
    ready = [participant.shard.tensors() for participant in phase.participants]
    losses = {}
    pool = multiprocessing.get_context("fork").Pool(
        os.cpu_count(), initializer=begin_worker, initargs=(phase, ready)
    )
    with pool:
        for wave in waves_of(phase):
            results = pool.starmap(bare_turn, wave, chunksize=1)
            for (place, turn), loss in zip(wave, results, strict=True):
                if turn == 0:
                    losses[place] = loss
        pool.close()
        pool.join()
    return losses


def waves_of(phase: Phase) -> list[list[tuple[int, int]]]:
    """Turns as (place, number), in lists of those that need not wait for each other."""
    num_turns = [0] * len(phase.participants)
    waves: list[list[tuple[int, int]]] = [[]]
    for move in moves(phase.order, phase.presences, rounds=phase.rounds, seed=phase.seed):
        if move.kind == "finish":
            waves[-1].append((move.participant, num_turns[move.participant]))
            num_turns[move.participant] += 1
        elif move.kind == "end_round" and phase.order == "synchronous":
            waves.append([])
    return waves


@dataclass(frozen=True)
class Worker:
    """What one process of the bare pool works with."""

    phase: Phase
    ready: list[tuple[Tensor, Tensor]]
    module: nn.Module


_worker: list[Worker] = []  # at most one: this process's, in the pool


def begin_worker(phase: Phase, ready: list[tuple[Tensor, Tensor]]) -> None:
    """Runs once in each process of the bare pool."""
    torch.set_num_threads(1)
    _worker.append(Worker(phase, ready, phase.make_module()))


def bare_turn(place: int, turn: int) -> float:
    """One local training from the initial parameters; its mean loss."""
    (worker,) = _worker
    participant = worker.phase.participants[place]
    write_vector(worker.module, worker.phase.initial)
    return train_locally(
        worker.module,
        *worker.ready[place],
        training=participant.training,
        learning_rate=participant.learning_rate(turn),
        rng=stream(participant.seed, purpose="batches", participant=participant.number, turn=turn),
    )


def row(name: str, taken: Sequence[tuple[Seconds, ...]]) -> str:
    """One line of the table."""
    bare, parallel, in_process = (
        statistics.median(times[column].wall for times in taken) for column in range(3)
    )
    over = [times[1].wall / times[0].wall - 1 for times in taken]
    work = [times[1].work / times[0].work - 1 for times in taken]
    reached = "yes" if statistics.median(over) < TARGET else "no"
    return (
        f"{name:<21} {bare:>7.2f} {parallel:>11.2f} {in_process:>13.2f} {spread(over):>18} "
        f"{spread(work):>18} {reached:>11}"
    )


def spread(ratios: Sequence[float]) -> str:
    """Median and range in percent."""
    return (
        f"{100 * statistics.median(ratios):.1f} [{100 * min(ratios):.1f}, {100 * max(ratios):.1f}]"
    )


if __name__ == "__main__":
    main()
