"""Measures what screens do against bad participants, and writes the tables and the figure.

``python experiments/attackers/measure.py`` plays every training that has no result yet (an
interrupted run goes on) and rewrites README.md's tables and figure.png; ``--table`` only does the
latter; ``--seeds`` and ``--settings`` play a part of the grid.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from attacks import ATTACKS
from figure import draw, tables
from torch import Tensor
from trial import MakeScreens, play

from tithe.federation.central import Central
from tithe.federation.gatekeeper import Screen
from tithe.federation.screens import DirectionScreen, HeldOutScreen, NormScreen
from tithe.plan import load_plan

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from run import put_between_marks  # noqa: E402

SEEDS = (1, 2)
LEAST_COSINE = 0.1  # like the tolerances below chosen on seed 101, which is in no table
WHO = {0: (), 1: (4,), 3: (1, 4, 7)}  # how many attack: which participants
UNEVEN = ("partition.kind=dirichlet", "partition.rows_each=0", "data.train_rows=3000")
TOGETHER = ("exchange.order=synchronous", "server.combine=mean")
HARDEST = ("flip at the bound", "flip, hidden", "labels 9 - c", "labels 7 to 1")


@dataclass(frozen=True)
class Setting:
    """One way to train, and which attacks and screens are tried in it.

    ``set`` is as for ``tithe run --set``; ``attackers`` says how many of 10; ``tolerance`` is that
    of the held-out check, in nats.
    """

    set: tuple[str, ...] = ()
    attackers: int = 3
    attacks: tuple[str, ...] = tuple(ATTACKS)
    screens: tuple[str, ...] = ("none", "length", "direction", "held-out", "all", "all, learnt")
    tolerance: float = 0.1


UNEVEN_SCREENS = ("none", "held-out", "all", "all, learnt")
SETTINGS = {
    "in turn": Setting(),
    "in turn, uneven labels": Setting(UNEVEN, 3, HARDEST, UNEVEN_SCREENS),
    "together": Setting(
        TOGETHER,
        3,
        (*HARDEST, "noise, hidden"),
        ("none", "direction", "held-out", "all, learnt"),
        tolerance=0.35,
    ),
    "in turn, theta_u 0.01": Setting(
        ("sharing.theta_u=0.01",), 3, HARDEST, ("none", "all, learnt")
    ),
    "in turn, 1 attacker": Setting((), 1, tuple(ATTACKS), ("none", "all, learnt")),
}


def _norm(central: Central, loss: Callable[[Tensor], float]) -> tuple[Screen, ...]:
    return (NormScreen(),)


def _direction(central: Central, loss: Callable[[Tensor], float]) -> tuple[Screen, ...]:
    return (DirectionScreen(size=central.terms.size, least_cosine=LEAST_COSINE),)


def _held_out(central: Central, loss: Callable[[Tensor], float]) -> tuple[Screen, ...]:
    tolerance = SETTINGS["together" if _is_together(central) else "in turn"].tolerance
    return (HeldOutScreen(lambda: central.server.store.vector, loss, tolerance, spread=0.0),)


def _learnt(central: Central, loss: Callable[[Tensor], float]) -> tuple[Screen, ...]:
    return (HeldOutScreen(lambda: central.server.store.vector, loss),)


def _all(held_out: MakeScreens) -> MakeScreens:
    """All that a server of this plan would ask; direction only where all start alike."""

    def make(central: Central, loss: Callable[[Tensor], float]) -> tuple[Screen, ...]:
        direction = _direction(central, loss) if _is_together(central) else ()
        return (*_norm(central, loss), *direction, *held_out(central, loss))

    return make


def _is_together(central: Central) -> bool:
    return central.terms.phase.order == "synchronous"


SCREENS: dict[str, MakeScreens] = {
    "none": lambda central, loss: (),
    "length": _norm,
    "direction": _direction,
    "held-out": _held_out,
    "all": _all(_held_out),
    "all, learnt": _all(_learnt),
}


@dataclass(frozen=True)
class Job:
    """One training."""

    setting: str
    seed: int
    attack: str
    attackers: int
    screens: str


def main() -> None:
    """Plays what is missing, then rewrites tables and figure."""
    parser = argparse.ArgumentParser(description="Measure screens against attackers.")
    parser.add_argument("--table", action="store_true", help="play nothing")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--settings", nargs="*", choices=SETTINGS, default=list(SETTINGS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = HERE / "results" / "trainings.jsonl"
    found = read(path)
    if not options.table:
        for job in jobs(options.settings, options.seeds):
            if job not in found:
                found[job] = keep(path, job)
    for name, lines in tables({tuple(asdict(job).values()): each for job, each in found.items()}):
        marks = (f"<!-- {name}: begin -->", f"<!-- {name}: end -->")
        put_between_marks(HERE / "README.md", lines, begin=marks[0], end=marks[1])
    draw(HERE / "figure.png", {tuple(asdict(job).values()): each for job, each in found.items()})


def jobs(settings: list[str], seeds: list[int]) -> Iterator[Job]:
    """The grid, seed by seed."""
    for seed in seeds:
        for name in settings:
            setting = SETTINGS[name]
            is_new = name != "in turn, 1 attacker"  # without attackers it is "in turn"
            for screens in setting.screens if is_new else ():
                yield Job(name, seed, "nobody", 0, screens)
            for attack in setting.attacks:
                for screens in setting.screens:
                    yield Job(name, seed, attack, setting.attackers, screens)


def read(path: Path) -> dict[Job, dict[str, Any]]:
    """The results that are there."""
    if not path.exists():
        return {}
    lines = map(json.loads, path.read_text().splitlines())
    return {Job(**each["job"]): each["outcome"] for each in lines}


def keep(path: Path, job: Job) -> dict[str, Any]:
    """Plays one training and adds its result to the file."""
    begun = time.process_time()
    plan = load_plan(HERE / "plan.toml", [*SETTINGS[job.setting].set, f"seed={job.seed}"])
    attack = job.attack if job.attackers else next(iter(ATTACKS))
    outcome = asdict(
        play(plan, attack=attack, attackers=WHO[job.attackers], screens=SCREENS[job.screens])
    )
    seconds = round(time.process_time() - begun, 1)
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        line = {"job": asdict(job), "outcome": outcome, "cpu_seconds": seconds}
        file.write(json.dumps(line) + "\n")
    print(*asdict(job).values(), outcome["accuracy"], outcome["by_screen"], seconds, flush=True)
    return outcome


if __name__ == "__main__":
    main()
