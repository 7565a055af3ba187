"""The ledger: what leaves was charged before, and what was charged stays charged."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainValues
from tithe.privacy.filter import RdpFilter
from tithe.privacy.ledger import Budget, BudgetExhausted, BudgetLedger, TallyLedger, begun_order
from tithe.storage.journal import DamagedJournal, Journal


class RowsInMemory:
    """Rows that last as long as this object and pass through JSON like those on a disk."""

    def __init__(self):
        self.texts = []

    def append(self, row):
        self.texts.append(json.dumps(row, allow_nan=False))
        return len(self.texts)

    def rows(self):
        return [json.loads(text) for text in self.texts]


def pure_sum(events):
    """Correctly rounded, so that it is the same in every grouping."""
    if any(isinstance(event, PlainValues) for event in events):
        return math.inf
    return math.fsum(event.count / event.scale for event in events)


def laplace(count=1, *, scale=4.0):
    return LaplaceRelease(scale=scale, count=count, unit="participant", relation="zero_out")


def ledger_of(rows, epsilon=10.0, *, gate=pure_sum, run="run", is_simulated=True, **terms):
    budget = Budget(
        epsilon, **{"delta": 0.0, "unit": "participant", "relation": "zero_out"} | terms
    )
    return BudgetLedger(rows, budget=budget, gate=gate, run=run, is_simulated=is_simulated)


# Powers of two, so that sums are exact; several participants, in any order.
turns = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.lists(st.builds(laplace, st.integers(1, 5), scale=st.sampled_from([2.0, 4.0, 64.0]))),
    ),
    max_size=20,
)


def charge_all(ledger, charges, *, first_turn=0):
    """Charges one after another; returns what was told and what each participant sent."""
    told, sent = [], {0: [], 1: [], 2: []}
    for turn, (participant, events) in enumerate(charges, start=first_turn):
        try:
            told.append(ledger.charge(participant=participant, turn=turn, events=events))
            sent[participant] += events
        except BudgetExhausted:
            told.append(None)
    return told, sent


@given(turns, st.floats(0.1, 30.0), st.booleans())
def test_the_total_never_falls_and_never_passes_the_budget(charges, epsilon, is_simulated):
    ledger = ledger_of(RowsInMemory(), epsilon, is_simulated=is_simulated)
    for turn, (participant, events) in enumerate(charges):
        before = ledger.totals()
        try:
            told = ledger.charge(participant=participant, turn=turn, events=events)
            assert told == ledger.total(participant)
            assert told == before.get(participant, 0.0) + pure_sum(events)
        except BudgetExhausted:
            assert before.get(participant, 0.0) + pure_sum(events) > epsilon
            assert ledger.totals() == before
        assert all(ledger.total(one) >= total for one, total in before.items())
        assert all(total <= epsilon * (1 + 1e-9) for total in ledger.totals().values())


@given(turns, st.lists(st.integers(0, 20), max_size=3), st.floats(0.1, 30.0))
def test_restarts_change_no_answer(charges, restarts, epsilon):
    whole, sent = charge_all(ledger_of(RowsInMemory(), epsilon), charges)
    rows, told = RowsInMemory(), []
    places = sorted({0, len(charges), *(min(place, len(charges)) for place in restarts)})
    for start, end in itertools.pairwise(places):
        told += charge_all(ledger_of(rows, epsilon), charges[start:end], first_turn=start)[0]
    assert told == whole
    assert all(ledger_of(rows, epsilon).events_of(one) == tuple(sent[one]) for one in sent)


@given(turns)
def test_the_grouping_of_turns_changes_no_total(charges):
    together, apart = ledger_of(RowsInMemory(), math.inf), ledger_of(RowsInMemory(), math.inf)
    for participant in range(3):
        events = [event for one, some in charges if one == participant for event in some]
        together.charge(participant=participant, turn=0, events=events)
        for turn, event in enumerate(events):
            apart.charge(participant=participant, turn=turn, events=[event])
        assert together.total(participant) == apart.total(participant) == pure_sum(events)


@given(turns, st.data())
def test_a_simulated_turn_played_again_costs_nothing_and_is_told_the_same(charges, data):
    rows = RowsInMemory()
    told, _ = charge_all(ledger_of(rows), charges)
    before, again = ledger_of(rows).totals(), ledger_of(rows)
    start = data.draw(st.integers(0, len(charges)))  # the checkpoint that the run goes on from
    assert charge_all(again, charges[start:], first_turn=start)[0] == told[start:]
    assert again.totals() == before


@given(turns, st.integers(1, 40))
def test_what_is_said_to_be_left_can_be_charged_and_no_more(charges, count):
    ledger = ledger_of(RowsInMemory(), 20.0)
    charge_all(ledger, charges)
    left = ledger.num_turns_left(1, [laplace(count)])
    cost = ledger.cost_of_next(1, [laplace(count)])
    for turn in range(left):
        before = ledger.total(1)
        told = ledger.charge(participant=1, turn=1000 + turn, events=[laplace(count)])
        assert told == before + cost
    with pytest.raises(BudgetExhausted):
        ledger.charge(participant=1, turn=2000, events=[laplace(count)])
    assert ledger.num_turns_left(1, [laplace(count)]) == 0


def test_a_budget_by_hand():
    # Epsilon 10; each turn releases two values of epsilon 1/4 and one of 1/64: 33/64, 19 times.
    ledger = ledger_of(RowsInMemory())
    events = [laplace(2), laplace(1, scale=64.0)]
    assert ledger.num_turns_left(7, events) == 19
    for turn in range(19):
        assert ledger.charge(participant=7, turn=turn, events=events) == (turn + 1) * 33 / 64
    told = "participant 7 has spent epsilon 9.79688 of 10 and this upload costs 0.515625; nothing"
    with pytest.raises(BudgetExhausted, match=told):
        ledger.charge(participant=7, turn=19, events=events)
    assert ledger.total(7) == 9.796875
    assert ledger.charge(participant=7, turn=20, events=[laplace(13, scale=64.0)]) == 10.0
    assert ledger.totals() == {7: 10.0}
    assert ledger.total(8) == 0.0


def test_every_attempt_with_deployed_noise_is_charged():
    rows = RowsInMemory()
    for attempt in range(1, 4):
        ledger = ledger_of(rows, is_simulated=False)
        told = ledger.charge(participant=7, turn=0, events=[laplace()])
        assert told == attempt / 4
    assert ledger.charge(participant=7, turn=0, events=[laplace(2)]) == 5 / 4


def test_simulated_and_deployed_turns_of_one_run_are_never_taken_for_each_other():
    rows = RowsInMemory()
    ledger_of(rows, is_simulated=False).charge(participant=7, turn=0, events=[laplace()])
    assert ledger_of(rows).charge(participant=7, turn=0, events=[laplace()]) == 0.5


def test_another_run_is_charged_on_top():
    rows = RowsInMemory()
    ledger_of(rows, run="first").charge(participant=7, turn=0, events=[laplace()])
    assert ledger_of(rows, run="second").charge(participant=7, turn=0, events=[laplace()]) == 0.5


def test_a_turn_that_comes_back_with_other_events_is_refused():
    rows = RowsInMemory()
    ledger_of(rows).charge(participant=7, turn=3, events=[laplace()])
    with pytest.raises(BadInput, match="turn 3 of participant 7 was charged for other releases"):
        ledger_of(rows).charge(participant=7, turn=3, events=[laplace(2)])
    assert len(rows.texts) == 1


def test_what_is_not_on_disk_does_not_leave():
    class FullDisk(RowsInMemory):
        def append(self, row):
            raise BadInput("the disk is full")

    ledger = ledger_of(FullDisk())
    with pytest.raises(BadInput, match="full"):
        ledger.charge(participant=7, turn=0, events=[laplace()])
    assert ledger.totals() == {}


def test_a_refused_turn_leaves_no_row():
    rows = RowsInMemory()
    with pytest.raises(BudgetExhausted):
        ledger_of(rows, 0.2).charge(participant=7, turn=0, events=[laplace()])
    assert rows.texts == []


def test_plain_values_pass_no_finite_budget():
    with pytest.raises(BudgetExhausted, match="spent epsilon 0 of 10 and this upload costs infi"):
        ledger_of(RowsInMemory()).charge(participant=7, turn=0, events=[PlainValues(3)])


def test_without_a_limit_it_only_counts_and_a_later_limit_remembers():
    rows = RowsInMemory()
    without = ledger_of(rows, math.inf)
    assert without.num_turns_left(7, [PlainValues(3)], at_most=5) == 5
    assert without.charge(participant=7, turn=0, events=[laplace()]) == 0.25
    assert without.charge(participant=7, turn=1, events=[PlainValues(3)]) == math.inf
    told = "spent epsilon infinity of 10 and this upload costs 0.25"
    with pytest.raises(BudgetExhausted, match=told):
        ledger_of(rows, 10.0).charge(participant=7, turn=2, events=[laplace()])


def test_events_about_other_neighbours_are_refused():
    rows = RowsInMemory()
    with pytest.raises(ValueError, match="cannot count a release for each participant"):
        ledger_of(rows, relation="replace").charge(participant=7, turn=0, events=[laplace()])
    assert rows.texts == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"unit": "record"}, "with unit participant, and the budget says record"),
        ({"relation": "replace"}, "with relation zero_out, and the budget says replace"),
        ({"delta": 1e-5}, r"with delta 0\.0, and the budget says 1e-05"),
        ({"order": 4.0}, r"with order inf, and the budget says 4\.0"),
    ],
)
def test_a_ledger_keeps_the_terms_it_began_with(other, told):
    rows = RowsInMemory()
    terms = {"order": math.inf}
    ledger_of(rows, **terms).charge(participant=7, turn=0, events=[laplace()])
    with pytest.raises(BadInput, match=f"row 1 of the ledger was counted {told}"):
        ledger_of(rows, **terms | other)
    assert ledger_of(rows, 20.0, **terms).total(7) == 0.25  # the limit itself may change


def test_the_order_it_began_with_can_be_asked():
    rows = RowsInMemory()
    assert begun_order(rows) is None
    ledger_of(rows, order=math.inf).charge(participant=7, turn=0, events=[])
    assert begun_order(rows) == math.inf


@pytest.mark.parametrize("row", [{}, {"events": [{"kind": "wish"}]}, {"events": 3}])
def test_rows_that_are_no_ledgers_are_one_clear_sentence(row):
    rows = RowsInMemory()
    rows.append(row)
    with pytest.raises(BadInput, match="row 1 of the ledger is none that this version can count"):
        ledger_of(rows)


@pytest.mark.parametrize("order", [8.0, math.inf])
def test_a_renyi_filter_is_a_gate(order):
    terms = {"delta": 1e-5, "unit": "record", "relation": "add_or_remove", "order": order}
    gate = RdpFilter(epsilon=3.0, delta=1e-5, order=order, unit="record").epsilon_of
    rows = RowsInMemory()
    ledger = ledger_of(rows, 3.0, gate=gate, **terms)
    who = {"unit": "record", "relation": "add_or_remove"}
    events = [LaplaceRelease(20.0, 1, **who)]
    if order == 8.0:
        events.append(GaussianSteps(1.1, 0.01, count=50, **who))
    num_turns = ledger.num_turns_left(0, events)
    assert 10 < num_turns < 10_000
    for turn in range(num_turns):
        ledger.charge(participant=0, turn=turn, events=events)
    with pytest.raises(BudgetExhausted):
        ledger.charge(participant=0, turn=num_turns, events=events)
    assert ledger.total(0) <= 3.0 < ledger.total(0) + ledger.cost_of_next(0, events)
    assert ledger_of(rows, 3.0, gate=gate, **terms).total(0) == ledger.total(0)
    for accountant in ("rdp", "pld"):  # a report is never above the gate
        assert epsilon_of(ledger.events_of(0), delta=1e-5, accountant=accountant) <= ledger.total(0)


# ------------------------------------------------------------------------- on a disk


@settings(max_examples=15)
@given(turns, st.floats(0.1, 30.0))
def test_a_journal_keeps_what_memory_keeps(charges, epsilon):
    whole, _ = charge_all(ledger_of(RowsInMemory(), epsilon), charges)
    with tempfile.TemporaryDirectory() as folder:
        told, half = [], len(charges) // 2
        for start, end in ((0, half), (half, len(charges))):
            with Journal.open(Path(folder) / "a", kind="ledger", fingerprint="f") as journal:
                ledger = ledger_of(journal, epsilon)
                told += charge_all(ledger, charges[start:end], first_turn=start)[0]
    assert told == whole


def test_an_older_ledger_put_back_refunds_nothing(tmp_path):
    path = tmp_path / "a"
    for turn in range(2):
        with Journal.open(path, kind="ledger", fingerprint="f") as journal:
            ledger_of(journal).charge(participant=7, turn=turn, events=[laplace()])
        if turn == 0:
            shutil.copy(path, tmp_path / "older")
    shutil.copy(tmp_path / "older", path)
    with pytest.raises(DamagedJournal, match="an older copy was put back"):
        Journal.open(path, kind="ledger", fingerprint="f")


# ------------------------------------------------------------------------- the tally


def test_the_tally_adds_up_for_each_participant_apart():
    ledger = TallyLedger()
    assert ledger.charge(participant=0, turn=0, events=[]) == 0.0
    assert ledger.charge(participant=1, turn=0, events=[PlainValues(2)]) == math.inf
    assert ledger.charge(participant=1, turn=1, events=[]) == math.inf  # what was spent stays spent
    assert ledger.charge(participant=0, turn=1, events=[]) == 0.0


def test_the_tally_does_not_guess_what_noise_costs():
    with pytest.raises(TypeError, match="a tally counts plain releases only, got LaplaceRelease"):
        TallyLedger().charge(participant=0, turn=0, events=[laplace()])
