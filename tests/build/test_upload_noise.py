"""Noise on what a participant uploads: what was charged is what was drawn."""

from __future__ import annotations

import pytest
import scipy.stats
import torch

from tests.private_plans import AS_PRINTED, BY_PARTICIPANT, PARTICIPANT, SMALL
from tithe.build.upload_noise import upload_noise
from tithe.plan import load_plan
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import GaussianSteps, GumbelSelection, LaplaceRelease
from tithe.sharing.stages import Coins
from tithe.sharing.update import everything

FALSE_ALARM = 1e-6
every_way = pytest.mark.parametrize("changes", BY_PARTICIPANT.values(), ids=BY_PARTICIPANT)


def noise_of(changes, *, size):
    plan = load_plan(SMALL, changes)
    return upload_noise(plan.privacy, plan.sharing, size=size)


def coins(seed=1):
    own = torch.Generator().manual_seed(seed)
    return Coins(own, torch.Generator().manual_seed(99))


def shared(changes, change, *, scale, seed=1):
    events_at, finish = noise_of(changes, size=change.numel())
    stage, private = finish(scale)
    assert private is None
    update, events = stage(everything(change), coins(seed))
    return update, events, events_at(scale)


@every_way
@pytest.mark.parametrize("scale", [0.5, 30.0])
def test_the_stages_release_just_what_is_charged(changes, scale, rng):
    update, events, charged = shared(changes, torch.randn(1000, generator=rng), scale=scale)
    assert events == charged
    assert update.is_private
    assert len(update) <= 10
    assert update.indices.tolist() == sorted(set(update.indices.tolist()))


@every_way
def test_a_larger_scale_costs_less(changes):
    events_at, _ = noise_of(changes, size=1000)
    epsilons = [epsilon_of(events_at(s), delta=1e-5, accountant="rdp") for s in (1.0, 3.0, 30.0)]
    assert epsilons == sorted(epsilons, reverse=True)
    assert epsilons[0] > 5 * epsilons[2]


@every_way
def test_all_zero_and_one_parameter_cost_the_same_as_any(changes):
    for change in (torch.zeros(1000), torch.ones(1)):
        update, events, charged = shared(changes, change, scale=2.0)
        assert events == charged and update.is_private


def bound_of(event, plan):
    """What the noise scale of an event is counted in, in the units of the values."""
    bound = plan.privacy.l2_norm_bound if isinstance(event, GaussianSteps) else plan.sharing.gamma
    return bound * (2 if event.relation == "replace" else 1)


def law_of(event, plan, *, factor=1.0):
    """The distribution of the noise that an event was charged for, or of a wrong one."""
    if isinstance(event, GaussianSteps):
        return scipy.stats.norm(scale=factor * event.noise_multiplier * bound_of(event, plan)).cdf
    return scipy.stats.laplace(scale=factor * event.scale * bound_of(event, plan)).cdf


@every_way
def test_the_noise_that_leaves_is_the_noise_that_was_charged(changes):
    changes = [*changes, "sharing.theta_u=1.0", "sharing.tau=0.0"]
    update, events, _ = shared(changes, torch.zeros(12_000), scale=3.0)
    release = events[-1]
    plan = load_plan(SMALL, changes)
    values = update.values.double().numpy()
    assert len(values) > 3000
    assert scipy.stats.kstest(values, law_of(release, plan)).pvalue > FALSE_ALARM
    for factor in (0.7, 1.4):
        wrong = law_of(release, plan, factor=factor)
        assert scipy.stats.kstest(values, wrong).pvalue < FALSE_ALARM


