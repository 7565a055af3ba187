"""``tithe audit property`` on the command line."""

from __future__ import annotations

import json

import pytest

from tests.report.html_checks import check
from tithe.experiment import run_experiment
from tithe.plan import load_plan

PLAN = {
    "name": "ward",
    "data": {"train_rows": 120},
    "partition": {"participants": 2},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 20, "learning_rate": 0.02},
    "exchange": {"rounds": 2},
    "baselines": {"centralised": False, "standalone": 0},
    "run": {"keep_uploads": True},
}
BRIEF = ("--class", "4", "--rehearsals", "10", "--tests", "10", "--turns", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("property") / "run"
    run_experiment(load_plan(PLAN), directory)
    return directory


def test_a_journal_is_asked_and_leaves_a_report_beside_it(tithe, run):
    done = tithe("audit", "property", run, "--participant", "1", *BRIEF)
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "of a participant's rows are of class 4" in said
    assert "The control: participants without it from others without it: AUC" in said
    assert "Of this participant the observer thinks" in said
    assert len(done.stdout.splitlines()) <= 27
    folder = run / "audit" / "property-1"
    page = check((folder / "audit.html").read_text())
    assert "beliefs" in page.figures()
    names = [trace["name"] for trace in page.figures()["beliefs"]["data"]]
    assert names == ["without the property", "with the property", "this participant"]
    told = json.loads((folder / "audit.json").read_text())
    assert told["kind"] == "property"
    assert told["inferred"]["num_each"] == len(told["inferred"]["present"]) == 10


def test_the_form_for_others_leaves_the_participant_out(tithe, run, tmp_path):
    out = tmp_path / "public"
    done = tithe("audit", "property", run, *BRIEF, "--public", "--json", "--out", out)
    told = json.loads(done.stdout)
    assert told["inferred"]["own"] is None
    text = (out / "audit.html").read_text()
    assert "this participant" not in text and "Of this participant" not in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--class", "44"), "--class must be one of"),
        (("--share", "1.5"), "--share must be in (0, 1)"),
        (("--participant", "7"), "participant must be one of 0, 1"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(tithe, run, options, sentence):
    done = tithe("audit", "property", run, *options)
    assert done.exit_code == 2
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_run_that_kept_no_uploads_is_one_sentence(tithe, tmp_path):
    run_experiment(load_plan(PLAN, ["run.keep_uploads=false"]), tmp_path / "run")
    done = tithe("audit", "property", tmp_path / "run")
    assert done.exit_code == 2
    assert "run.keep_uploads=true" in done.stderr and len(done.stderr.splitlines()) == 1
