"""The residual: what was not sent is not lost."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.sharing.residual import Residual, settled, what_remains
from tithe.sharing.stages import Coins, keep_largest
from tithe.sharing.update import everything

COINS = Coins(torch.Generator(), torch.Generator())
changes = st.lists(st.floats(-8, 8, width=16), min_size=2, max_size=40).map(torch.tensor)


@given(changes)
def test_sent_and_kept_together_are_what_was_offered(wanted):
    sent, _ = keep_largest(theta_u=0.3)(everything(wanted), COINS)
    kept = what_remains(wanted, sent, Residual(keep=1.0))
    assert torch.equal(kept + sent.dense(), wanted)
    assert bool((kept[sent.indices] == 0).all())


def test_everything_reaches_the_server_in_the_end(rng):
    offered = torch.zeros(20)
    received = torch.zeros(20)
    rule, residual = Residual(keep=1.0), None
    for turn in range(30):
        change = torch.randn(20, generator=rng) if turn < 5 else torch.zeros(20)
        offered += change
        wanted = rule.what_to_send(change, torch.zeros(20), torch.zeros(20), residual)
        sent, _ = keep_largest(theta_u=0.1)(everything(wanted), COINS)
        received += sent.dense()
        residual = what_remains(wanted, sent, rule)
    assert torch.allclose(received, offered, atol=1e-5)


def test_the_papers_rule_keeps_nothing():
    sent, _ = keep_largest(theta_u=0.5)(everything(torch.ones(4)), COINS)
    assert what_remains(torch.ones(4), sent, Residual(keep=0.0)) is None


def test_a_bounded_value_leaves_its_rest_behind():
    wanted = torch.tensor([5.0, 1.0])
    sent = everything(torch.tensor([2.0, 1.0]))
    assert what_remains(wanted, sent, Residual(keep=0.5)).tolist() == [1.5, 0.0]


def test_training_from_the_residual_starts_there_and_counts_it_once():
    rule = Residual(keep=1.0, train_from_it=True)
    downloaded, residual = torch.tensor([1.0, 1.0]), torch.tensor([0.5, 0.0])
    start = rule.where_to_start(downloaded, residual)
    after = start + torch.tensor([0.25, 0.25])
    assert start.tolist() == [1.5, 1.0]
    assert rule.what_to_send(after, start, downloaded, residual).tolist() == [0.75, 0.25]


@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan")])
def test_a_share_outside_its_range_is_refused(keep):
    with pytest.raises(ValueError, match=r"residual keep must be in \[0, 1\]"):
        Residual(keep=keep)


@given(changes, st.integers(0, 2**31))
def test_settling_never_grows_or_turns_a_residual(residual, seed):
    moved = 4 * torch.randn(len(residual), generator=torch.Generator().manual_seed(seed))
    rest = settled(residual, moved)
    assert bool((rest.abs() <= residual.abs()).all())
    assert bool((rest * residual >= 0).all())
    untouched = moved * residual <= 0
    assert torch.equal(rest[untouched], residual[untouched])


def test_settling_by_hand():
    residual = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, 0.0])
    moved = torch.tensor([0.25, 3.0, -2.0, -0.5, 2.0, 5.0])
    assert settled(residual, moved).tolist() == [0.75, 0.0, 1.0, -0.5, -1.0, 0.0]
