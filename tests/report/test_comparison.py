"""Several runs on one page: side by side, repeats as a band."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.conftest import MakeRun
from tests.report.html_checks import Page, check
from tests.test_record import ABOUT
from tithe.checks import BadInput
from tithe.record import RunWriter
from tithe.report.comparison import write_comparison


def compared(runs: list[Path], path: Path, labels: list[str] | None = None) -> Page:
    assert write_comparison(runs, path, labels, title="All <b>of</b> them") == path
    return check(path.read_text(encoding="utf-8"))


def test_each_run_is_a_curve_by_rounds_and_by_bytes(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(theta_u=theta_u, rounds=3, seed=i) for i, theta_u in enumerate((1, 0.1, 0.01))]
    page = compared(runs, tmp_path / "new" / "comparison.html", ["all", "a tenth", "1 <b>%</b>"])
    figures = page.figures()
    assert [trace["name"] for trace in figures["rounds"]["data"]] == [
        "all",
        "a tenth",
        "1 &lt;b&gt;%&lt;/b&gt;",
    ]
    assert len(figures["bytes"]["data"]) == 9
    assert [sum(view["traces"]["visible"]) for view in figures["bytes"]["views"]] == [3, 3, 3]
    assert "All <b>of</b> them" in page.said
    assert "Of 3 settings, " in page.said


def test_runs_of_one_label_are_repeats(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(seed=seed, rounds=3) for seed in (1, 2, 3)] + [make_run(rounds=3)]
    page = compared(runs, tmp_path / "page.html", ["one", "one", "one", "other"])
    names = [trace.get("name") for trace in page.figures()["rounds"]["data"]]
    assert names == [None, "one (mean of 3)", "other"]
    assert "A band spans the repeats" in page.said
    assert "Lowest to highest" in page.said
    assert "Lowest to highest" not in compared(runs[:1], tmp_path / "single.html").said


def test_without_labels_no_run_is_a_repeat(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(rounds=2), make_run(rounds=2)]
    names = [t["name"] for t in compared(runs, tmp_path / "a.html").figures()["rounds"]["data"]]
    assert names == ["run-0", "run-1"]
    (tmp_path / "else").mkdir()
    namesake = runs[0].rename(tmp_path / "else" / runs[1].name)
    page = compared([runs[1], namesake], tmp_path / "b.html")
    names = [t["name"] for t in page.figures()["rounds"]["data"]]
    assert names == [str(runs[1]), str(namesake)]


def test_many_settings_are_still_told_apart(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(rounds=2, participants=2)
    page = compared([run] * 20, tmp_path / "page.html", [f"setting {i}" for i in range(20)])
    looks = [
        (t["line"]["color"], t["line"]["dash"], t["marker"]["symbol"])
        for t in page.figures()["rounds"]["data"]
    ]
    assert len(set(looks)) == 20
    assert "setting 0 ends at" in page.said


def test_wrong_comparisons_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match="at least one run"):
        write_comparison([], path)
    with pytest.raises(ValueError, match="1 labels for 2 runs"):
        write_comparison([tmp_path, tmp_path], path, ["one"])
    with pytest.raises(BadInput, match="holds no run"):
        write_comparison([tmp_path], path)
    RunWriter.create(tmp_path / "begun", plan_toml="", about=ABOUT).close()
    with pytest.raises(BadInput, match="was not measured"):
        write_comparison([tmp_path / "begun"], path)
    assert not path.exists()
