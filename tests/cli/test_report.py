"""``tithe report``: pages, comparisons and pictures of runs."""

from __future__ import annotations

import pytest


@pytest.fixture
def written(monkeypatch):
    """What was written instead of pages: the calls, in their order."""
    calls = []

    def stand_in(name, result):
        def write(*arguments):
            calls.append((name, *arguments))
            return result(*arguments)

        return write

    for module, name, result in [
        ("page", "write_page", lambda run: run / "page.html"),
        ("comparison", "write_comparison", lambda runs, path, labels: path),
        ("picture", "write_picture", lambda run: run / "accuracy.png"),
        ("picture", "write_comparison_picture", lambda runs, path, labels: path),
        ("tensorboard", "write_tensorboard", lambda run: run / "tensorboard"),
    ]:
        monkeypatch.setattr(f"tithe.report.{module}.{name}", stand_in(name, result))
    return calls


def test_one_run_gets_its_page_again(tithe, written):
    result = tithe("report", "a", "--png", "--tensorboard")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "page: a/page.html",
        "picture: a/accuracy.png",
        "event files: a/tensorboard",
    ]
    assert [name for name, *_ in written] == ["write_page", "write_picture", "write_tensorboard"]


def test_several_runs_are_compared_on_one_page(tithe, written):
    result = tithe("report", "a", "b", "--png", "--out", "ab.html", "--label", "x", "--label", "y")
    assert result.stdout.splitlines() == ["page: ab.html", "picture: ab.png"]
    [(_, runs, _, labels), (_, again, _, _)] = written
    assert [str(run) for run in runs] == [str(run) for run in again] == ["a", "b"]
    assert labels == ["x", "y"]


def test_labels_are_one_a_run_or_none(tithe, written):
    assert tithe("report", "a", "b", "--label", "x").exit_code == 2
    assert written == []
    assert tithe("report", "a", "b").stdout == "page: comparison.html\n"
    assert written[0][-1] is None


def test_a_folder_without_a_run_is_exit_code_2(tithe, tmp_path):
    result = tithe("report", tmp_path)
    assert result.exit_code == 2
    assert "holds no run" in result.stderr
    assert tithe("report", tmp_path, tmp_path / "x").exit_code == 2
    assert list(tmp_path.iterdir()) == []
