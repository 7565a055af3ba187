"""The audit of stages that deploy: sound ones pass, every planted fault is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binom

from tithe.audit.mechanism import Pair, audit_mechanism, neighbouring_changes, turns_of
from tithe.audit.tell_apart import tell_apart
from tithe.checks import BadInput
from tithe.privacy.events import LaplaceRelease
from tithe.privacy.numeric_sparse import optimal_scales, paper_scales
from tithe.privacy.release import laplace_release_event
from tithe.randomness import SeededBits
from tithe.sharing.private_stages import (
    keep_by_gumbel,
    release_gaussian,
    release_laplace,
    share_by_sparse_vector,
)
from tithe.sharing.residual import Residual, what_remains
from tithe.sharing.stages import bound_each, chain, keep_largest
from tithe.sharing.update import everything

FALSE_ALARM = 1e-6
SIZE, GAMMA, SCALE = 2, 0.5, 4.0
EPSILON = SIZE * 2 / SCALE  # of one Laplace release under "replace"
LAPLACE = {"gamma": GAMMA, "scale_in_gamma": SCALE, "relation": "replace"}


def audited(play, *, pairs=None, num_runs=600, **options):
    pairs = pairs or neighbouring_changes(SIZE, gamma=GAMMA, relation="replace")
    return audit_mechanism(play, pairs, num_runs=num_runs, seed=1, **options)


def only(name, **options):
    given = {"gamma": GAMMA, "relation": "replace", **options}
    return [pair for pair in neighbouring_changes(SIZE, **given) if pair.name == name]


# ------------------------------------------------------------------ the judge


def randomized_response(rng, bit, *, epsilon, num_runs):
    told = rng.random(num_runs) < 1 / (1 + np.exp(-epsilon))
    return np.where(told, bit, 1 - bit)[:, None].astype(float)


def test_false_alarms_of_the_judge_are_no_more_frequent_than_promised():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(200):
        sides = [randomized_response(rng, bit, epsilon=1.0, num_runs=400) for bit in (0, 1)]
        alarms += tell_apart(*sides, confidence=0.9).epsilon > 1.0
    assert binom.sf(alarms - 1, 200, 0.1) > FALSE_ALARM


def test_the_judge_comes_close_to_a_known_epsilon():
    rng = np.random.default_rng(5)
    sides = [randomized_response(rng, bit, epsilon=1.0, num_runs=20_000) for bit in (0, 1)]
    assert 0.85 < tell_apart(*sides).epsilon <= 1.0
    assert tell_apart(sides[0], sides[0][::-1]).epsilon < 0.1


def test_outputs_that_never_overlap_reach_the_ceiling():
    told = tell_apart(np.zeros((400, 1)), np.ones((400, 1)))
    assert told.epsilon == pytest.approx(told.ceiling)


def test_too_few_runs_and_outputs_of_two_shapes_are_refused():
    with pytest.raises(BadInput, match="at least 40 times"):
        tell_apart(np.zeros((39, 1)), np.zeros((39, 1)))
    with pytest.raises(BadInput, match="one shape"):
        tell_apart(np.zeros((40, 1)), np.zeros((40, 2)))
    with pytest.raises(BadInput, match="at least one pair"):
        audit_mechanism(turns_of(bound_each(gamma=1.0)), [], seed=1)


# ------------------------------------------------------------------ sound stages


def test_a_laplace_release_passes_and_much_of_its_cost_is_seen():
    found = audited(
        turns_of(release_laplace(bits_of=SeededBits, **LAPLACE)),
        pairs=only("every value at its bound"),
        num_runs=2000,
    )
    assert found.claimed == pytest.approx(EPSILON)
    assert 0.3 * EPSILON < found.shown <= EPSILON


SOUND = {
    "laplace": release_laplace(bits_of=SeededBits, **LAPLACE),
    "gaussian": release_gaussian(
        l2_norm_bound=1.0, noise_multiplier=3.0, relation="replace", bits_of=SeededBits
    ),
    "gumbel, then laplace": chain(
        keep_by_gumbel(theta_u=0.5, bits_of=SeededBits, **LAPLACE),
        release_laplace(bits_of=SeededBits, **LAPLACE),
    ),
    "sparse vector": share_by_sparse_vector(
        gamma=GAMMA,
        tau=0.1,
        theta_u=0.5,
        scales=paper_scales(epsilon=2.0, gamma=GAMMA, count=1),
        is_redrawn=True,
        relation="replace",
        bits_of=SeededBits,
    ),
    "noise first, then the largest": chain(
        release_laplace(bits_of=SeededBits, **LAPLACE), keep_largest(theta_u=0.5)
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_stages_with_a_residual_pass_on_every_pair(name):
    delta = 1e-2 if name == "gaussian" else 0.0
    play = turns_of(SOUND[name], residual=Residual(keep=1.0))
    found = audited(play, delta=delta, num_runs=150)
    assert found.claimed < 10
    assert not found.is_rejected


def test_plain_selection_claims_nothing_so_it_is_not_rejected():
    found = audited(turns_of(keep_largest(theta_u=0.5)), num_runs=100)
    assert found.claimed == float("inf")
    assert found.shown == pytest.approx(found.ceiling)
    assert not found.is_rejected


# ------------------------------------------------------------------ planted faults


def charged_as(stage, *events):
    """The stage with another bill."""
    return lambda update, coins: (stage(update, coins)[0], list(events))


def laplace_event(count=SIZE, scale=SCALE):
    return laplace_release_event(
        count, scale_in_gamma=scale, unit="participant", relation="replace"
    )


def test_noise_four_times_too_small_is_caught():
    weaker = release_laplace(bits_of=SeededBits, **{**LAPLACE, "scale_in_gamma": SCALE / 4})
    found = audited(
        turns_of(charged_as(weaker, laplace_event())), pairs=only("every value at its bound")
    )
    assert found.is_rejected
    assert found.shown > 1.5 * EPSILON


def test_a_forgotten_count_is_caught():
    # c values leave and one is charged.
    size = 8
    stage = release_laplace(bits_of=SeededBits, **LAPLACE)
    pairs = neighbouring_changes(size, gamma=GAMMA, relation="replace", num_turns=1)
    found = audited(turns_of(charged_as(stage, laplace_event(count=1))), pairs=pairs)
    assert found.claimed == pytest.approx(2 / SCALE)
    assert found.is_rejected
    assert not audited(turns_of(stage), pairs=pairs, num_runs=200).is_rejected


@pytest.mark.slow
def test_a_forgotten_count_of_the_sparse_vector_is_caught():
    size, count, epsilon = 8, 4, 1.0
    options = {
        "gamma": GAMMA, "is_redrawn": False, "relation": "replace", "bits_of": SeededBits,
        "tau": 0.2, "theta_u": count / size,
    }  # fmt: skip

    def scales(num_charged):
        return optimal_scales(
            epsilon=epsilon,
            gamma=GAMMA,
            count=num_charged,
            unit="participant",
            relation="replace",
            release_share=0.8,
        )

    honest = share_by_sparse_vector(scales=scales(count), **options)
    forgets = share_by_sparse_vector(scales=scales(1), **options)
    _, bill = honest(everything(torch.ones(size)), coins_of())
    pairs = neighbouring_changes(size, gamma=GAMMA, relation="replace", num_turns=1)[:1]
    found = audited(turns_of(charged_as(forgets, *bill)), pairs=pairs, num_runs=1000)
    assert found.claimed == pytest.approx(epsilon)
    assert found.is_rejected


def coins_of(seed=1):
    from tithe.sharing.stages import Coins

    rng = torch.Generator().manual_seed(seed)
    return Coins(rng, rng)


def test_a_release_without_a_bound_is_caught():
    def stage(update, coins):
        noise = np.random.default_rng(int(torch.randint(2**60, (1,), generator=coins.own)))
        values = (
            update.values + torch.from_numpy(noise.laplace(0, GAMMA * SCALE, len(update))).float()
        )
        return replace(update.with_values(values), is_private=True), [laplace_event()]

    found = audited(turns_of(stage))
    assert found.is_rejected
    assert found.pair == "values far beyond the bound"


def test_noise_that_is_used_again_in_the_next_turn_is_caught():
    first = {}

    def same_bits(rng):
        """A fresh participant draws once and keeps its seed for all turns."""
        first.setdefault("seed", int(torch.randint(2**60, (1,), generator=rng)))
        return SeededBits(torch.Generator().manual_seed(first["seed"]))

    stage = release_laplace(bits_of=same_bits, **LAPLACE)
    inner = turns_of(stage)

    def play(changes, coins):
        first.clear()
        return inner(changes, coins)

    found = audited(play, pairs=only("signs that change every turn"), num_runs=200)
    assert found.is_rejected


def test_a_residual_that_carries_values_around_the_noise_is_caught():
    # The bound and the noise see the change alone; what was left over joins what leaves as it is.
    stage = release_laplace(bits_of=SeededBits, **LAPLACE)

    def play(changes, coins):
        updates, events, left = [], [], torch.zeros(SIZE)
        for change in changes:
            update, charged = stage(everything(change), coins)
            leaves = update.with_values(update.values + left)
            left = what_remains(change, update, Residual(keep=1.0))
            updates.append(leaves)
            events += charged
        return updates, events

    found = audited(play, pairs=only("one far change, then nothing"), num_runs=300)
    assert found.is_rejected


def test_neighbours_differ_as_their_relation_says():
    for relation, opposite in (("replace", -GAMMA), ("zero_out", 0.0)):
        pair = neighbouring_changes(3, gamma=GAMMA, relation=relation)[0]
        assert isinstance(pair, Pair)
        assert pair.one[0].tolist() == [GAMMA] * 3
        assert pair.other[0].tolist() == [opposite] * 3
    assert len(neighbouring_changes(3, gamma=1.0, relation="replace", num_turns=1)) == 2
    assert isinstance(laplace_event(), LaplaceRelease)
