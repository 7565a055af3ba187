"""TensorBoard: a run's record as event files, for those who live there."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tithe.record import EvaluationLine, RunRecord, TurnLine, read_run
from tithe.report.optional import needed

FOLDER = "tensorboard"


def write_tensorboard(directory: Path) -> Path:
    """Writes event files beside a run's record; those of an earlier call are replaced.

    Each phase is a TensorBoard run of its own, so that their curves lie over each other:
    ``accuracy`` and ``loss`` by round for all, and for the joint training ``bytes/up`` and
    ``bytes/down`` since the start by round, and ``turn/...`` (loss, entries, bytes, staleness,
    learning rate) by turn.

    Args:
      directory: of a run, finished or not.
    Returns:
      The folder to point ``tensorboard --logdir`` at.
    Raises:
      BadInput: the directory holds no run, or TensorBoard is not installed.
    """
    make_writer = needed(
        "torch.utils.tensorboard", what="TensorBoard event files", extra="tensorboard"
    ).SummaryWriter
    record = read_run(directory)
    folder = directory / FOLDER
    for old in folder.glob("*/events.out.tfevents.*"):
        old.unlink()
    started = _started(record)
    phases = [line.phase for line in record.evaluations] + [line.phase for line in record.turns]
    for phase in dict.fromkeys(phases):
        with make_writer(log_dir=str(folder / _folder_name(phase))) as writer:
            for measured in record.evaluations:
                if measured.phase == phase:
                    _write_evaluation(writer, measured, started=started)
            if phase == "joint":
                _write_turns(writer, record.turns, started=started)
    folder.mkdir(exist_ok=True)
    return folder


def _write_evaluation(writer: Any, line: EvaluationLine, *, started: float) -> None:
    values: dict[str, float] = {"accuracy": line.accuracy, "loss": line.loss}
    if line.phase == "joint":
        values |= {"bytes/up": line.bytes_up, "bytes/down": line.bytes_down}
    for tag, value in values.items():
        writer.add_scalar(tag, value, line.round, walltime=started + line.seconds)


def _write_turns(writer: Any, turns: Iterable[TurnLine], *, started: float) -> None:
    now = started
    for line in turns:
        if line.phase != "joint":
            continue
        now += line.train_seconds + line.engine_seconds
        values: dict[str, float] = {
            "turn/entries": line.entries,
            "turn/bytes_up": line.bytes_up,
            "turn/bytes_down": line.bytes_down,
            "turn/staleness": line.staleness,
            "turn/learning_rate": line.learning_rate,
        }
        if line.loss is not None:
            values["turn/loss"] = line.loss
        for tag, value in values.items():
            writer.add_scalar(tag, value, line.turn, walltime=now)


def _started(record: RunRecord) -> float:
    """When the run began, in seconds since 1970; 0 if the record does not say."""
    try:
        return datetime.datetime.fromisoformat(str(record.about.get("started"))).timestamp()
    except ValueError:
        return 0.0


def _folder_name(phase: str) -> str:
    """A phase as the name of a folder, whatever a record calls it."""
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in phase) or "_"
