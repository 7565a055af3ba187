"""The verdict names the total of a private run, and what a figure alone would hide."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from tithe.plan import load_plan
from tithe.privacy.budget import Budget
from tithe.verdict import Outcome, verdict

PRIVATE = {"privacy": {"unit": "record", "noise": "secure"}}


def said(
    plan: dict[str, Any],
    budget: Budget | None = None,
    spent: float | None = None,
    **joint: Any,
) -> str:
    participants = [SimpleNamespace(budget=budget) for _ in range(30)]
    built: Any = SimpleNamespace(phases=[SimpleNamespace(participants=participants)])
    outcomes = [
        Outcome("joint", **{"num_shared": 60, "accuracy": 0.952, "bytes_up": 60_000, **joint}),
        Outcome("centralised", accuracy=0.99),
        Outcome("standalone-0", accuracy=0.93),
        Outcome("standalone-1", accuracy=0.932),
    ]
    return verdict(load_plan(plan), built, outcomes, spent=spent)


def test_a_plain_run_says_what_sharing_brought_by_hand() -> None:
    assert said({"sharing": {"theta_u": 0.1}}) == (
        "30 participants sharing 10 % of their changes reached 95.2 % together, where one alone "
        "reached 93.1 % (mean of 2) and all data in one place 99 %; an upload took 1.0 kB."
    )


def test_a_private_run_tells_its_total_by_hand() -> None:
    budget = Budget(8.0, 1e-5, "record", "add_or_remove", 3.0)
    assert said(PRIVATE, budget) == (
        "30 participants reached 95.2 % together at a total of epsilon 8 (delta 1e-05) for each "
        "record, where without any privacy one alone reached 93.1 % (mean of 2) and all data in "
        "one place 99 %; an upload took 1.0 kB."
    )


def test_a_budget_that_was_barely_touched_is_told_by_what_was_spent() -> None:
    budget = Budget(1e12, 0.0, "participant", "replace", math.inf)
    assert "total of epsilon 55560 (delta 0) for" in said(PRIVATE, budget, spent=55_556.1)
    budget = Budget(8.0, 1e-5, "record", "add_or_remove", 3.0)
    assert "total of epsilon 8 (delta 1e-05)" in said(PRIVATE, budget, spent=7.44)


def test_simulated_noise_and_silent_turns_are_not_kept_quiet() -> None:
    budget = Budget(2.0, 0.0, "participant", "zero_out", math.inf)
    told = said({"privacy": {"unit": "record"}}, budget, num_stopped=20)
    assert "epsilon 2 (delta 0) for all data of each" in told
    assert told.endswith(
        "In 20 of 80 turns nothing was sent. The noise was simulated and protects nobody."
    )


def test_an_infinite_total_is_told_as_one() -> None:
    budget = Budget(math.inf, 0.0, "participant", "zero_out", math.inf)
    assert "at a total of epsilon infinity for all data of each" in said(PRIVATE, budget)


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        (None, "training broke in all of them"),
        (
            Budget(3.0, 1e-5, "record", "add_or_remove", 3.0),
            (
                "each would have passed the total of epsilon 3 (delta 1e-05) for each record, or its "  # noqa: E501
                "training broke"
            ),
        ),
    ],
)
def test_a_run_that_shared_nothing_says_why(budget: Budget | None, why: str) -> None:
    told = said(PRIVATE if budget else {}, budget, num_shared=0)
    assert told == f"No turn of the 30 participants could be shared: {why}."
