"""The published figures that were rebuilt, each with where ours comes from.

Each experiment that has some lists them in its ``figures.toml``; our numbers are never written
there, but taken from the results that its runs left.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tithe.checks import BadInput, nearest
from tithe.reproduction.grid import Job, experiment_names, jobs_of
from tithe.reproduction.results import Result, last_accuracies, read_result, spent
from tithe.reproduction.wording import Unit

FIGURES = "figures.toml"
EPSILONS = Path("results") / "epsilons.json"

Sureness = Literal["printed", "read off a plot", "recalled"]
"""Printed where we read it; read off a plot, so within half a point; or recalled by whoever read
it, so that it must be read again before it is quoted."""


class _Entry(BaseModel):
    """What the tables of the catalogue share: immutable, and exact about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OfRun(_Entry):
    """Ours is measured: the mean over the seeds of one entry of the grid."""

    label: str
    """of the entry"""
    phase: str = "joint"
    """joint, centralised or standalone"""
    measure: Literal["accuracy", "epsilon", "parameters"] = "accuracy"
    """after the last round; the total by pld; or the size of the network"""


class OfAccountant(_Entry):
    """Ours is worked out: one cell of the table of epsilons that the experiment keeps."""

    training: Literal["even", "uneven"]
    """all rows, or the article's unequal classes, as ``TRAININGS`` has them"""
    noise: float
    """the noise multiplier"""
    way: str = "old"
    """of counting, a key of ``tithe.reproduction.article_epsilon.epsilon_row``"""


class InFile(_Entry):
    """Theirs stands in a file of the experiment already, as a share."""

    file: str
    """beside the catalogue"""
    keys: tuple[str, ...]
    """the way to it"""


class Figure(_Entry):
    """One published figure."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
    """what ``tithe reproduce NAME`` takes"""
    source: Literal["paper", "article"]
    """Shokri & Shmatikov 2015, or the article on TensorFlow Privacy with VGG19"""
    what: str
    """in words"""
    unit: Unit = "%"
    """of theirs and ours"""
    theirs: float | InFile
    """as published"""
    sure: Sureness
    """how sure theirs is"""
    ours: OfRun | OfAccountant
    """where ours comes from"""
    note: str = ""
    """what must be known to compare them"""


class _Catalogue(_Entry):
    figure: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Rebuilt:
    """A published figure beside ours.

    Attributes:
      figure: as in the catalogue.
      experiment: the name of its folder.
      theirs: in the figure's unit.
      ours: likewise; None if it was not run yet.
      jobs: the runs that give ours; none if it is worked out.
      num_results: how many of them have a stored result.
    """

    figure: Figure
    experiment: str
    theirs: float
    ours: float | None
    jobs: tuple[Job, ...]
    num_results: int

    @property
    def command(self) -> str:
        """What rebuilds ours."""
        return f"tithe reproduce {self.figure.name}"


def rebuilt_figures(folder: Path) -> list[Rebuilt]:
    """Every figure of every experiment, the paper's first.

    Raises:
      BadInput: a catalogue is damaged, names an entry that the grid does not have, or two figures
        share a name.
    """
    found = [each for name in experiment_names(folder) for each in _of(folder / name)]
    names = [each.figure.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{folder}: a figure's name must be its own, got two called {name!r}")
    return sorted(found, key=lambda each: each.figure.source != "paper")


def chosen(found: list[Rebuilt], name: str) -> list[Rebuilt]:
    """The figure of this name, or all figures of the experiment of this name.

    Raises:
      BadInput: there is none; the message names the nearest.
    """
    some = [each for each in found if name in (each.figure.name, each.experiment)]
    if some:
        return some
    known = {word for each in found for word in (each.figure.name, each.experiment)}
    close = nearest(name, sorted(known))
    hint = f"; did you mean {close!r}?" if close else ""
    raise BadInput(
        f"NAME must be a figure or an experiment that `tithe reproduce` lists, got {name!r}{hint}"
    )


def _of(experiment: Path) -> list[Rebuilt]:
    path = experiment / FIGURES
    if not path.exists():
        return []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        figures = _Catalogue.model_validate(table).figure
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is damaged: it is not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {place}: {first['msg']}, got {first['input']!r}") from error
    jobs = jobs_of(experiment)
    return [_rebuilt(experiment, figure, jobs) for figure in figures]


def _rebuilt(experiment: Path, figure: Figure, jobs: list[Job]) -> Rebuilt:
    theirs = _theirs(experiment, figure)
    if isinstance(figure.ours, OfAccountant):
        ours = _worked_out(experiment, figure.ours)
        return Rebuilt(figure, experiment.name, theirs, ours, (), int(ours is not None))
    own = tuple(job for job in jobs if job.label == figure.ours.label)
    if not own:
        raise BadInput(
            f"{experiment / FIGURES}: ours.label of {figure.name!r} must be an entry of the grid "
            f"that has seeds, got {figure.ours.label!r}"
        )
    results = [read_result(job.result) for job in own if job.result.exists()]
    values = [value for result in results for value in measured(result, figure.ours)]
    return Rebuilt(figure, experiment.name, theirs, mean_of(values), own, len(results))


def mean_of(values: list[float]) -> float | None:
    """Their mean; None if there are none."""
    return mean(values) if values else None


def measured(result: Result, of: OfRun) -> list[float]:
    """What a result says of one figure: in %, or as it is; one value a curve."""
    if of.measure == "parameters":
        return [float(result["num_parameters"])]
    if of.measure == "epsilon":
        total = spent(result)
        return [] if total is None else [total]
    return [100 * share for share in last_accuracies(result, of.phase)]


def _worked_out(experiment: Path, of: OfAccountant) -> float | None:
    path = experiment / EPSILONS
    if not path.exists():
        return None
    rows = json.loads(path.read_text(encoding="utf-8"))[of.training]
    return next((float(row[of.way]) for row in rows if row["noise"] == of.noise), None)


def _theirs(experiment: Path, figure: Figure) -> float:
    if not isinstance(figure.theirs, InFile):
        return figure.theirs
    path = experiment / figure.theirs.file
    value: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    for key in figure.theirs.keys:
        if not isinstance(value, Mapping) or key not in value:
            raise BadInput(f"{path} must have {'.'.join(figure.theirs.keys)}, has no {key!r}")
        value = value[key]
    return float(value) * (100 if figure.unit == "%" else 1)
