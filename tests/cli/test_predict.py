"""``tithe predict``: what it asks for, prints and writes."""

from __future__ import annotations

import csv

import pytest

from tithe.checks import BadInput
from tithe.cli.predict import source_of
from tithe.joint_model import Predictions


@pytest.fixture
def asked(monkeypatch):
    """What the model was asked; it says cat, dog, cat."""
    calls = []

    def predict(model, source, *, options):
        calls.append((model, source, options))
        return Predictions([0, 1, 0], [[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]], ("cat", "dog"), 2 / 3)

    monkeypatch.setattr("tithe.experiment.predict", predict)
    return calls


def test_classes_are_counted_and_accuracy_told(tithe, asked):
    result = tithe("predict", "runs/x", "digits")
    assert result.exit_code == 0, result.output
    lines = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    assert ["cat", "2"] in lines
    assert ["dog", "1"] in lines
    assert "66.67 %" in result.stdout
    assert "Everything stayed on this machine." in result.stdout


def test_predictions_are_written_as_csv(tithe, asked, tmp_path):
    tithe("predict", "runs/x", "digits", "--out", "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["row", "class", "probability of cat", "probability of dog"]
    assert rows[1] == ["0", "cat", "0.750000", "0.250000"]
    assert len(rows) == 4


def test_options_are_passed_as_toml_values(tithe, asked):
    tithe("predict", "runs/x", "a.csv", "--option", "label=species", "--option", "skip=2")
    [(_, source, options)] = asked
    assert source == "csv:a.csv"
    assert options == {"label": "species", "skip": 2}
    assert tithe("predict", "runs/x", "a.csv", "--option", "label").exit_code == 2


def test_bare_paths_become_sources(tmp_path):
    assert source_of("a/b.npz") == "npz:a/b.npz"
    assert source_of("B.CSV") == "csv:B.CSV"
    assert source_of(str(tmp_path)) == f"images:{tmp_path}"
    assert source_of("npz:a.npz") == "npz:a.npz"
    assert source_of("digits") == "digits"


def test_a_folder_cannot_take_the_csv(tithe, asked, tmp_path):
    assert tithe("predict", "runs/x", "digits", "--out", tmp_path).exit_code == 2
    result = tithe("predict", "runs/x", "digits", "--out", "nowhere/p.csv")
    assert result.exit_code == 2
    assert "nowhere/p.csv cannot be written" in result.stderr


def test_a_wrong_model_is_exit_code_2(tithe, monkeypatch):
    def predict(*args, **options):
        raise BadInput("there is no model")

    monkeypatch.setattr("tithe.experiment.predict", predict)
    result = tithe("predict", "nowhere", "digits")
    assert (result.exit_code, result.stderr) == (2, "tithe: there is no model\n")


def test_an_interrupt_is_exit_code_130(tithe, monkeypatch):
    def predict(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tithe.experiment.predict", predict)
    assert tithe("predict", "runs/x", "digits").exit_code == 130
