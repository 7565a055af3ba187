"""The small result that is kept of a run: what tables and plots are made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tithe.checks import BadInput
from tithe.record import EvaluationLine, read_run, write_atomically
from tithe.record_lines import object_from_json, to_json
from tithe.reproduction.grid import Job

CURVE_COLUMNS = ("round", "accuracy", "bytes_up", "bytes_down")

Result = dict[str, Any]
"""As it stands in its JSON file; see ``result_of``."""


def result_of(job: Job, run: Path, *, command: str) -> Result:
    """What is kept of a finished run.

    ``curves`` has one list a phase of points with ``curve_columns``; ``classes`` has the balanced
    accuracy and the recalls of each phase's last measurement; ``turns`` counts the joint turns by
    their status; ``privacy`` is the summary's.

    Raises:
      BadInput: the folder holds no finished run.
    """
    record = read_run(run)
    if record.summary is None:
        raise BadInput(f"{run} must hold a finished run, got one that is under way")
    joint = [turn for turn in record.turns if turn.phase == "joint"]
    curves: dict[str, list[list[float]]] = defaultdict(list)
    for line in record.evaluations:
        curves[line.phase].append([getattr(line, column) for column in CURVE_COLUMNS])
    return {
        "label": job.label,
        "seed": job.seed,
        "command": command,
        "versions": record.about["versions"],
        "machine": record.about["machine"],
        "seconds": round(record.summary["seconds"], 1),
        "train_seconds": round(sum(turn.train_seconds for turn in joint), 1),
        "engine_seconds": round(sum(turn.engine_seconds for turn in joint), 1),
        "participants": record.about["participants"],
        "num_parameters": record.about["num_parameters"],
        "turns": dict(Counter(turn.status for turn in joint)),
        "privacy": record.summary.get("privacy", {}),
        "curve_columns": list(CURVE_COLUMNS),
        "curves": dict(curves),
        "classes": _classes(record.evaluations),
    }


def _classes(lines: Iterable[EvaluationLine]) -> dict[str, dict[str, object]]:
    """Of each phase's last measurement, where it tells classes apart."""
    return {
        line.phase: {"balanced_accuracy": line.balanced_accuracy, "recalls": line.recalls}
        for line in lines
        if line.recalls is not None
    }


def write_result(path: Path, result: Mapping[str, object]) -> None:
    """Writes one result as one line of JSON; makes its folder."""
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, to_json(result))


def read_result(path: Path) -> Result:
    """A stored result; BadInput if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} could not be read: {error.strerror}") from error
    return object_from_json(text, where=str(path))


def results_by_label(jobs: Iterable[Job]) -> dict[str, list[Result]]:
    """The results that are there, in the order of the grid."""
    found: dict[str, list[Result]] = {}
    for job in jobs:
        if job.result.exists():
            found.setdefault(job.label, []).append(read_result(job.result))
    return found


def last_accuracies(result: Result, phase: str) -> list[float]:
    """The accuracy after the last round, one of each curve of this phase, as shares.

    ``"standalone"`` stands for all participants that were trained alone.
    """
    return [
        points[-1][CURVE_COLUMNS.index("accuracy")]
        for name, points in result["curves"].items()
        if name == phase or (phase == "standalone" and name.startswith("standalone-"))
    ]


def spent(result: Result) -> float | None:
    """The total epsilon of the participant that spent most, by pld; None if nothing was private."""
    total = result.get("privacy", {}).get("epsilon", {}).get("pld")
    return None if total is None else float(total)
