"""``tithe data``: lists, fetches, checks."""

from __future__ import annotations

import pytest

from tithe.data.inventory import FileCheck


def test_every_named_set_is_listed_with_or_without_a_command(tithe, tmp_path):
    for arguments in (["data"], ["data", "list", "--root", tmp_path]):
        result = tithe(*arguments)
        assert result.exit_code == 0, result.output
        for name in ("digits", "mnist", "fashion-mnist", "svhn", "cifar10"):
            assert name in result.stdout
    assert str(tmp_path) in result.stdout.replace("\n", "")
    assert "missing" in result.stdout


def test_an_unknown_set_names_the_nearest(tithe, tmp_path):
    result = tithe("data", "check", "mnits", "--root", tmp_path)
    assert result.exit_code == 2
    assert "did you mean 'mnist'?" in result.stderr


def test_missing_files_are_told_by_exit_code_2(tithe, tmp_path):
    result = tithe("data", "check", "mnist", "--root", tmp_path)
    assert result.exit_code == 2
    assert "missing  train-images-idx3-ubyte.gz" in result.stdout


def test_digits_need_no_fetching(tithe):
    for command in ("fetch", "check"):
        result = tithe("data", command, "digits")
        assert result.exit_code == 0
        assert "nothing to fetch or check" in result.stdout


@pytest.mark.parametrize(("verdict", "code"), [("right", 0), ("unknown", 0), ("wrong", 2)])
def test_verdicts_decide_the_exit_code(tithe, monkeypatch, tmp_path, verdict, code):
    checks = [FileCheck("a.gz", verdict, tmp_path / "a.gz", "12", "34")]
    monkeypatch.setattr("tithe.data.inventory.fetch", lambda *args, **options: checks)
    result = tithe("data", "fetch", "mnist")
    assert result.exit_code == code
    assert f"{verdict:<8} a.gz" in result.stdout
    assert ("must have SHA-256 12, got 34" in result.stderr) == (verdict == "wrong")


def test_downloads_are_announced(tithe, monkeypatch):
    class File:
        name = "a.gz"
        num_bytes = 1000

    def fetch(name, root, *, announce):
        announce(File())
        return []

    monkeypatch.setattr("tithe.data.inventory.fetch", fetch)
    assert "downloading a.gz, 1 kB" in tithe("data", "fetch", "mnist").stdout
