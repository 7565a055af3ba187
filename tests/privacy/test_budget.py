"""The budget: what it allows, what it can count, and what it says when it is gone."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.privacy.budget import Budget, BudgetExhausted
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainSelection, PlainValues


def budget(epsilon=1.0, *, unit="record", relation="add_or_remove", **terms):
    return Budget(epsilon, **{"delta": 1e-5, "unit": unit, "relation": relation, **terms})


@given(st.floats(1e-3, 1e3), st.integers(1, 1000))
def test_a_budget_split_into_equal_parts_allows_all_of_them_and_no_part_more(epsilon, num_parts):
    part = epsilon / num_parts
    assert budget(epsilon).allows(sum(part for _ in range(num_parts)))
    assert not budget(epsilon).allows(sum(part for _ in range(num_parts + 1)))


def test_nothing_finite_allows_infinity_or_what_is_no_number():
    assert not budget(1e300).allows(math.inf)
    assert not budget(1.0).allows(math.nan)
    assert budget(math.inf).allows(math.inf)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"epsilon": 0.0}, "epsilon must be finite and > 0, got 0.0"),
        ({"epsilon": math.nan}, "epsilon must be finite and > 0, got nan"),
        ({"delta": 1.0}, r"delta must be in \[0, 1\), got 1.0"),
        ({"delta": math.nan}, r"delta must be in \[0, 1\), got nan"),
        ({"order": 1.0}, "order must be > 1, got 1.0"),
        ({"order": math.nan}, "order must be > 1, got nan"),
    ],
)
def test_terms_out_of_range_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        budget(**wrong)


def laplace(unit, relation):
    return LaplaceRelease(scale=2.0, count=1, unit=unit, relation=relation)


@pytest.mark.parametrize(
    ("unit", "relation", "events"),
    [
        ("record", "add_or_remove", []),
        ("record", "add_or_remove", [laplace("record", "add_or_remove")]),
        ("record", "add_or_remove", [laplace("participant", "zero_out")]),
        ("participant", "replace", [laplace("participant", "replace")]),
        ("participant", "replace", [PlainValues(1), PlainSelection(1, "largest")]),
        ("record", "replace", [GaussianSteps(1.0, 0.1, unit="participant", relation="zero_out")]),
    ],
)
def test_it_counts_what_speaks_of_its_neighbours(unit, relation, events):
    budget(unit=unit, relation=relation).require_counts(events)


@pytest.mark.parametrize(
    ("unit", "relation", "event"),
    [
        ("record", "replace", laplace("record", "add_or_remove")),
        ("participant", "replace", laplace("record", "replace")),
        ("participant", "replace", laplace("participant", "zero_out")),
        ("record", "zero_out", GaussianSteps(1.0, 0.1, unit="participant", relation="zero_out")),
    ],
)
def test_it_refuses_what_does_not(unit, relation, event):
    told = f"for each {unit} under the relation {relation} cannot count a release for each"
    with pytest.raises(ValueError, match=told):
        budget(unit=unit, relation=relation).require_counts([event])


def test_exhaustion_says_who_what_and_that_nothing_was_sent():
    refused = BudgetExhausted(participant=7, spent=9.8, budget=10.0, cost=0.5)
    assert str(refused) == (
        "participant 7 has spent epsilon 9.8 of 10 and this upload costs 0.5; nothing was sent"
    )
    assert (refused.participant, refused.spent, refused.budget, refused.cost) == (7, 9.8, 10.0, 0.5)
    plain = BudgetExhausted(participant=0, spent=0.0, budget=1 / 3, cost=math.inf)
    assert str(plain) == (
        "participant 0 has spent epsilon 0 of 0.333333 and this upload costs infinity; "
        "nothing was sent"
    )


def test_exhaustion_travels_between_processes():
    refused = BudgetExhausted(participant=7, spent=9.8, budget=10.0, cost=0.5)
    back = pickle.loads(pickle.dumps(refused))
    assert (str(back), vars(back)) == (str(refused), vars(refused))
