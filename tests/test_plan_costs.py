"""What a plan will cost: told before it runs, and what its ledgers say afterwards."""

from __future__ import annotations

import math

import pytest

from tithe.build import build
from tithe.experiment import run_experiment
from tithe.ledger_reading import ledgers_in, read_ledger
from tithe.plan import load_plan
from tithe.plan_costs import costs_of
from tithe.privacy.accounting import epsilon_of

PLAN = """
[data]
set = "digits"
train_rows = 120
[partition]
participants = 3
[training]
batch_size = 20
[exchange]
rounds = 3
[privacy]
unit = "record"
noise_multiplier = 2.0
epsilon = 50.0
[baselines]
centralised = false
standalone = 0
"""
BY_PARTICIPANT = (
    'privacy.unit="participant"',
    "privacy.noise_multiplier=0.0",
    'privacy.release="laplace"',
    "privacy.delta=0.0",
    "sharing.gamma=0.001",
    "sharing.theta_u=0.01",
)


def costs(*changes):
    return costs_of(build(load_plan(PLAN, changes)))


def test_participants_alike_are_one_group_with_one_price():
    [group] = costs().groups
    assert (group.participants, group.kind.num_rows) == ((0, 1, 2), 40)
    assert (group.kind.num_turns, group.kind.turns_a_round, group.num_allowed) == (3, 1, 3)
    assert group.kind.sampling_rate == 0.5
    assert group.turn == group.round
    assert group.total.pld.epsilon == epsilon_of(group.kind.cost * 3, delta=1e-5)
    assert group.turn.pld.epsilon < group.total.pld.epsilon
    assert (group.total.pld.unit, group.total.pld.relation) == ("record", "add_or_remove")
    assert group.total.pure.epsilon == math.inf


def test_those_that_differ_are_groups_of_their_own_and_the_dearest_comes_first():
    groups = costs("partition.kind=power_law", "partition.exponent=1.0").groups
    assert len(groups) == 3
    totals = [group.total.pld.epsilon for group in groups]
    assert totals == sorted(totals, reverse=True)
    rates = [group.kind.sampling_rate for group in groups]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("privacy.epsilon=4.0",),
        ("privacy.sampling=shuffle",),
        ("exchange.order=asynchronous", "exchange.speed_spread=0.5"),
        ("exchange.order=synchronous", "exchange.cohort=0.4"),
        (*BY_PARTICIPANT, "privacy.mechanism=sparse_vector"),
    ],
)
def test_what_was_told_before_is_what_the_ledgers_say_afterwards(tmp_path, changes):
    told = {number: group for group in costs(*changes).groups for number in group.participants}
    run_experiment(load_plan(PLAN, changes), tmp_path / "run")
    spent = {
        account.participant: account
        for file in ledgers_in(tmp_path / "run")
        for account in read_ledger(file).accounts
    }
    for number, group in told.items():
        if group.num_allowed == 0:
            assert number not in spent
            continue
        assert spent[number].num_turns == group.num_allowed
        assert spent[number].total.pld.epsilon == pytest.approx(group.allowed.pld.epsilon)
        naive = group.turn.naive_epsilon_per_value
        assert spent[number].total.naive_epsilon_per_value == (naive and pytest.approx(naive))


def test_a_budget_that_noise_overspends_allows_fewer_turns():
    whole = costs().groups[0].total.rdp.epsilon
    [group] = costs(f"privacy.epsilon={0.9 * whole}").groups
    assert 0 < group.num_allowed < group.kind.num_turns
    assert group.allowed.rdp.epsilon <= 0.9 * whole < group.total.rdp.epsilon


def test_plain_sharing_costs_everything():
    told = costs('privacy.unit="none"', "partition.kind=independent", "partition.rows_each=100")
    [group] = told.groups
    assert group.total.pld.epsilon == group.total.pure.epsilon == math.inf
    assert group.turn.naive_epsilon_per_value is None
    assert told.shared is None


def test_the_mechanism_as_printed_costs_everything():
    changes = (*BY_PARTICIPANT, "privacy.epsilon_per_turn=1.0")
    [group] = costs(*changes, "privacy.mechanism=sparse_vector_as_printed").groups
    assert group.total.pld.epsilon == math.inf


def test_who_has_no_turn_pays_nothing():
    changes = ("exchange.order=synchronous", "exchange.cohort=0.3", "exchange.rounds=1")
    groups = {group.kind.num_turns: group for group in costs(*changes).groups}
    assert set(groups) == {0, 1}
    assert groups[0].total.pld.epsilon == groups[0].total.pure.epsilon == 0.0


def test_a_row_of_several_holders_costs_what_they_spend_together():
    told = costs("partition.kind=independent", "partition.rows_each=100")
    [group] = told.groups
    assert told.shared.num_holders == told.shared.most_holders == 3
    events = [*group.kind.cost] * 9
    assert told.shared.total.pld.epsilon == pytest.approx(epsilon_of(events, delta=1e-5))
    assert told.shared.total.pld.epsilon < 3 * group.total.pld.epsilon


def test_among_disjoint_rows_nothing_adds_up():
    assert costs().shared is None
