"""What a private run spent, as its record says."""

from __future__ import annotations

import math

import pytest

from tests.report.conftest import MakeRun
from tithe.record import read_run
from tithe.report.facts import Facts
from tithe.report.spending import Spending, charged_after, spending

SPENT = (
    ("epsilon", {"pld": 6.5, "rdp": 7.5, "pure": "inf"}),
    ("naive_epsilon_per_value", 0.25),
)


def spent_in(make_run: MakeRun, **different: object) -> Spending | None:
    return spending(Facts(read_run(make_run(standalone=0, participants=3, **different))))


def test_a_plain_run_spends_nothing_that_could_be_counted(make_run: MakeRun) -> None:
    assert spent_in(make_run) is None


def test_the_totals_are_those_of_the_record(make_run: MakeRun) -> None:
    spent = spent_in(make_run, unit="record", rounds=4, privacy=SPENT)
    assert spent is not None
    assert spent.totals == {"pld": 6.5, "rdp": 7.5, "pure": math.inf}
    assert (spent.naive, spent.budget, spent.delta) == (0.25, 8.0, 1e-5)
    assert spent.charged == {1: 0.5, 2: 1.0, 3: 1.5, 4: 2.0}
    assert spent.total == 2.0
    assert (spent.refusals, spent.num_turns) == ((), 12)
    assert spent.is_simulated
    assert not spent.is_broken


def test_an_unfinished_run_has_only_what_its_ledgers_charged(make_run: MakeRun) -> None:
    spent = spent_in(make_run, unit="record", rounds=4, complete=False, privacy=SPENT)
    assert spent is not None
    assert (spent.totals, spent.naive, spent.total) == ({}, None, 2.0)


def test_turns_past_the_budget_are_refusals_and_broken_training_is_none(make_run: MakeRun) -> None:
    different = {"unit": "record", "rounds": 6, "epsilon_a_turn": 2.0, "stops": ((1, 2),)}
    spent = spent_in(make_run, **different)
    assert spent is not None
    assert spent.total == 8.0
    assert {line.round for line in spent.refusals} == {5, 6}
    assert {line.participant for line in spent.refusals} >= {0, 2}
    assert all("has spent epsilon" in line.reason for line in spent.refusals)


def test_what_was_spent_never_shrinks(make_run: MakeRun) -> None:
    run = make_run(unit="record", rounds=3, participants=2)
    lines = (run / "turns.jsonl").read_text().splitlines()
    (run / "turns.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    spent = spending(Facts(read_run(run)))
    assert spent is not None
    assert list(spent.charged.values()) == sorted(spent.charged.values())
    assert [charged_after(spent.charged, round_) for round_ in range(6)] == [
        pytest.approx(epsilon) for epsilon in (0, 0.5, 1.0, 1.5, 1.5, 1.5)
    ]


def test_an_infinite_charge_leaves_nothing_to_promise(make_run: MakeRun) -> None:
    spent = spent_in(make_run, unit="participant", epsilon_a_turn=math.inf, budget=math.inf)
    assert spent is not None
    assert spent.is_broken


@pytest.mark.parametrize("damaged", [(("epsilon", 3),), (("epsilon", {"pld": True}),), ()])
def test_a_summary_that_does_not_say_is_no_total(
    make_run: MakeRun, damaged: tuple[tuple[str, object], ...]
) -> None:
    spent = spent_in(make_run, unit="record", privacy=damaged)
    assert spent is not None
    assert (spent.totals, spent.naive) == ({}, None)
