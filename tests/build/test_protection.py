"""From [privacy] to protection: noise that fits the budget, and a budget that holds."""

from __future__ import annotations

import math

import pytest
import torch

from tests.private_plans import (
    AS_PRINTED,
    CALIBRATED,
    PARTICIPANT,
    RECORD,
    SMALL,
    RowsInMemory,
)
from tithe.build import build
from tithe.build.protection import protect
from tithe.checks import BadInput
from tithe.learning.local import LocalTraining
from tithe.ledger_folder import gate_of
from tithe.plan import load_plan
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.calibrate import turns_within
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainValues
from tithe.privacy.ledger import BudgetExhausted, BudgetLedger
from tithe.sharing.stages import Coins
from tithe.sharing.update import everything

every_way = pytest.mark.parametrize("changes", CALIBRATED.values(), ids=CALIBRATED)


def protected(changes, *, num_turns=6, num_rows=40, size=2000, **training):
    plan = load_plan(SMALL, changes)
    local = LocalTraining(**{"batch_size": plan.training.batch_size, **training})
    own = plan.for_participant(0)
    return protect(plan.privacy, own, local, num_rows=num_rows, num_turns=num_turns, size=size)


def ledger_for(protection):
    return BudgetLedger(
        RowsInMemory(),
        budget=protection.budget,
        gate=gate_of(protection.budget),
        run="run",
        is_simulated=True,
    )


def turns_that_pass(protection, *, at_most):
    """How many turns the ledger lets pass before it refuses one."""
    ledger = ledger_for(protection)
    for turn in range(at_most):
        try:
            ledger.charge(participant=0, turn=turn, events=list(protection.cost))
        except BudgetExhausted:
            return turn
    return at_most


@every_way
@pytest.mark.parametrize("num_turns", [1, 40])
def test_all_planned_turns_fit_the_budget_and_not_one_more(changes, num_turns):
    protection = protected(changes, num_turns=num_turns)
    budget = protection.budget
    total = epsilon_of(protection.cost * num_turns, delta=budget.delta, accountant="rdp")
    assert 0.99 * 8 < total <= 8
    assert (budget.epsilon, budget.delta) == (8.0, load_plan(SMALL, changes).privacy.delta)
    assert turns_that_pass(protection, at_most=num_turns + 5) == num_turns


@every_way
@pytest.mark.parametrize("epsilon", [0.1, 1000.0])
def test_any_budget_is_met_from_below(changes, epsilon):
    protection = protected([*changes, f"privacy.epsilon={epsilon}"])
    assert turns_that_pass(protection, at_most=20) == 6
    assert gate_of(protection.budget)(protection.cost * 6) == pytest.approx(epsilon, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "noise_multiplier"),
    [
        (RECORD, 1.5),
        ([*RECORD, "privacy.sampling=shuffle"], 2.0),
        (PARTICIPANT, 3.0),
        ([*PARTICIPANT, "privacy.release=laplace", "privacy.delta=0.0"], 0.8),
        ([*PARTICIPANT, "privacy.mechanism=gumbel"], 4.0),
    ],
)
def test_a_noise_that_is_given_buys_as_many_turns_as_the_accountant_says(changes, noise_multiplier):
    changes = [*changes, f"privacy.noise_multiplier={noise_multiplier}", "privacy.epsilon=5.0"]
    protection = protected(changes, num_turns=500)
    bought = turns_within(
        protection.cost, epsilon=5.0, delta=load_plan(SMALL, changes).privacy.delta
    )
    assert 1 <= bought < 100
    assert turns_that_pass(protection, at_most=500) == bought


def test_a_noise_that_buys_no_turn_is_refused_at_the_first():
    protection = protected([*RECORD, "privacy.noise_multiplier=0.3", "privacy.epsilon=1.0"])
    assert turns_that_pass(protection, at_most=3) == 0


def test_more_turns_and_fewer_rows_need_more_noise():
    def noise(**how):
        return protected(RECORD, **how).private.noise_multiplier

    few = noise(num_turns=1)
    assert noise(num_turns=1, num_rows=400) < few < noise(num_turns=40)


def test_private_training_takes_what_the_plan_says():
    changes = [*RECORD, "privacy.l2_norm_bound=0.5", "privacy.clipping=automatic"]
    protection = protected(changes, momentum=0.4, weight_decay=0.1, local_epochs=2.0)
    private = protection.private
    assert protection.share is None  # all that is shared is private already
    assert (private.batch_size, private.num_steps, private.l2_norm_bound) == (10, 8, 0.5)
    assert (private.momentum, private.weight_decay, private.clipping) == (0.4, 0.1, "automatic")
    (event,) = protection.cost
    assert event == GaussianSteps(
        private.noise_multiplier, 10 / 40, 8, unit="record", relation="add_or_remove"
    )


def test_a_batch_is_at_most_all_rows():
    protection = protected(RECORD, num_rows=7)
    assert protection.private.batch_size == 7
    assert protection.cost[0].sampling_rate == 1.0


def test_passes_over_shuffled_rows_are_charged_whole():
    # 2.5 passes of 4 batches are 10 steps; a row is in at most 3 of them.
    protection = protected([*RECORD, "privacy.sampling=shuffle"], local_epochs=2.5)
    assert protection.private.num_steps == 10
    (event,) = protection.cost
    assert (event.count, event.sampling_rate, event.relation) == (3, 1.0, "zero_out")


