"""The report's picture: what it draws and what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.report.conftest import MakeRun
from tests.test_record import ABOUT
from tithe.checks import BadInput
from tithe.record import RunWriter
from tithe.report.picture import write_comparison_picture, write_picture

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "different",
    [
        {},
        {"rounds": 0, "standalone": 0, "centralised": False},
        {"joint_end": 0.0, "standalone_end": 0.0, "centralised_end": 0.0},
        {"participants": 2, "rounds": 2000},
    ],
)
def test_every_run_has_a_picture(make_run: MakeRun, different: dict[str, object]) -> None:
    run = make_run(name="$_^{ & 5$", **different)
    path = write_picture(run)
    assert path == run / "accuracy.png"
    once = path.read_bytes()
    assert once.startswith(PNG)
    assert write_picture(run, run / "other.png").read_bytes() == once


def test_runs_are_compared_in_a_picture(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(seed=seed, rounds=2) for seed in (1, 2, 3)]
    path = write_comparison_picture(runs, tmp_path / "new" / "a.png", ["_a", "_a", "$b"])
    assert path.read_bytes().startswith(PNG)


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "run", plan_toml="", about=ABOUT).close()
    with pytest.raises(BadInput, match="nothing was measured yet"):
        write_picture(tmp_path / "run")


def test_a_missing_matplotlib_is_one_sentence(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(rounds=1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BadInput, match=r"PNG pictures need .*pip install 'tithe\[pictures\]'"):
        write_picture(run)
    assert not (run / "accuracy.png").exists()
