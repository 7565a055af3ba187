"""``tithe audit scores``, ``model`` and ``uploads``: a summary, files, sentences for mistakes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tithe.experiment import run_experiment
from tithe.plan import load_plan

SMALL = {
    "name": "small",
    "data": {"train_rows": 100, "test_rows": 120},
    "partition": {"participants": 2},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.02},
    "exchange": {"rounds": 1},
    "baselines": {"centralised": False, "standalone": 0},
    "run": {"keep_uploads": True},
}


@pytest.fixture
def scores(tmp_path):
    """A file of scores that tell much."""
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "s.npz", members=rng.normal(3, 1, 200), non_members=rng.normal(0, 1, 200))
    return tmp_path / "s.npz"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("audited") / "run"
    run_experiment(load_plan(SMALL), directory)
    return directory


def test_scores_are_measured_and_leave_two_files(tithe, tmp_path, scores):
    done = tithe("audit", "scores", scores)
    assert done.exit_code == 0, done.stderr
    assert "can be named" in done.stdout and len(done.stdout.splitlines()) <= 27
    folder = tmp_path / "s-audit"
    assert json.loads((folder / "audit.json").read_text())["kind"] == "scores"
    assert (folder / "audit.html").is_file()


def test_more_shown_than_claimed_exits_with_1(tithe, scores):
    done = tithe("audit", "scores", scores, "--claimed", "0.5", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["epsilon"]["claimed"] == 0.5
    assert "is shown and 0.50 was claimed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scores", "{file}", "--fpr", "0.001"), "needs at least 1000 non-members, got 200"),
        (("scores", "none.npz"), "does not exist"),
        (("model", "nowhere"), "holds no run"),
        (("model", "nowhere", "--claimed", "8"), "--claimed speaks of a model in a file"),
        (("model", "none.toml", "--weights", "none.safetensors"), "there is no plan none.toml"),
        (("uploads", "nowhere"), "is no run of this machine"),
    ],
)
def test_mistakes_are_one_sentence(tithe, scores, arguments, sentence):
    done = tithe("audit", *[each.format(file=scores) for each in arguments])
    assert done.exit_code == 2
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_runs_model_and_its_uploads_are_audited(tithe, run, tmp_path):
    done = tithe("audit", "model", run, "--shadows", "0", "--out", tmp_path / "model")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "model" / "audit.html").is_file()
    done = tithe(
        "audit", "uploads", run, "--participant", "1", "--rehearsals", "4", "--json", "--public"
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["name"] == "small, participant 1" and told["exposed"] == []
    assert (run / "audit" / "uploads-1" / "audit.json").is_file()


def test_weights_in_a_file_are_audited_by_a_plan_and_a_list_of_members(tithe, run, tmp_path):
    weights = tmp_path / "mine.safetensors"
    shutil.copy(run / "model.safetensors", weights)
    plan = ("audit", "model", run / "plan.toml", "--weights", weights)
    done = tithe(*plan, "--shadows", "0", "--claimed", "8", "--delta", "1e-5", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["name"] == "mine.safetensors" and told["epsilon"]["claimed"] == 8
    assert (tmp_path / "mine-audit" / "audit.html").is_file()
    np.savez(tmp_path / "who.npz", members=np.arange(40))
    listed = (*plan, "--members", tmp_path / "who.npz", "--set", "data.train_rows=0")
    done = tithe(*listed, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["made"]["Rows looked for"].startswith("40 of who.npz")
    done = tithe(*listed, "--shadows", "2")
    assert done.exit_code == 2 and "take --shadows 0" in done.stderr


def test_a_site_names_its_own_data_and_is_told_to_if_it_does_not(tithe, run, tmp_path):
    journal = run / "sent" / "participant-0000"
    site = tmp_path / json.loads((run / "about.json").read_text())["run"]
    shutil.copytree(journal, site / "sent")
    shutil.copy(run / "plan.toml", site / "plan.toml")
    done = tithe("audit", "uploads", site)
    assert done.exit_code == 2 and "name its data with --data" in done.stderr
    done = tithe("audit", "invert", site, "--data", "digits")
    assert done.exit_code == 0, done.stderr
    assert "Not feasible here" in done.stdout
