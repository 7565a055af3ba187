"""Private stages: what each bounds, chooses and adds, what it costs, and what comes after."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainSelection,
    PlainValues,
    SparseVectorSelection,
)
from tithe.privacy.numeric_sparse import optimal_scales
from tithe.randomness import SeededBits
from tithe.sharing.private_stages import (
    keep_by_gumbel,
    release_gaussian,
    release_laplace,
    share_by_sparse_vector,
)
from tithe.sharing.stages import Coins, bound_each, chain, keep_largest, keep_mask
from tithe.sharing.update import everything

FALSE_ALARM = 1e-6
GAMMA = 0.01
TINY = 1e-5  # of a bound: noise that a test may overlook

changes = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40).map(torch.tensor)


def coins(seed=3):
    return Coins(torch.Generator().manual_seed(seed), torch.Generator().manual_seed(8))


def laplace_stage(scale=2.0, relation="zero_out"):
    return release_laplace(gamma=GAMMA, scale_in_gamma=scale, relation=relation, bits_of=SeededBits)


def gaussian_stage(scale=2.0, relation="zero_out"):
    return release_gaussian(
        l2_norm_bound=1.0, noise_multiplier=scale, relation=relation, bits_of=SeededBits
    )


def gumbel_stage(scale=2.0, theta_u=0.1, relation="zero_out"):
    return keep_by_gumbel(
        gamma=GAMMA,
        theta_u=theta_u,
        scale_in_gamma=scale,
        relation=relation,
        bits_of=SeededBits,
    )


def sparse_stage(epsilon=5.0, relation="zero_out", count=10, **others):
    return share_by_sparse_vector(
        gamma=GAMMA,
        tau=0.0,
        theta_u=0.1,
        scales=optimal_scales(epsilon=epsilon, gamma=GAMMA, count=count, relation=relation),
        is_redrawn=False,
        relation=relation,
        bits_of=SeededBits,
        **others,
    )


RELEASES = {"laplace": laplace_stage, "gaussian": gaussian_stage, "sparse vector": sparse_stage}
every_release = pytest.mark.parametrize("make", RELEASES.values(), ids=RELEASES)


@given(changes)
def test_laplace_bounds_each_value_and_gaussian_the_norm(change):
    laplaced, _ = laplace_stage(TINY)(everything(change), coins())
    bounded = change.clamp(-GAMMA, GAMMA)
    assert torch.allclose(laplaced.values, bounded, atol=60 * TINY * GAMMA)
    gaussed, _ = gaussian_stage(TINY)(everything(change), coins())
    wanted = change / max(1.0, float(change.norm()))
    assert torch.allclose(gaussed.values, wanted, atol=20 * TINY)


@every_release
def test_what_was_released_is_private_and_anything_after_it_is_free(make, rng):
    update, events = make()(everything(torch.randn(100, generator=rng)), coins())
    assert update.is_private
    assert all(not isinstance(event, PlainSelection | PlainValues) for event in events)
    after, more = chain(keep_largest(theta_u=0.05), bound_each(gamma=1e-3))(update, coins())
    assert more == []
    assert after.is_private and len(after) <= 5


@pytest.mark.parametrize("relation", ["zero_out", "replace"])
def test_a_release_tells_what_it_costs(relation):
    apart = 2 if relation == "replace" else 1
    update = everything(torch.ones(50))
    about = {"unit": "participant", "relation": relation}
    _, events = laplace_stage(6.0, relation)(update, coins())
    assert events == [LaplaceRelease(6.0 / apart, 50, **about)]
    _, events = gaussian_stage(6.0, relation)(update, coins())
    assert events == [GaussianSteps(6.0 / apart, **about)]
    chosen, events = gumbel_stage(6.0, relation=relation)(update, coins())
    assert len(chosen) == 5 and not chosen.is_private  # the choice is paid, the values are not
    # The score |bounded v| lies in [0, gamma]; without the participant all of them can only fall,
    # and half the width within which they move is what Gumbel noise has to hide.
    assert events == [GumbelSelection(6.0 if apart == 2 else 12.0, 5, **about)]


def test_a_sparse_vector_is_charged_in_full_whether_or_not_as_many_passed():
    everybody, events = sparse_stage(1e5)(everything(torch.full((100,), 1.0)), coins())
    nobody, same = share_by_sparse_vector(
        gamma=GAMMA,
        tau=GAMMA,
        theta_u=0.1,
        scales=optimal_scales(epsilon=1e5, gamma=GAMMA, count=10, relation="zero_out"),
        is_redrawn=False,
        relation="zero_out",
        bits_of=SeededBits,
    )(everything(torch.zeros(100)), coins())
    assert len(everybody) == 10 and len(nobody) == 0
    assert nobody.is_private
    assert events == same
    selection, release = events
    assert isinstance(selection, SparseVectorSelection) and selection.count == 10
    assert isinstance(release, LaplaceRelease) and release.count == 10


def test_as_printed_is_a_plain_release():
    update, events = sparse_stage(form="as_printed")(everything(torch.ones(100)), coins())
    assert not update.is_private
    assert events[-1] == PlainValues(10)


def test_a_plain_choice_before_a_release_still_costs_infinity(rng):
    share = chain(keep_largest(theta_u=0.1), laplace_stage())
    _, events = share(everything(torch.randn(100, generator=rng)), coins())
    assert events[0] == PlainSelection(10, "largest")


def test_a_public_choice_before_a_release_costs_nothing():
    share = chain(keep_mask(theta_u=0.1), laplace_stage())
    update, events = share(everything(torch.ones(100)), coins())
    assert [event.count for event in events] == [10] == [len(update)]


def test_an_empty_update_is_private_as_it_is():
    nothing = everything(torch.ones(10)).take(torch.tensor([], dtype=torch.int64))
    update, events = laplace_stage()(nothing, coins())
    assert update.is_private and len(update) == 0 and events == []


@every_release
def test_every_turn_draws_noise_of_its_own_and_the_same_again(make):
    # So many values above the bound that only the noise can tell two turns apart.
    change = everything(torch.full((100,), 1.0))
    one, _ = make()(change, coins(1))
    again, _ = make()(change, coins(1))
    other, _ = make()(change, coins(2))
    assert torch.equal(one.dense(), again.dense())
    assert not torch.equal(one.dense(), other.dense())


@every_release
def test_the_change_that_came_in_is_left_as_it_was(make):
    change = torch.full((100,), 5.0)
    make()(everything(change), coins())
    assert torch.equal(change, torch.full((100,), 5.0))


@every_release
def test_a_value_that_is_no_number_never_reaches_the_noise(make):
    change = torch.zeros(100)
    change[7] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        make()(everything(change), coins())


def test_laplace_and_gaussian_noise_follow_their_laws():
    zeros = everything(torch.zeros(20_000))
    laplaced, _ = laplace_stage(2.0)(zeros, coins())
    gaussed, _ = gaussian_stage(2.0)(zeros, coins())
    laws = {
        "laplace": (laplaced, scipy.stats.laplace(scale=2 * GAMMA), 2.6 * GAMMA),
        "norm": (gaussed, scipy.stats.norm(scale=2.0), 2.5),
    }
    for name, (update, law, wrong_scale) in laws.items():
        values = update.values.double().numpy()
        assert scipy.stats.kstest(values, law.cdf).pvalue > FALSE_ALARM
        wrong = getattr(scipy.stats, name)(scale=wrong_scale)
        assert scipy.stats.kstest(values, wrong.cdf).pvalue < FALSE_ALARM


def test_choice_and_release_draw_from_different_parts_of_the_stream():
    # If they shared their words, the noise on the values chosen would tell of the noise that chose.
    change = everything(torch.zeros(20_000))
    chosen, _ = chain(gumbel_stage(theta_u=0.25), laplace_stage(2.0))(change, coins())
    law = scipy.stats.laplace(scale=2 * GAMMA)
    assert scipy.stats.kstest(chosen.values.double().numpy(), law.cdf).pvalue > FALSE_ALARM
    # The values of a release that repeats the stream from its start are the same, seen alone.
    alone, _ = laplace_stage(2.0)(replace(chosen, values=torch.zeros(5000)), coins())
    assert not torch.equal(alone.values, chosen.values)
