"""The commands of a federation: keys, roster, consent, status, and the whole on one machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.report.html_checks import check
from tithe.cli.app import app

PLAN = """
name = "small"
[data]
set = "digits"
train_rows = 90
test_rows = 30
[partition]
participants = 3
[exchange]
rounds = 2
[baselines]
centralised = false
standalone = 0
"""
POLICY = 'unit = "none"\nsecure_noise = false\nepsilon = 1000.0\n[audit]\nfew_records = "allow"\n'


def tithe(*arguments, answer=None):
    return CliRunner().invoke(app, [str(each) for each in arguments], input=answer)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "policy.toml").write_text(POLICY)
    assert tithe("keys", tmp_path / "clinic", "--name", "clinic").exit_code == 0
    return tmp_path


def own(home):
    return ("--dir", home / "clinic", "--policy", home / "policy.toml", "--number", 1)


def test_a_server_gets_certificates_and_a_participant_keys(home):
    found = tithe("keys", home / "server", "--host", "server.example")
    assert "holds for 36" in found.stdout
    assert (home / "server" / "certificates" / "ca.crt").exists()
    assert (home / "clinic" / "card.toml").exists()
    assert tithe("keys", home / "neither").exit_code == 2


def test_enrolment_pins_a_card_under_the_next_number_and_never_twice(home):
    tithe("keys", home / "other", "--name", "other")
    assert (
        "clinic is participant 0"
        in tithe("enrol", home / "server", home / "clinic" / "card.toml").stdout
    )
    again = tithe("enrol", home / "server", home / "clinic" / "card.toml")
    assert again.exit_code == 2
    assert "two participants with one" in again.stderr
    other = tithe("enrol", home / "server", home / "other" / "card.toml", "--number", 7)
    assert "other is participant 7" in other.stdout


def test_consent_says_what_a_plan_costs_and_notes_a_yes_to_this_plan_alone(home):
    no = tithe("consent", home / "plan.toml", *own(home), answer="n\n")
    assert "epsilon) is infinite" in no.stdout
    assert "No consent was given" in no.stdout
    consents = home / "clinic" / "site" / "consents"
    assert not list(consents.glob("*.consent.json")) if consents.exists() else True
    assert tithe("consent", home / "plan.toml", *own(home), answer="y\n").exit_code == 0
    assert len(list(consents.glob("*.consent.json"))) == 1
    assert "Withdrawn" in tithe("leave", "--dir", home / "clinic").stdout
    assert not list(consents.glob("*.consent.json"))
    assert "no consent to withdraw" in tithe("leave", "--dir", home / "clinic").stdout


def test_a_policy_that_forbids_a_plan_keeps_consent_from_being_given(home):
    (home / "policy.toml").write_text("")
    found = tithe("consent", home / "plan.toml", *own(home), "--yes")
    assert found.exit_code == 2
    assert "your policy forbids it: privacy.unit must protect each record" in found.stderr
    assert not list((home / "clinic").rglob("*.consent.json"))


def test_a_status_that_was_never_written_is_one_sentence(home):
    found = tithe("status", home / "clinic")
    assert found.exit_code == 2
    assert "never ran" in found.stderr or "ever ran" in found.stderr


@pytest.mark.timeout(500)  # under two minutes on two quiet cores
def test_the_demo_trains_across_processes_to_its_accuracy(tmp_path):
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "tithe", "federation", "demo", "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status = json.loads((folder / "server" / "status.json").read_text())
    assert status["is_done"]
    assert status["accuracy"] > 0.9
    assert [each["applied"] for each in status["participants"]] == [10, 10, 10]
    assert (folder / "server" / "model").exists()
    page = check((folder / "page.html").read_text(encoding="utf-8"))
    assert "All 10 rounds are done. The joint model reached 9" in page.said
    for name in ("north", "east", "south"):
        assert f"What {name} saw Its ledger holds 10 charges" in page.said
    assert {"accuracy", "lengths", "pace", "own-accuracy"} == set(page.figures())
    measured = (folder / "server" / "measured.jsonl").read_text().splitlines()
    assert json.loads(measured[-1])["accuracy"] == status["accuracy"]
    assert "$ tithe consent plan.toml --dir east" in done.stdout


def test_code_that_a_plan_names_is_not_run_where_the_policy_forbids_it(home):
    (home / "plan.toml").write_text(PLAN + '[model]\nname = "no_such_module:network"\n')
    done = tithe(
        "consent", home / "plan.toml", "--dir", home / "clinic",
        "--policy", home / "policy.toml", "--number", "0", "--yes",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "your policy forbids it: model.name must be one of Tithe's own" in done.stderr


def test_without_flower_one_sentence_says_how_to_get_it(home):
    """In a process of its own: taking loaded modules away here would follow other tests about."""
    code = "import sys; sys.modules['flwr'] = None\nfrom tithe.cli.app import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "plan.toml", "--dir", "server"],
        cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "pip install tithe[federation]" in done.stderr