@every_way
def test_no_value_counts_for_more_than_its_bound(changes):
    # With next to no noise, what leaves of a huge change is the bound itself.
    plan = load_plan(SMALL, changes)
    update, events, _ = shared(changes, torch.full((1000,), 1e6), scale=1e-4)
    assert len(update) == 10
    if isinstance(events[-1], GaussianSteps):
        # Noise first bounds the norm of all 1000 values, of which 10 leave.
        bound = 0.1 if plan.privacy.mechanism == "noise_first" else 1.0
        assert float(update.values.norm()) == pytest.approx(bound, rel=0.01)
    else:
        largest = float(update.values.abs().max())
        assert largest <= plan.sharing.gamma + 40 * events[-1].scale * bound_of(events[-1], plan)
        assert largest >= plan.sharing.gamma * 0.9


@pytest.mark.parametrize("mechanism", ["noise_first", "gumbel", "sparse_vector"])
def test_little_noise_finds_the_largest_values(mechanism):
    change = torch.full((1000,), 1e-4)
    change[100:110] = -0.009
    changes = [*PARTICIPANT, f"privacy.mechanism={mechanism}", "sharing.tau=0.005"]
    update, _, _ = shared([*changes, "privacy.release=laplace"], change, scale=1e-6)
    assert update.indices.tolist() == list(range(100, 110))


def test_a_mask_is_public_and_the_same_for_everybody():
    change = torch.zeros(1000)
    one, _, _ = shared(PARTICIPANT, change, scale=1.0, seed=1)
    other, _, _ = shared(PARTICIPANT, change + 1, scale=1.0, seed=2)
    assert torch.equal(one.indices, other.indices)
    assert not torch.equal(one.values, other.values)


@pytest.mark.parametrize("relation", ["zero_out", "replace"])
@pytest.mark.parametrize("share", [0.2, 0.8])
@pytest.mark.parametrize("release", ["laplace", "gaussian"])
def test_the_choice_takes_its_share_of_the_cost(share, release, relation):
    changes = [
        *PARTICIPANT,
        "privacy.mechanism=gumbel",
        f"privacy.release={release}",
        f"privacy.selection_share={share}",
        f"privacy.relation={relation}",
    ]
    events_at, _ = noise_of(changes, size=1000)
    choice, values = events_at(5.0)
    assert isinstance(choice, GumbelSelection)
    if release == "laplace":
        parts = [epsilon_of([each], delta=0.0, accountant="pure") for each in (choice, values)]
    else:  # in zero-concentrated cost: rho of Gumbel is epsilon0^2/8 each, of Gauss 1/(2 sigma^2)
        parts = [choice.count * (2 / choice.scale) ** 2 / 8, 1 / (2 * values.noise_multiplier**2)]
    assert parts[0] / sum(parts) == pytest.approx(share)


def test_secure_noise_is_new_every_time_and_simulated_noise_is_not():
    change = torch.zeros(1000)
    for noise, is_same in (("simulated", True), ("secure", False)):
        changes = [*PARTICIPANT, f"privacy.noise={noise}"]
        one, other = (shared(changes, change, scale=1.0)[0].values for _ in range(2))
        assert torch.equal(one, other) == is_same


def test_as_printed_bounds_what_it_should_have_noised():
    update, events, charged = shared(AS_PRINTED, torch.full((1000,), 1e6), scale=1.0)
    assert events == charged
    assert not update.is_private
    # No noise of this size moves a value from far outside back below the bound: it shows through.
    assert bool((update.values == 0.01).all())
    assert not any(isinstance(event, LaplaceRelease) for event in events)


@pytest.mark.parametrize("mechanism", ["mask", "noise_first", "sparse_vector_paper"])
def test_bounded_after_the_noise_it_is_the_same_release_cut_off_and_costs_the_same(mechanism):
    plain = [*PARTICIPANT, f"privacy.mechanism={mechanism}"]
    change = torch.full((1000,), 0.008)
    loose, _, cost = shared(plain, change, scale=20.0)
    bounded, events, _ = shared([*plain, "privacy.bound_after=true"], change, scale=20.0)
    assert events == cost
    assert loose.indices.equal(bounded.indices)
    assert float(loose.values.abs().max()) > 0.01
    assert bounded.values.equal(loose.values.clamp(-0.01, 0.01))
