"""A run without its mathematics: what the command line calls, played by a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tithe.cli.app import app
from tithe.experiment import Progress, Summary


def progress(**changes):
    """An event in the middle of a joint training."""
    fields = {
        "phase": "joint",
        "phases_done": 0,
        "num_phases": 2,
        "turn": 5,
        "num_turns": 10,
        "round": 1,
        "rounds": 2,
        "accuracy": 0.5,
        "loss": 1.25,
        "bytes_up": 1000,
        "bytes_down": 2_000_000,
        "seconds_left": 83.0,
    }
    return Progress(**(fields | changes))


def summary(directory=Path("runs/x"), **changes):
    """What a good run comes to."""
    fields = {
        "accuracies": {"joint": 0.97, "centralised": 0.98, "standalone-0": 0.6, "standalone": 0.6},
        "bytes_up": 1000,
        "bytes_down": 2_000_000,
        "num_shared": 10,
        "verdict": "Together they reached 97 %.",
        "seconds": 61.0,
        "directory": directory,
        "page": directory / "page.html",
    }
    return Summary(**(fields | changes))


class Play:
    """Stands in for ``run_experiment`` and keeps what it was called with."""

    def __init__(self):
        self.calls = []
        self.events = [progress(turn=3, round=0), progress(), progress(turn=10, round=2)]
        self.raises = None
        self.changes = {}

    def __call__(self, plan, directory, **options):
        self.calls.append((plan, directory, options))
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "about.json").write_text("{}")
        (directory / "plan.toml").write_text(plan.to_toml())
        for event in self.events:
            options["watch"](event)
        if self.raises is not None:
            raise self.raises
        (directory / "summary.json").write_text(json.dumps({"complete": True}))
        return summary(directory, **self.changes)


@pytest.fixture
def play(monkeypatch, tmp_path):
    """A stand-in for the run, and a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    stand_in = Play()
    monkeypatch.setattr("tithe.experiment.run_experiment", stand_in)
    return stand_in


@pytest.fixture
def tithe(monkeypatch, tmp_path):
    """Calls the command in a working folder of its own: ``tithe("run", "plan.toml")``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TITHE_DEBUG", "")  # so that what --debug sets is taken back
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call
