"""Stages: what each keeps, what it costs, and how they join."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.privacy.events import PlainSelection
from tithe.sharing.stages import (
    Coins,
    bound_each,
    chain,
    keep_largest,
    keep_mask,
    keep_random_above,
)
from tithe.sharing.update import everything

changes = st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=50).map(torch.tensor)


def both(rng: torch.Generator) -> Coins:
    return Coins(own=rng, public=rng)


selections = pytest.mark.parametrize(
    "stage",
    [keep_largest(theta_u=0.2), keep_random_above(tau=0.1, theta_u=0.2), keep_mask(theta_u=0.2)],
)


@given(changes, st.floats(1e-6, 1e3))
def test_bound_never_enlarges_and_is_idempotent(change, gamma):
    coins = both(torch.Generator())
    once, events = bound_each(gamma=gamma)(everything(change), coins)
    twice, _ = bound_each(gamma=gamma)(once, coins)
    assert events == []
    assert bool((once.values.abs() <= change.abs()).all())
    assert bool((once.values.abs() <= torch.tensor(gamma, dtype=torch.float32)).all())
    assert torch.equal(once.values, twice.values)


@selections
def test_every_selection_keeps_values_as_they_are_and_at_most_the_fraction(stage, rng):
    change = torch.randn(100, generator=rng)
    kept, _ = stage(everything(change), both(rng))
    assert 1 <= len(kept) <= 20
    assert torch.equal(kept.values, change[kept.indices])
    assert kept.size == 100


@selections
def test_selection_of_private_values_is_free(stage, rng):
    update = replace(everything(torch.randn(100, generator=rng)), is_private=True)
    kept, events = stage(update, both(rng))
    assert events == []
    assert kept.is_private


def test_selection_by_raw_values_is_an_event_and_a_mask_is_none(rng):
    update = everything(torch.randn(100, generator=rng))
    assert keep_largest(theta_u=0.1)(update, both(rng))[1] == [PlainSelection(10, "largest")]
    assert keep_random_above(tau=0.0, theta_u=0.1)(update, both(rng))[1] == [
        PlainSelection(10, "random_above_tau")
    ]
    assert keep_mask(theta_u=0.1)(update, both(rng))[1] == []
    assert keep_largest(theta_u=1.0)(update, both(rng))[1] == []


def test_selecting_before_bounding_finds_the_largest_that_bounding_first_ties(rng):
    change = torch.tensor([0.002, 0.003, 0.009, 0.001])
    ours = chain(keep_largest(theta_u=0.25), bound_each(gamma=0.001))
    papers = chain(bound_each(gamma=0.001), keep_largest(theta_u=0.25))
    assert ours(everything(change), both(rng))[0].indices.tolist() == [2]
    assert papers(everything(change), both(rng))[0].indices.tolist() == [0]


def test_a_chain_keeps_the_events_of_all_its_stages_in_order(rng):
    share = chain(keep_random_above(tau=0.0, theta_u=0.5), keep_largest(theta_u=0.1))
    _, events = share(everything(torch.randn(100, generator=rng)), both(rng))
    assert events == [PlainSelection(50, "random_above_tau"), PlainSelection(10, "largest")]


def test_an_empty_chain_shares_everything(rng):
    change = torch.randn(5, generator=rng)
    update, events = chain()(everything(change), both(rng))
    assert torch.equal(update.dense(), change)
    assert events == []


@pytest.mark.parametrize("change", [torch.zeros(10), torch.ones(1)])
def test_all_zero_and_one_parameter_are_shared_without_fuss(change, rng):
    kept, _ = chain(keep_largest(theta_u=0.5), bound_each(gamma=1.0))(everything(change), both(rng))
    assert len(kept) == max(1, len(change) // 2)


def test_nothing_above_tau_shares_nothing(rng):
    kept, _ = keep_random_above(tau=1.0, theta_u=0.5)(everything(torch.zeros(10)), both(rng))
    assert len(kept) == 0
