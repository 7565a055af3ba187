"""One FedAvg round by our engines, by no engine, by Flower's own and by pfl's, side by side.

Run: ``python benchmarks/engines.py [--quick] [--rounds N] [--without NAME ...] [--out FILE]`` (ten
minutes; Linux; MNIST from ``TITHE_DATA``). Flower's rows need ``tithe[simulation]``, and pfl's row
pfl 0.6; who is not installed is named and left out.

The paper's CNN for MNIST (105,506 parameters), 30 participants with 600 images each, one local
epoch with batch 32: 570 steps of plain SGD a round, one thread a process. Dense vectors both ways,
and the mean of a round's:

- loop, pool: no engine; one process, and a pool of two that lives through all rounds;
- in process, parallel: our engines, the second with two processes, with downloads, payloads,
  selection and everything else that a training needs;
- simulation: our engine on Flower's simulation, with two actors;
- flower: Flower's own FedAvg strategy and simulation, with two actors;
- pfl: its own FederatedAveraging in one process.

Each runs in a process of its own from beginning to end, and waits while the others have their
rounds, which alternate. The first two rounds of each are not counted. Wall time is the median with
its range; "processor" is the median over all processes of the engine; "of pool" and "of loop" are
medians of the ratios within one lap. Accuracy is that of the parameters after the last round on all
training rows, so that nobody is quick by doing less.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rivals.processes import processor_seconds

CONTESTANTS = {  # name: (module and function, packages that it needs)
    "loop": ("rivals.plain_loops:loop", ()),
    "pool": ("rivals.plain_loops:pool", ()),
    "in process": ("rivals.ours:in_process", ()),
    "parallel": ("rivals.ours:parallel", ()),
    "simulation": ("rivals.ours:simulation", ("flwr", "ray")),
    "flower": ("rivals.flower_stock:fedavg", ("flwr", "ray")),
    "pfl": ("rivals.pfl_fedavg:fedavg", ("pfl",)),
}
WARM_UP, ROUNDS = 2, 7
QUIET = {
    "OMP_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_LOG_LEVEL": "WARNING",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Round:
    """Seconds by the clock and of the processor, and the machine's load when it ended."""

    wall: float
    processor: float
    load: float


class Contestant:
    """One engine in a process of its own, which takes a round when it is told to."""

    def __init__(self, name: str, num_participants: int) -> None:
        self.rounds: list[Round] = []
        self.accuracy = 0.0
        self._child = subprocess.Popen(
            [sys.executable, __file__, "--contestant", name, str(num_participants)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | QUIET,
        )

    def take_round(self) -> Round:
        """One round."""
        before = processor_seconds(self._child.pid)
        wall = float(self._asked("round"))
        worked = processor_seconds(self._child.pid) - before
        return Round(wall, worked, os.getloadavg()[0])

    def end(self) -> None:
        """Asks for the accuracy, and lets it go."""
        self.accuracy = float(self._asked("end"))
        self._child.wait(120)

    def _asked(self, word: str) -> str:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(word + "\n")
        self._child.stdin.flush()
        for line in self._child.stdout:
            if line.startswith("answer "):
                return line.removeprefix("answer ")
        raise SystemExit("a contestant ended before its round did; see above")


def main() -> None:
    """Prints the table, and writes the figures where --out says."""
    parser = argparse.ArgumentParser(description="A FedAvg round by every engine.")
    parser.add_argument("--quick", action="store_true", help="six participants, two rounds")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="that are counted")
    parser.add_argument("--without", nargs="+", default=[], choices=list(CONTESTANTS)[2:])
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    parser.add_argument("--contestant", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        contest(given.contestant[0], int(given.contestant[1]))
        return
    num_participants, num_rounds = (6, 2) if given.quick else (30, given.rounds)
    about = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: version_of(name) for name in ("torch", "flwr", "ray", "pfl")},
        "participants": num_participants,
        "rounds_counted": num_rounds,
        "load_at_the_start": round(os.getloadavg()[0], 1),
    }
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items()) + "\n")
    contestants = entered(num_participants, without=given.without)
    for lap in range(WARM_UP + num_rounds):
        for name, contestant in contestants.items():
            took = contestant.take_round()
            if lap >= WARM_UP:
                contestant.rounds.append(took)
            print(f"lap {lap}: {name} {took.wall:.2f} s", file=sys.stderr)
    for contestant in contestants.values():
        contestant.end()
    print(
        "engine       wall s [lowest, highest]   processor s   of loop   of pool   accuracy   load"
    )
    for name, contestant in contestants.items():
        print(row(name, contestant, contestants))
    if given.out:
        results = {
            name: {"accuracy": each.accuracy, "rounds": [asdict(one) for one in each.rounds]}
            for name, each in contestants.items()
        }
        content = about | {"command": f"python benchmarks/engines.py --out {given.out}"}
        given.out.write_text(json.dumps(content | {"engines": results}, indent=2) + "\n")


def entered(num_participants: int, *, without: Sequence[str]) -> dict[str, Contestant]:
    """All that are wanted and whose packages are there."""
    found = {}
    for name, (_, packages) in CONTESTANTS.items():
        if name in without:
            continue
        missing = [package for package in packages if version_of(package) is None]
        if missing:
            print(f"{name} is left out: {', '.join(missing)} not installed")
        else:
            found[name] = Contestant(name, num_participants)
    return found


def row(name: str, contestant: Contestant, all_of_them: dict[str, Contestant]) -> str:
    """One line of the table."""
    walls = [each.wall for each in contestant.rounds]
    spread = f"{statistics.median(walls):.2f} [{min(walls):.2f}, {max(walls):.2f}]"
    work = statistics.median(each.processor for each in contestant.rounds)
    ratios = [
        f"{statistics.median(over(contestant.rounds, all_of_them[base].rounds)):.2f}"
        for base in ("loop", "pool")
    ]
    load = statistics.median(each.load for each in contestant.rounds)
    return (
        f"{name:<11} {spread:>25} {work:>13.2f} {ratios[0]:>9} {ratios[1]:>9} "
        f"{contestant.accuracy:>10.4f} {load:>6.1f}"
    )


def over(rounds: Sequence[Round], base: Sequence[Round]) -> list[float]:
    """Ratios of wall time, lap by lap."""
    return [mine.wall / theirs.wall for mine, theirs in zip(rounds, base, strict=True)]


def version_of(package: str) -> str | None:
    """Its version; None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def contest(name: str, num_participants: int) -> None:
    """The process of one contestant: takes a round for every line that comes."""
    import torch
    from rivals.task import accuracy_of, phase_of_round, tensors_of

    torch.set_num_threads(1)
    module_name, function = CONTESTANTS[name][0].split(":")
    rounds = getattr(importlib.import_module(module_name), function)(num_participants)
    vector = None
    for line in sys.stdin:
        if line.strip() == "end":
            break
        begun = time.perf_counter()
        vector = next(rounds).clone()
        print("answer", time.perf_counter() - begun, flush=True)
    rounds.close()
    phase = phase_of_round(num_participants)
    assert vector is not None
    print("answer", accuracy_of(phase.make_module(), vector, tensors_of(phase)), flush=True)


if __name__ == "__main__":
    main()
