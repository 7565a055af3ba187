"""What the in-process engine adds to a bare PyTorch loop that takes the same steps.

Run: ``python benchmarks/engine_overhead.py [--quick]`` (about a minute; MNIST from ``TITHE_DATA``).
One turn is one local epoch: the paper's CNN for MNIST, 600 images, batch 8, 75 steps. The bare turn
begins at the same parameters, takes the same batches from tensors that lie ready, and does only
forward, backward, the step of ``torch.optim.SGD`` and ``loss.item()``, as any loop that reports its
loss does; that it ends with the very loss of the engine's turn is checked. The engine's turn is
everything from the server's download to its having added the upload: all but the line of the record
and the measurements on the test set.

A bare turn and an engine's turn alternate, and which of them comes first alternates too. "Added"
is the median over the pairs of engine / bare - 1 with its quartiles, by the clock and by the
processor's time, which a busy machine disturbs less. "Own" is what the engine says of itself in the
record: ``engine_seconds / train_seconds``. The first round of each setting is not counted: it warms
up, has no residual yet and downloads everything.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Happening, Training
from tithe.learning.flat import write_vector
from tithe.learning.local import batches
from tithe.parties.phase import Phase
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger
from tithe.randomness import stream

SEED = 1
NUM_PARTICIPANTS = 5
ROWS_EACH, BATCH_SIZE, LEARNING_RATE = 600, 8, 0.05
SETTINGS = (("recommended", 0.1), ("recommended", 0.01), ("plain", 0.1), ("plain", 0.01))
TARGET = 0.05

Result = TypeVar("Result")


@dataclass(frozen=True)
class Seconds:
    """How long something took: by the clock, and of this process's processor time."""

    wall: float
    processor: float


@dataclass
class Pairs:
    """The turns of one setting: bare and engine's, pair by pair, and what the record says."""

    bare: list[Seconds] = field(default_factory=list)
    engine: list[Seconds] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="What the engine adds to a bare loop.")
    parser.add_argument("--quick", action="store_true", help="few turns of few images")
    quick = parser.parse_args().quick
    num_rounds, rows_each = (3, 80) if quick else (9, ROWS_EACH)
    torch.set_num_threads(1)
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread; seed {SEED}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}\n"
        f"{NUM_PARTICIPANTS} participants, {rows_each} images, batch {BATCH_SIZE}, "
        f"{(num_rounds - 1) * NUM_PARTICIPANTS} pairs a setting; median [quartiles] in %\n"
    )
    print(
        "recipe       theta_u  bare ms  engine ms        added, clock    added, processor"
        "     own / training  below 5 %"
    )
    trials = [
        trial(phase_of(recipe, theta_u, rows_each=rows_each, num_rounds=num_rounds))
        for recipe, theta_u in SETTINGS
    ]
    pairs = [Pairs() for _ in SETTINGS]
    for _ in range(num_rounds * NUM_PARTICIPANTS):  # the settings take turns as well
        for number, one in enumerate(trials):
            pairs[number] = next(one)
    for (recipe, theta_u), taken in zip(SETTINGS, pairs, strict=True):
        print(row(recipe, theta_u, taken))


def phase_of(recipe: str, theta_u: float, *, rows_each: int, num_rounds: int) -> Phase:
    """The joint training of one setting."""
    plan = {
        "name": "engine-overhead",
        "recipe": recipe,
        "seed": SEED,
        "data": {"set": "mnist", "train_rows": NUM_PARTICIPANTS * rows_each, "test_rows": 10},
        "partition": {"participants": NUM_PARTICIPANTS},
        "model": {"name": "mnist-cnn"},
        "training": {"learning_rate": LEARNING_RATE, "batch_size": BATCH_SIZE},
        "sharing": {"theta_u": theta_u},
        "exchange": {"rounds": num_rounds},
        "baselines": {"centralised": False, "standalone": 0},
    }
    return build(load_plan(plan)).phases[0]


def trial(phase: Phase) -> Iterator[Pairs]:
    """Takes one turn of the engine and one bare turn for each element; yields all so far."""
    training = Training(phase, InProcess(phase, TallyLedger()))
    happenings = training.play()
    module = phase.make_module()
    ready = [participant.shard.tensors() for participant in phase.participants]
    pairs = Pairs()
    num_places = len(phase.participants)
    for number in range(phase.rounds * num_places):
        turn_number, place = divmod(number, num_places)
        begin_at = training.server.store.vector.clone()
        write_vector(module, begin_at)
        orders = same_batches(phase, place=place, turn=turn_number)
        take_bare = partial(bare_turn, module, *ready[place], orders)
        take_engines = partial(engine_turn, happenings)
        if number % 2:
            (happening, engine), (loss, bare) = timed(take_engines), timed(take_bare)
        else:
            (loss, bare), (happening, engine) = timed(take_bare), timed(take_engines)
        turn = happening.turn
        assert turn is not None and happening.move.participant == place
        assert turn.loss == loss, "the bare loop must take the very steps of the engine"
        if turn_number > 0:
            pairs.bare.append(bare)
            pairs.engine.append(engine)
            pairs.own.append(happening.engine_seconds / turn.train_seconds)
        yield pairs


def same_batches(phase: Phase, *, place: int, turn: int) -> list[Tensor]:
    """The batches that the engine will draw for this turn, as row positions."""
    participant = phase.participants[place]
    rng = stream(participant.seed, purpose="batches", participant=participant.number, turn=turn)
    torch.randint(2**62, (1,), generator=rng)  # what seeds a network's own draws comes first
    num_rows = len(participant.shard)
    num_steps = participant.training.num_steps(num_rows)
    return list(batches(num_rows, batch_size=BATCH_SIZE, num_steps=num_steps, rng=rng))


def bare_turn(module: nn.Module, features: Tensor, labels: Tensor, orders: list[Tensor]) -> float:
    """The loop that everybody writes; its mean loss."""
    optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE)
    total = 0.0
    module.train()
    for rows in orders:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(features[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(orders)


def engine_turn(happenings: Iterator[Happening]) -> Happening:
    """Plays on until a turn is finished; the end of a round counts to the turn after it."""
    return next(happening for happening in happenings if happening.turn is not None)


def timed(call: Callable[[], Result]) -> tuple[Result, Seconds]:
    """What the call returns, and how long it took."""
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return result, Seconds(time.perf_counter() - wall, time.process_time() - processor)


def row(recipe: str, theta_u: float, pairs: Pairs) -> str:
    """One line of the table."""
    both = list(zip(pairs.bare, pairs.engine, strict=True))
    by_clock = [engine.wall / bare.wall - 1 for bare, engine in both]
    by_processor = [engine.processor / bare.processor - 1 for bare, engine in both]
    bare_ms = 1000 * statistics.median(bare.wall for bare in pairs.bare)
    engine_ms = 1000 * statistics.median(engine.wall for engine in pairs.engine)
    reached = "yes" if statistics.median(by_clock) < TARGET else "no"
    return (
        f"{recipe:<11} {theta_u:>8g} {bare_ms:>8.1f} {engine_ms:>10.1f} {spread(by_clock):>19} "
        f"{spread(by_processor):>19} {spread(pairs.own):>18} {reached:>10}"
    )


def spread(ratios: Sequence[float]) -> str:
    """Median and quartiles in percent."""
    low, middle, high = (100 * quartile for quartile in statistics.quantiles(ratios, n=4))
    return f"{middle:5.1f} [{low:5.1f},{high:5.1f}]"


if __name__ == "__main__":
    main()
