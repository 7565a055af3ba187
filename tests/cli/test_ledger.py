"""``tithe ledger``: what was charged, what is left, and what was tampered with."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from tests.storage.sample_journals import changed
from tithe.privacy.budget import Budget
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainValues
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import BudgetLedger
from tithe.storage.journal import Journal

STEP = GaussianSteps(1.0, 0.1, 10, unit="record", relation="add_or_remove")
VALUES = LaplaceRelease(20.0, 5, unit="participant", relation="zero_out")
BY_RECORD = Budget(50.0, 1e-5, "record", "add_or_remove", 4.0)
FINGERPRINT = "0123456789abcdef" * 4


def charged(path, *turns, budget=BY_RECORD, run="one", is_simulated=True):
    """A ledger with these turns of participant 3."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal.open(path, kind="ledger", fingerprint=FINGERPRINT) as journal:
        ledger = BudgetLedger(
            journal, budget=budget, gate=gate_of(budget), run=run, is_simulated=is_simulated
        )
        for number, events in enumerate(turns):
            ledger.charge(participant=3, turn=number, events=events)
        return journal.last


@pytest.fixture
def ledger(tithe, tmp_path, monkeypatch):
    """Calls the command; everything stays on one line."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: tithe("ledger", *arguments)


def cells(stdout):
    """The rows of the table as lists of cells."""
    lines = [line for line in stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_terms_total_and_where_it_ends_are_shown(ledger, tmp_path):
    sequence, hash_ = charged(tmp_path / "a.sqlite", [STEP], [STEP])
    result = ledger("a.sqlite")
    assert result.exit_code == 0, result.output
    assert 'one record of a participant, neighbours by "add_or_remove", at delta 1e-05' in (
        result.stdout
    )
    assert "the gate is a Renyi filter of order 4" in result.stdout
    assert "10 noisy steps on Poisson samples of rate 0.1, noise multiplier 1" in result.stdout
    assert f"{sequence}:{hash_}  " in result.stdout
    assert "was simulated, from a seed: they protected nobody" in result.stdout
    [row] = cells(result.stdout)
    assert row[:3] == ["3", "2", "1"]


def test_json_has_all_of_it(ledger, tmp_path):
    sequence, hash_ = charged(tmp_path / "a.sqlite", [STEP], [STEP])
    plain = json.loads(ledger("a.sqlite", "--json", "--epsilon", 50, "--turn", 1).stdout)
    [[one], problems] = plain["ledgers"], plain["problems"]
    assert (one["last"], problems) == ({"sequence": sequence, "hash": hash_}, [])
    [account] = one["accounts"]
    assert (account["participant"], account["turns"], account["runs"]) == (3, 2, ["one"])
    assert account["epsilon"]["pld"] < account["epsilon"]["gate"]
    assert account["epsilon"]["pure"] == "inf"
    assert account["turns_left"] > 0
    assert account["asked_turns"] == [account["last_turn"]]


def test_turns_left_are_shown_for_a_budget(ledger, tmp_path):
    pure = Budget(100.0, 0.0, "participant", "zero_out", math.inf)
    charged(tmp_path / "a.sqlite", [VALUES], budget=pure, is_simulated=False)
    result = ledger("a.sqlite", "--epsilon", 1)
    assert cells(result.stdout)[0][-1] == "3"
    assert "the gate is the plain sum" in result.stdout
    assert "Not a cost: the naive figure" in result.stdout
    assert "simulated" not in result.stdout
    assert cells(ledger("a.sqlite", "--epsilon", 1e9).stdout)[0][-1] == "10,000 or more"


def test_a_turn_is_shown_by_its_number(ledger, tmp_path):
    charged(tmp_path / "a.sqlite", [STEP], [STEP, STEP])
    charged(tmp_path / "a.sqlite", [STEP], run="two")
    shown = ledger("a.sqlite", "--turn", 0).stdout
    assert shown.count("Turn 0: 10 noisy steps") == 2
    assert "in run one (simulated noise)" in shown
    assert "in run two" in shown


def test_a_plain_release_is_infinite(ledger, tmp_path):
    endless = Budget(math.inf, 0.0, "participant", "zero_out", math.inf)
    charged(tmp_path / "a.sqlite", [PlainValues(3)], budget=endless)
    row = cells(ledger("a.sqlite", "--epsilon", 5).stdout)[0]
    assert row[3:7] == ["infinite"] * 4
    assert row[-1] == "0"


def test_a_folder_of_ledgers_is_one_table(ledger, tmp_path):
    for number in range(3):
        charged(tmp_path / "run" / "ledgers" / f"participant-{number}.sqlite", [STEP])
    result = ledger("run")
    assert len(cells(result.stdout)) == 3
    assert result.stdout.count("  run/ledgers/participant-") == 3


def test_a_ledger_without_turns_is_shown_too(ledger, tmp_path):
    charged(tmp_path / "a.sqlite")
    result = ledger("a.sqlite", "--epsilon", 3)
    assert result.exit_code == 0, result.output
    assert "(nothing was charged yet)" in result.stdout


def test_a_place_seen_elsewhere_is_checked(ledger, tmp_path):
    sequence, hash_ = charged(tmp_path / "a.sqlite", [STEP])
    charged(tmp_path / "a.sqlite", [STEP], run="two")
    result = ledger("a.sqlite", "--reached", f"{sequence}:{hash_}")
    assert result.exit_code == 0
    assert "still in its place" in result.stdout
    wrong = ledger("a.sqlite", "--reached", f"9:{hash_}")
    assert wrong.exit_code == 2
    assert "ends at row 2, but row 9 was written once" in wrong.stderr
    assert wrong.stdout == ""
    assert ledger("a.sqlite", "--reached", "9").exit_code == 2
    charged(tmp_path / "b.sqlite")
    assert "name its file" in ledger(".", "--reached", f"{sequence}:{hash_}").stderr


def test_a_damaged_ledger_is_one_sentence_and_the_others_are_still_shown(ledger, tmp_path):
    for name in ("a", "b"):
        charged(tmp_path / f"{name}.sqlite", [STEP], [STEP])
    changed(tmp_path / "a.sqlite", "DELETE FROM entry WHERE sequence = 1")
    result = ledger(".")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "a.sqlite is damaged at row 1" in result.stderr
    assert len(cells(result.stdout)) == 1
    plain = json.loads(ledger(".", "--json").stdout)
    assert len(plain["ledgers"]) == len(plain["problems"]) == 1


def test_a_ledger_that_a_process_holds_is_refused(ledger, tmp_path):
    charged(tmp_path / "a.sqlite", [STEP])
    with Journal.open(tmp_path / "a.sqlite", kind="ledger", fingerprint=FINGERPRINT):
        result = ledger("a.sqlite")
    assert result.exit_code == 2
    assert "is held by process" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere.sqlite",), "there is no ledger at"),
        (("empty",), "empty holds no ledger; only private runs have them"),
        (("a.sqlite", "--epsilon", "nan"), "--epsilon must be finite and > 0, got nan"),
        (("a.sqlite", "--epsilon", -3), "--epsilon must be finite and > 0, got -3"),
        (("text.sqlite",), "is damaged or no journal"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(ledger, tmp_path, arguments, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.sqlite").write_text("dear diary")
    result = ledger(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_private_is_printed_and_nothing_is_changed(ledger, tmp_path):
    charged(tmp_path / "a.sqlite", [STEP])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for arguments in ([], ["--json"], ["--turn", 0, "--epsilon", 9]):
        # It tells whoever knows the rows already whose they are, so it stays in the file.
        assert FINGERPRINT not in ledger("a.sqlite", *arguments).output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_it_needs_no_pytorch(tmp_path):
    charged(tmp_path / "a.sqlite", [STEP])
    code = (
        f"import sys; sys.argv = ['tithe', 'ledger', {str(tmp_path)!r}, '--epsilon', '9']\n"
        "import tithe.cli.app\n"
        "try: tithe.cli.app.main()\n"
        "except SystemExit as end: sys.exit(end.code or (99 if 'torch' in sys.modules else 0))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