def test_a_row_of_a_microbatch_counts_twice():
    changes = [*RECORD, "privacy.microbatch=2", "privacy.noise_multiplier=3.0"]
    (event,) = protected(changes).cost
    assert event.noise_multiplier == 1.5
    assert (event.sampling_rate, event.relation) == (0.25, "zero_out")


@pytest.mark.parametrize(("relation", "share_of_it"), [("zero_out", 7 / 18), ("replace", 5 / 9)])
def test_the_papers_own_epsilon_costs_what_it_truly_costs(relation, share_of_it):
    changes = [
        *PARTICIPANT,
        "privacy.mechanism=sparse_vector_paper",
        "privacy.epsilon_per_turn=3.0",
        "privacy.epsilon=10.0",
        "privacy.delta=0.0",
        f"privacy.relation={relation}",
    ]
    protection = protected(changes, num_turns=50)
    cost = epsilon_of(protection.cost, delta=0.0, accountant="pure")
    assert cost == pytest.approx(3.0 * share_of_it)
    assert turns_that_pass(protection, at_most=50) == int(10.0 / cost)


def test_the_mechanism_as_printed_costs_infinity_and_is_never_called_private(rng):
    protection = protected(AS_PRINTED)
    assert any(isinstance(event, PlainValues) for event in protection.cost)
    assert math.isinf(protection.budget.epsilon)
    assert epsilon_of(protection.cost, delta=0.5) == math.inf
    ledger = ledger_for(protection)
    assert ledger.charge(participant=0, turn=0, events=list(protection.cost)) == math.inf
    change = everything(torch.randn(2000, generator=rng))
    update, _ = protection.share(change, Coins(rng, rng))
    assert not update.is_private


def test_noise_as_in_the_plan_reaches_every_participant_of_a_run():
    plan = load_plan(
        {**SMALL, "participant": [{"ids": [1], "leaves": 1}]},
        [*RECORD, "exchange.rounds=4", "training.batch_size=8"],
    )
    stays, leaves, _ = build(plan).phases[0].participants
    assert leaves.private.noise_multiplier < stays.private.noise_multiplier
    for each, num_turns in ((stays, 4), (leaves, 1)):
        total = epsilon_of(each.cost * num_turns, delta=1e-5, accountant="rdp")
        assert 7.9 < total <= 8


def test_a_participant_without_a_turn_has_nothing_to_protect():
    changes = [*RECORD, "exchange.order=synchronous", "exchange.cohort=0.34", "exchange.rounds=1"]
    participants = build(load_plan(SMALL, changes)).phases[0].participants
    assert sorted(each.budget is None for each in participants) == [False, True, True]


def test_baselines_stay_on_their_machine_and_are_not_noised():
    plan = load_plan(SMALL, [*RECORD, "baselines.centralised=true", "baselines.standalone=1"])
    joint, *baselines = build(plan).phases
    assert all(each.private is not None for each in joint.participants)
    assert [phase.participants[0].private for phase in baselines] == [None, None]
    assert [phase.participants[0].budget for phase in baselines] == [None, None]


def test_laplace_on_the_whole_vector_is_charged_for_the_whole_vector():
    changes = [*PARTICIPANT, "privacy.mechanism=noise_first", "privacy.release=laplace"]
    (event,) = protected(changes, size=2000).cost
    assert isinstance(event, LaplaceRelease) and event.count == 2000
    (event,) = protected([*PARTICIPANT, "privacy.release=laplace"], size=2000).cost
    assert event.count == 20


@pytest.mark.parametrize(
    ("changes", "how", "sentence"),
    [
        (
            [*PARTICIPANT, "privacy.epsilon=1e-30", "privacy.release=laplace", "privacy.delta=0.0"],
            {},
            "privacy.epsilon = 1e-30 with privacy.delta = 0.0 cannot be reached in 6 turns",
        ),
        (
            [*PARTICIPANT, "privacy.noise_multiplier=1e-9"],
            {},
            r"privacy.noise_multiplier = 1e-09 cannot be used here: noise_multiplier must be in",
        ),
        (
            [*RECORD, "privacy.microbatch=3"],
            {},
            "training.batch_size must be a multiple of privacy.microbatch = 3, got 10",
        ),
        (
            [*RECORD, "privacy.microbatch=5"],
            {"num_rows": 4},
            "privacy.microbatch must be at most the rows of every participant, got 5; 1 is best",
        ),
    ],
)
def test_what_cannot_be_protected_is_one_sentence(changes, how, sentence):
    with pytest.raises(BadInput, match=sentence):
        protected(changes, **how)


def batchnorm_network(num_classes):
    nn = torch.nn
    norm = nn.BatchNorm1d(8, track_running_stats=False)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), norm, nn.Linear(8, num_classes))


def test_a_network_that_mixes_rows_is_refused_before_anything_begins():
    mixing = f"model.name={__name__}:batchnorm_network"
    build(load_plan(SMALL, [mixing]))
    with pytest.raises(BadInput, match=r'privacy.unit = "record".*GroupNorm'):
        build(load_plan(SMALL, [*RECORD, mixing]))
