"""An experiment's grid: which plans with which changes and seeds make it up.

An experiment is a folder with plans, a ``grid.toml`` that says how they are varied, and the small
results of what was run::

    seeds = [1, 2, 3]                     # of every entry that names no others
    [[entry]]
    label = "theta_u 0.01"
    set = ["sharing.theta_u=0.01"]        # as for tithe run --set
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tithe.checks import BadInput
from tithe.plan import Plan, load_plan

GRID = "grid.toml"
_IN_CHECKOUT = Path(__file__).resolve().parents[3] / "experiments"


@dataclass(frozen=True)
class Job:
    """One run of a grid.

    Attributes:
      experiment: the name of its folder.
      label: the entry's.
      seed: of this run.
      overrides: what is changed in the plan, the seed included.
      plan: its file.
      result: the file of its result, there or not.
    """

    experiment: str
    label: str
    seed: int
    overrides: tuple[str, ...]
    plan: Path
    result: Path

    @property
    def name(self) -> str:
        """Of its folder: the label in letters that a file may have, and the seed."""
        return self.result.stem

    def load(self) -> Plan:
        """The plan with its changes; BadPlan if it is none."""
        return load_plan(self.plan, self.overrides)


def experiments_folder(named: Path | None = None) -> Path:
    """Where the experiments lie: the folder that was named, or the one of this checkout.

    They are no part of an installed package: they are measurements, which go on growing, and a
    package would freeze those of its day.

    Raises:
      BadInput: there is none.
    """
    folder = named or _IN_CHECKOUT
    if not any(folder.glob(f"*/{GRID}")):
        raise BadInput(
            "--experiments must name the folder experiments of a checkout of Tithe, which an "
            f"installed package does not bring, got {folder}"
        )
    return folder


def experiment_names(folder: Path) -> list[str]:
    """The experiments that have a grid."""
    return sorted(path.parent.name for path in folder.glob(f"*/{GRID}"))


def jobs_of(folder: Path) -> list[Job]:
    """Every entry of an experiment's grid with every one of its seeds.

    An entry with ``seeds = []`` is planned and not run yet; it has no job.
    Raises:
      BadInput: the grid is no TOML, or an entry has no label.
    """
    grid = _read(folder / GRID)
    found = []
    for entry in grid.get("entry", ()):
        if not isinstance(entry.get("label"), str):
            raise BadInput(f"{folder / GRID}: every entry must have a label, got one without")
        seeds: Sequence[int] = entry.get("seeds", grid.get("seeds", [1]))
        for seed in seeds:
            name = f"{_in_file_letters(entry['label'])}-seed{seed}"
            found.append(
                Job(
                    experiment=folder.name,
                    label=entry["label"],
                    seed=seed,
                    overrides=(*grid.get("set", ()), *entry.get("set", ()), f"seed={seed}"),
                    plan=folder / entry.get("plan", "plan.toml"),
                    result=folder / "results" / f"{name}.json",
                )
            )
    return found


def _in_file_letters(label: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in label)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{path.parent} must hold a {GRID}, got none") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is damaged: it is not TOML ({error})") from error
