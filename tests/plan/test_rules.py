"""What must hold between keys."""

from __future__ import annotations

import pytest

from tithe.plan import BadPlan, load_plan


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ["sharing.selection=random_above_tau"],
            'sharing.tau must be > 0 for sharing.selection = "random_above_tau", got 0.0',
        ),
        (
            ["server.combine=mean", "exchange.order=random"],
            'server.combine = "mean" needs exchange.order = "synchronous", got "random"',
        ),
        (
            ["exchange.cohort=0.5"],
            'exchange.cohort must be 1.0 unless exchange.order = "synchronous", got 0.5',
        ),
        (
            ["exchange.speed_spread=0.5"],
            'exchange.speed_spread must be 0.0 unless exchange.order = "asynchronous", got 0.5',
        ),
        (
            ["run.engine=parallel"],
            (
                'run.engine = "parallel" needs exchange.order = "asynchronous" or "synchronous", '
                'got "round_robin"'
            ),
        ),
        (
            ["run.engine=simulation", "run.device=cuda"],
            'run.device must be "cpu" for run.engine = "simulation", got "cuda"',
        ),
        (
            ["run.engine=simulation", "run.threads=2"],
            (
                'run.threads must be 1 for run.engine = "simulation", got 2; '
                "run.processes is what uses more cores"
            ),
        ),
        (
            ["partition.kind=dirichlet", "partition.rows_each=5"],
            (
                'partition.rows_each must be 0 for partition.kind = "dirichlet", got 5; '
                'only "even" and "independent" deal out equal numbers'
            ),
        ),
        (
            ["data.train_rows=50", "partition.rows_each=6"],
            "data.train_rows must be >= 60 for 10 participants with 6 rows each, got 50",
        ),
        (
            ["data.train_rows=5"],
            "data.train_rows must be >= 10 for 10 participants with 1 rows each, got 5",
        ),
        (
            ["partition.kind=independent", "partition.rows_each=9", "data.train_rows=8"],
            "partition.rows_each must be <= data.train_rows = 8, got 9",
        ),
        (
            ["data.mean=[0.1]"],
            "data.mean and data.std must have one number per channel each, got 1 and 0",
        ),
        (
            ["participant=[{joins=1}]"],
            "participant[0].ids must name at least one participant, got []",
        ),
        (
            ["participant=[{ids=[10]}]"],
            "participant[0].ids must be below partition.participants = 10, got 10",
        ),
        (["participant=[{ids=[1,1]}]"], "participant[0].ids must name nobody twice, got [1, 1]"),
        (
            ["participant=[{ids=[1]},{ids=[0,1]}]"],
            "participant 1 must have one [[participant]] block, got 2",
        ),
        (
            ["participant=[{ids=[1],joins=4,leaves=4}]"],
            "participant[0].leaves must be 0 or after participant[0].joins = 4, got 4",
        ),
        (
            ["participant=[{ids=[1],joins=12}]"],
            "participant[0].joins must be below exchange.rounds = 12, got 12",
        ),
    ],
)
def test_a_contradiction_is_one_sentence(overrides, sentence):
    with pytest.raises(BadPlan) as caught:
        load_plan("", overrides)
    assert caught.value.problems == (sentence,)


@pytest.mark.parametrize(
    "overrides",
    [
        ["exchange.order=synchronous", "server.combine=mean", "sharing.theta_u=1"],  # FedAvg
        ["exchange.order=synchronous", "exchange.cohort=0.1", "run.engine=parallel"],
        ["exchange.order=asynchronous", "exchange.speed_spread=1.0", "run.engine=parallel"],
        ["exchange.order=random", "run.engine=simulation"],
        ["sharing.selection=random_above_tau", "sharing.tau=0.0001"],
        ["partition.kind=independent", "partition.rows_each=600", "partition.participants=150"],
        ["partition.kind=natural", "participant=[{ids=[99]}]"],
        ["data.mean=[0.1]", "data.std=[0.3]"],
    ],
)
def test_what_fits_together_passes(overrides):
    load_plan("", overrides)


def test_idle_keys_are_noted_and_not_refused():
    plan = load_plan(
        "",
        [
            "recipe=plain",
            "training.decay=0.9",
            "sharing.tau=0.1",
            "sharing.bound_first=true",
            "server.beta=0.5",
            "training.local_steps=5",
            "training.local_epochs=2.0",
            "sharing.residual=false",
            "sharing.residual_keep=0.5",
            "data.normalise=own",
            "data.mean=[0.5]",
            "data.std=[0.5]",
        ],
    )
    assert plan.idle_keys() == [
        'training.decay does nothing with training.schedule = "constant"',
        "training.local_epochs does nothing with training.local_steps = 5",
        'sharing.tau does nothing with sharing.selection = "largest"',
        "sharing.bound_first does nothing with sharing.gamma = 0.0",
        "sharing.residual_keep does nothing with sharing.residual = false",
        "server.beta does nothing with sharing.theta_d = 1.0",
        'data.mean and data.std do nothing with data.normalise = "own"',
    ]


def test_a_plain_plan_has_no_idle_keys():
    assert load_plan('recipe = "plain"').idle_keys() == []
