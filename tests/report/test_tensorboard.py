"""The report's tensorboard: what it draws and what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.report.conftest import MakeRun
from tithe.checks import BadInput
from tithe.record import read_run
from tithe.report.tensorboard import write_tensorboard

pytest.importorskip("tensorboard")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads: tag -> (step, value)."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_reads_what_the_record_says(make_run: MakeRun) -> None:
    run = make_run(participants=3, rounds=4, order="asynchronous", stops=((1, 3),))
    folder = write_tensorboard(run)
    record = read_run(run)
    assert sorted(path.name for path in folder.iterdir()) == [
        "centralised",
        "joint",
        "standalone-0",
        "standalone-1",
        "standalone-2",
    ]
    joint = scalars(folder / "joint")
    lines = [line for line in record.evaluations if line.phase == "joint"]
    assert joint["accuracy"] == [(line.round, pytest.approx(line.accuracy)) for line in lines]
    assert joint["bytes/up"][-1] == (4, pytest.approx(lines[-1].bytes_up))
    assert joint["turn/staleness"] == [(line.turn, line.staleness) for line in record.turns]
    assert set(scalars(folder / "centralised")) == {"accuracy", "loss"}


def test_writing_again_replaces_the_old(make_run: MakeRun) -> None:
    run = make_run(participants=2, rounds=2)
    write_tensorboard(run)
    folder = write_tensorboard(run)
    assert all(len(list(phase.iterdir())) == 1 for phase in folder.iterdir())


def test_a_missing_tensorboard_is_one_sentence(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(rounds=1)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match=r"TensorBoard .*pip install 'tithe\[tensorboard\]'"):
        write_tensorboard(run)
    assert not (run / "tensorboard").exists()
