"""The participants' ledgers on disk: each charged by itself, held alone, over all runs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.private_plans import AS_PRINTED, PARTICIPANT, RECORD, SMALL
from tithe import ledger_folder
from tithe.build import build
from tithe.checks import BadInput
from tithe.ledger_folder import KIND, LedgerFolder, gate_of, ledgers_of, path_of
from tithe.plan import load_plan
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.budget import Budget
from tithe.privacy.ledger import BudgetExhausted
from tithe.storage.journal import DamagedJournal, Journal

LAPLACE = [*PARTICIPANT, "privacy.release=laplace"]  # quick to calibrate, and to count


def participants_of(changes=LAPLACE):
    return build(load_plan(SMALL, changes)).phases[0].participants


@pytest.fixture(scope="module")
def participants():
    return participants_of()


@pytest.fixture
def open_folder(tmp_path, participants):
    """Opens the same ledgers again and again; those still open in the end are closed."""
    opened = []

    def begin(who=participants, *, run="run", is_simulated=True, folder=tmp_path):
        ledgers = LedgerFolder(folder, who, run=run, is_simulated=is_simulated, wait_seconds=0.0)
        opened.append(ledgers)
        return ledgers

    yield begin
    for each in opened:
        each.close()


def charge(ledgers, who, turn):
    return ledgers.charge(participant=who.number, turn=turn, events=list(who.cost))


def test_every_participant_has_a_ledger_and_a_budget_of_its_own(open_folder, participants):
    first, second, _ = participants
    ledgers = open_folder()
    once = charge(ledgers, first, 0)
    twice = charge(ledgers, first, 1)
    assert 0 < once < twice <= 8
    assert charge(ledgers, second, 0) == once
    with pytest.raises(BudgetExhausted, match=r"participant 0 has spent epsilon 7\.9.* of 8"):
        charge(ledgers, first, 2)
    assert ledgers.events_of(0) == first.cost * 2
    assert ledgers.events_of(2) == ()


def test_what_was_charged_lasts(open_folder, participants):
    first = participants[0]
    ledgers = open_folder()
    once = charge(ledgers, first, 0)
    ledgers.close()
    again = open_folder(run="another run")
    assert charge(again, first, 0) > once  # another run's turn 0 is another release
    with pytest.raises(BudgetExhausted):
        charge(again, first, 1)


def test_a_simulated_turn_that_is_played_again_is_charged_once_and_a_secure_one_twice(
    open_folder, participants
):
    first, second, _ = participants
    for is_simulated, who in ((True, first), (False, second)):
        ledgers = open_folder(is_simulated=is_simulated)
        once = charge(ledgers, who, 0)
        ledgers.close()
        again = charge(open_folder(is_simulated=is_simulated), who, 0)
        assert (again == once) == is_simulated


def test_more_participants_than_may_be_open_are_all_charged(open_folder, participants, monkeypatch):
    monkeypatch.setattr(ledger_folder, "MOST_OPEN", 3)
    many = [replace(participants[0], number=number) for number in range(5)]
    ledgers = open_folder(many)
    for turn in range(2):
        for who in many:
            charge(ledgers, who, turn)
    for who in (many[0], many[-1]):
        with pytest.raises(BudgetExhausted):
            charge(ledgers, who, 2)
    assert len(ledgers._open) == 3


def test_a_ledger_of_other_data_is_refused(open_folder, participants):
    first, second, _ = participants
    ledgers = open_folder()
    charge(ledgers, first, 0)
    ledgers.close()
    swapped = replace(first, shard=second.shard)
    with pytest.raises(BadInput, match="data"):
        charge(open_folder([swapped]), swapped, 1)
    assert open_folder().events_of(0) == first.cost


def test_a_ledger_counted_on_other_terms_is_refused(open_folder, participants):
    first = participants[0]
    ledgers = open_folder()
    charge(ledgers, first, 0)
    ledgers.close()
    other = replace(first, budget=replace(first.budget, delta=1e-7))
    with pytest.raises(BadInput, match="was counted with delta 1e-05, and the budget says 1e-07"):
        charge(open_folder([other], run="2"), other, 1)


def test_a_ledger_keeps_the_order_it_began_with(open_folder, participants):
    first = participants[0]
    ledgers = open_folder()
    charge(ledgers, first, 0)
    ledgers.close()
    planned_for_more = replace(first, budget=replace(first.budget, order=3.0, epsilon=20.0))
    again = open_folder([planned_for_more], run="2")
    total = charge(again, planned_for_more, 0)
    assert total == gate_of(first.budget)(first.cost * 2)


def test_a_damaged_ledger_is_one_sentence(open_folder, participants, tmp_path):
    first = participants[0]
    ledgers = open_folder()
    charge(ledgers, first, 0)
    ledgers.close()
    path = path_of(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DamagedJournal, match="participant-0000"):
        charge(open_folder(), first, 1)


HOLDER = """
import sys
from pathlib import Path
from tithe.storage.journal import Journal
with Journal.open(Path(sys.argv[1]), kind=sys.argv[2], fingerprint=sys.argv[3]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_ledger_that_another_process_holds_is_refused_in_one_sentence(
    open_folder, participants, tmp_path
):
    first = participants[0]
    arguments = [str(path_of(tmp_path, 0)), KIND, first.shard.fingerprint()]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"is held by process {holder.pid}; wait for its end"):
            charge(open_folder(), first, 0)
        holder.stdin.close()
        assert holder.wait() == 0
    assert charge(open_folder(), first, 0) > 0


