"""What a thousand participants cost through Flower's simulation, in time and in memory.

Run: ``python benchmarks/simulation.py [--quick] [--rounds N] [--rows N] [--out FILE]`` (some
five minutes; Linux; MNIST from ``TITHE_DATA``; needs ``tithe[simulation]``). The paper's CNN for
MNIST (105,506 parameters), 60 images a participant, one local epoch with batch 10, FedAvg-like
rounds: synchronous, theta_u = 0.1, the mean of all uploads, no residual.

One line a round: wall time, and the proportional set size (PSS, which counts shared pages once) of
the head, of the actors, and of all the rest that Ray starts. "In process" is the same training by
the default engine, which shows what the messages cost.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rivals.processes import command, family, mebibytes, processor_seconds

from tithe.build import build
from tithe.engines.flower.simulation import Simulation
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Engine, Training
from tithe.parties.phase import Phase
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger

SEED, ROWS_EACH, NUM_PROCESSES = 1, 60, 2


@dataclass(frozen=True)
class Round:
    """Wall and processor seconds of one round, and memory in MiB when it was over."""

    wall: float
    work: float
    head: float
    actors: float
    rest: float
    load: float


def main() -> None:
    """Prints the table, and writes the figures where --out says."""
    parser = argparse.ArgumentParser(description="A thousand participants through a simulation.")
    parser.add_argument("--quick", action="store_true", help="a hundred participants, one round")
    parser.add_argument("--rounds", type=int, default=3, help="of all participants")
    parser.add_argument("--rows", type=int, default=ROWS_EACH, help="images of each")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    given = parser.parse_args()
    num_participants, num_rounds = (100, 1) if given.quick else (1000, given.rounds)
    torch.set_num_threads(1)
    phase = phase_of(num_participants, num_rounds, rows_each=given.rows)
    about = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seed": SEED,
        "participants": num_participants,
        "rows_each": given.rows,
        "parameters": phase.initial.numel(),
        "actors": NUM_PROCESSES,
        "load_at_the_start": round(os.getloadavg()[0], 1),
    }
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items()) + "\n")
    print("engine       round   wall s   processor s   head MiB   actors MiB   rest MiB   load")
    rounds = {}
    begun = time.perf_counter()
    simulation = Simulation(phase, TallyLedger(), num_processes=NUM_PROCESSES)
    start_seconds = time.perf_counter() - begun
    rounds["simulation"], simulated = played("simulation", phase, simulation)
    rounds["in process"], bare = played("in process", phase, InProcess(phase, TallyLedger()))
    is_equal = torch.equal(simulated, bare)
    print(f"\nRay and Flower started in {start_seconds:.1f} s; same parameters: {is_equal}")
    if given.out:
        content = about | {
            "command": f"{Path(__file__).name} --rounds {num_rounds} --rows {given.rows}",
            "start_seconds": round(start_seconds, 1),
            "same_parameters": is_equal,
            "rounds": {name: [asdict(each) for each in took] for name, took in rounds.items()},
        }
        given.out.write_text(json.dumps(content, indent=2) + "\n")


def phase_of(num_participants: int, num_rounds: int, *, rows_each: int) -> Phase:
    """The joint training."""
    plan = {
        "name": "simulation",
        "recipe": "plain",
        "seed": SEED,
        "data": {"set": "mnist", "train_rows": num_participants * rows_each, "test_rows": 10},
        "partition": {"participants": num_participants},
        "model": {"name": "mnist-cnn"},
        "training": {"learning_rate": 0.05, "batch_size": 10},
        "sharing": {"theta_u": 0.1, "residual": False},
        "server": {"combine": "mean"},
        "exchange": {"rounds": num_rounds, "order": "synchronous"},
        "baselines": {"centralised": False, "standalone": 0},
    }
    return build(load_plan(plan)).phases[0]


def played(name: str, phase: Phase, engine: Engine) -> tuple[list[Round], torch.Tensor]:
    """Plays the training, prints a line a round, and returns the rounds and the parameters."""
    training, rounds = Training(phase, engine), []
    wall, work = time.perf_counter(), processor_seconds(os.getpid())
    try:
        for happening in training.play():
            if happening.turn is not None and happening.turn.status != "shared":
                raise SystemExit(f"a turn was {happening.turn.status}: {happening.turn.reason}")
            if happening.move.kind != "end_round":
                continue
            now, worked = time.perf_counter(), processor_seconds(os.getpid())
            took = Round(
                round(now - wall, 2), round(worked - work, 2), *memory(), os.getloadavg()[0]
            )
            rounds.append(took)
            print(
                f"{name:<11} {len(rounds):>6} {took.wall:>8.1f} {took.work:>13.1f} "
                f"{took.head:>10.0f} {took.actors:>12.0f} {took.rest:>10.0f} {took.load:>6.1f}",
                flush=True,
            )
            wall, work = now, worked
        return rounds, training.server.store.vector.clone()
    finally:
        engine.close()


def memory() -> tuple[float, float, float]:
    """PSS in MiB of this process, of Ray's actors, and of Ray's other processes."""
    head = actors = rest = 0.0
    for process in family(os.getpid()):
        size = mebibytes(process)
        if process == os.getpid():
            head += size
        elif "ClientAppActor" in command(process):
            actors += size
        else:
            rest += size
    return round(head, 1), round(actors, 1), round(rest, 1)


if __name__ == "__main__":
    main()
