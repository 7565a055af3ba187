"""Reading a ledger: the same figures as its writer's, and nothing in it changes."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from tithe.checks import BadInput
from tithe.ledger_folder import path_of
from tithe.ledger_reading import ledgers_in, read_ledger
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.budget import Budget
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainValues
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import BudgetLedger
from tithe.storage.journal import DamagedJournal, Journal

STEP = GaussianSteps(1.0, 0.1, 10, unit="record", relation="add_or_remove")
VALUES = LaplaceRelease(20.0, 5, unit="participant", relation="zero_out")


def charged(path, turns, *, budget, run="one", is_simulated=True, participant=3):
    """A ledger with these turns; returns what the writer told after each and where it ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal.open(path, kind="ledger", fingerprint="these data") as journal:
        ledger = BudgetLedger(
            journal, budget=budget, gate=gate_of(budget), run=run, is_simulated=is_simulated
        )
        told = [
            ledger.charge(participant=participant, turn=number, events=events)
            for number, events in enumerate(turns)
        ]
        return told, journal.last


def by_record(epsilon=20.0):
    return Budget(epsilon, 1e-5, "record", "add_or_remove", 4.0)


def test_the_reader_s_figures_are_the_writer_s(tmp_path):
    told, last = charged(tmp_path / "a.sqlite", [[STEP]] * 3, budget=by_record())
    reading = read_ledger(tmp_path / "a.sqlite")
    [account] = reading.accounts
    assert (reading.sequence, reading.hash) == last
    assert (account.participant, account.num_turns, account.runs) == (3, 3, ("one",))
    assert account.by_gate == pytest.approx(told[-1])
    assert account.total.pld.epsilon == epsilon_of([STEP] * 3, delta=1e-5)
    assert account.total.pld.epsilon < account.by_gate
    assert account.terms == Budget(math.inf, 1e-5, "record", "add_or_remove", 4.0)
    assert account.num_left is None


def test_turns_left_are_those_that_the_writer_would_let_pass(tmp_path):
    path = tmp_path / "a.sqlite"
    charged(path, [[STEP]] * 2, budget=by_record())
    [account] = read_ledger(path, epsilon=9.0).accounts
    assert account.num_left > 0
    told, _ = charged(path, [[STEP]] * account.num_left, budget=by_record(9.0), run="two")
    assert told[-1] <= 9.0
    assert read_ledger(path, epsilon=9.0).accounts[0].num_left == 0


def test_a_turn_that_is_asked_about_is_told_for_every_run(tmp_path):
    path = tmp_path / "a.sqlite"
    charged(path, [[STEP], [STEP]], budget=by_record())
    charged(path, [[STEP], [STEP]], budget=by_record(), run="two", is_simulated=False)
    [account] = read_ledger(path, turn=1).accounts
    assert [(each.run, each.noise) for each in account.turns] == [
        ("one", "simulated"),
        ("two", "deployed"),
    ]
    assert account.turns[0].so_far < account.turns[1].so_far == account.by_gate
    assert account.num_simulated == 2
    assert read_ledger(path, turn=7).accounts[0].turns == ()


def test_a_plain_sum_and_a_plain_release_are_read_too(tmp_path):
    pure = Budget(100.0, 0.0, "participant", "zero_out", math.inf)
    charged(tmp_path / "a.sqlite", [[VALUES]], budget=pure)
    [account] = read_ledger(tmp_path / "a.sqlite", epsilon=1.0).accounts
    assert account.by_gate == account.total.pure.epsilon == pytest.approx(0.25)
    assert account.num_left == 3
    assert account.total.naive_epsilon_per_value == pytest.approx(0.05)
    endless = Budget(math.inf, 0.0, "participant", "zero_out", math.inf)
    charged(tmp_path / "b.sqlite", [[PlainValues(3)]], budget=endless)
    [account] = read_ledger(tmp_path / "b.sqlite", epsilon=1.0).accounts
    assert (account.by_gate, account.num_left) == (math.inf, 0)


def test_a_ledger_of_nobody_yet_has_no_account(tmp_path):
    _, last = charged(tmp_path / "a.sqlite", [], budget=by_record())
    reading = read_ledger(tmp_path / "a.sqlite")
    assert (reading.sequence, reading.hash) == last == (0, reading.hash)
    assert reading.accounts == ()


def test_a_place_seen_elsewhere_is_checked(tmp_path):
    path = tmp_path / "a.sqlite"
    _, early = charged(path, [[STEP]], budget=by_record())
    charged(path, [[STEP]], budget=by_record(), run="two")
    read_ledger(path, reached=early)
    with pytest.raises(DamagedJournal, match="was written once"):
        read_ledger(path, reached=(7, early[1]))
    with pytest.raises(DamagedJournal, match="another journal"):
        read_ledger(path, reached=(2, early[1]))


@pytest.mark.parametrize(
    "row", [{}, {"participant": "x"}, {"participant": 1, "events": [{"kind": "new"}]}]
)
def test_rows_that_nobody_can_count_are_one_sentence(tmp_path, row):
    with Journal.open(tmp_path / "a.sqlite", kind="ledger", fingerprint="these data") as journal:
        journal.append(row)
    with pytest.raises(BadInput, match="this version can"):
        read_ledger(tmp_path / "a.sqlite")


def test_rows_on_other_terms_are_refused(tmp_path):
    path = tmp_path / "a.sqlite"
    charged(path, [[STEP]], budget=by_record())
    with Journal.open(path, kind="ledger", fingerprint="these data") as journal:
        journal.append(journal.rows()[0] | {"delta": 0.5, "turn": 9})
    with pytest.raises(BadInput, match=r"row 2 of the ledger was counted with delta 0\.5"):
        read_ledger(path)


def test_ledgers_are_found_by_file_folder_and_run(tmp_path):
    file = tmp_path / "run" / "ledgers" / "participant-0000.sqlite"
    charged(file, [], budget=by_record())
    assert ledgers_in(file) == ledgers_in(file.parent) == ledgers_in(tmp_path / "run") == [file]
    (tmp_path / "other").mkdir()
    named = f'[run]\nledgers = "{file.parent}"\n[privacy]\nunit = "record"\n'
    (tmp_path / "other" / "plan.toml").write_text(named)
    assert ledgers_in(tmp_path / "other") == [file]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="empty holds no ledger; only private runs have them"):
        ledgers_in(tmp_path / "empty")


def test_what_runs_write_is_what_is_found(tmp_path):
    file = path_of(tmp_path, 7)
    charged(file, [[STEP]], budget=by_record())
    assert ledgers_in(tmp_path) == [file]


def test_a_ledger_is_read_without_waiting_for_pytorch():
    code = "import sys, tithe.ledger_reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