def test_the_record_tells_what_the_biggest_spender_spent(open_folder, participants):
    first, second, _ = participants
    ledgers = open_folder()
    charge(ledgers, first, 0)
    charge(ledgers, second, 0)
    charge(ledgers, second, 1)
    total, spent = ledgers.spent()
    told = json.loads(json.dumps(spent))
    assert total == told["epsilon"]["pld"]
    assert (told["unit"], told["relation"], told["delta"]) == ("participant", "zero_out", 1e-5)
    epsilons = told["epsilon"]
    assert epsilons["pld"] <= epsilons["rdp"] <= epsilons["pure"]
    assert epsilons["pld"] == epsilon_of(second.cost * 2, delta=1e-5)
    num_values = sum(event.count for event in second.cost * 2)
    assert told["naive_epsilon_per_value"] == pytest.approx(epsilons["pure"] / num_values)


def test_nothing_charged_is_nothing_spent(open_folder):
    total, spent = open_folder().spent()
    assert (total, spent["relation"]) == (0.0, "zero_out")
    assert spent["epsilon"] == {"pld": 0.0, "rdp": 0.0, "pure": 0.0}
    assert open_folder([]).spent() == (None, {})


def test_what_guarantees_nothing_is_counted_as_infinite_and_never_refused(open_folder):
    printed, *_ = participants_of(AS_PRINTED)
    ledgers = open_folder([printed])
    assert [charge(ledgers, printed, turn) for turn in range(5)] == [math.inf] * 5
    assert ledgers.spent()[0] == math.inf


def test_the_gate_is_a_filter_of_one_order_or_the_plain_sum():
    (event,) = participants_of(LAPLACE)[0].cost
    plain = Budget(8.0, 0.0, "participant", "zero_out", math.inf)
    assert gate_of(plain)([event]) == pytest.approx(event.count / event.scale)
    unlimited = Budget(math.inf, 0.0, "participant", "zero_out", math.inf)
    assert gate_of(unlimited)([event]) == pytest.approx(event.count / event.scale)
    gaussian = participants_of(RECORD)[0]
    assert 1 < gaussian.budget.order < math.inf
    assert gate_of(gaussian.budget)(gaussian.cost * 2) <= 8


def test_a_run_keeps_its_ledgers_unless_the_plan_names_a_folder(tmp_path, participants):
    directory = tmp_path / "run"
    directory.mkdir()
    for name in ("plan.toml", "turns.jsonl", "evaluations.jsonl"):
        (directory / name).touch()
    (directory / "about.json").write_text('{"run": "abc"}')
    for named, place in (("", directory / "ledgers"), (str(tmp_path / "mine"), tmp_path / "mine")):
        plan = load_plan(SMALL, [*LAPLACE, f"run.ledgers={named}" if named else "seed=1"])
        ledgers = ledgers_of(plan, build(plan).phases[0], directory)
        charge(ledgers, participants[1], 0)
        ledgers.close()
        path = place / "participant-0001.sqlite"
        fingerprint = participants[1].shard.fingerprint()
        with Journal.open(path, kind=KIND, fingerprint=fingerprint) as journal:
            (row,) = journal.rows()
        assert (row["run"], row["turn"], row["noise"]) == ("abc", 0, "simulated")


def test_ledgers_hold_no_row_of_the_data(open_folder, participants, tmp_path):
    first = participants[0]
    ledgers = open_folder()
    charge(ledgers, first, 0)
    ledgers.close()
    fingerprint = first.shard.fingerprint()
    with Journal.open(path_of(tmp_path, 0), kind=KIND, fingerprint=fingerprint) as journal:
        (row,) = journal.rows()
    assert set(row) == {
        "run", "participant", "turn", "noise", "unit", "relation", "delta", "order", "events",
    }  # fmt: skip
