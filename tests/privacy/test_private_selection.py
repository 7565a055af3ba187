"""One-shot Gumbel selection: the law of peeling, its price, and no loss above it."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.privacy.auditor import audit
from tithe.privacy import private_selection
from tithe.privacy.private_selection import (
    gumbel_event,
    gumbel_scale_for,
    gumbel_sensitivity,
    select_by_gumbel,
)
from tithe.randomness import SecureBits, SeededBits

FALSE_ALARM = 1e-6


def bits_of(rng):
    return SeededBits(rng)


# ------------------------------------------------------------------ the selection


@given(
    st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=40),
    st.integers(1, 50),
    st.integers(0, 2**32),
)
def test_a_selection_has_exactly_count_ascending_positions(values, count, seed):
    bits = bits_of(torch.Generator().manual_seed(seed))
    chosen = select_by_gumbel(torch.tensor(values), gamma=1.0, count=count, scale=0.5, bits=bits)
    assert len(chosen) == min(count, len(values))
    assert chosen.dtype == torch.int64
    assert bool((chosen.diff() > 0).all())


def test_without_noise_the_largest_magnitudes_are_chosen(rng):
    values = torch.tensor([0.1, -0.9, 0.5, 0.8, -0.2])
    chosen = select_by_gumbel(values, gamma=1.0, count=2, scale=1e-9, bits=bits_of(rng))
    assert chosen.tolist() == [1, 3]


def test_values_past_the_bound_count_as_the_bound(rng):
    values = 3 * torch.randn(300, generator=rng)
    raw, bounded = (
        select_by_gumbel(
            given,
            gamma=1.0,
            count=30,
            scale=0.3,
            bits=bits_of(torch.Generator().manual_seed(5)),
        )
        for given in (values, values.clamp(-1, 1))
    )
    assert torch.equal(raw, bounded)


def test_each_vector_of_a_batch_is_chosen_from_alone(rng):
    values = torch.eye(4).reshape(2, 2, 4)
    chosen = select_by_gumbel(values, gamma=1.0, count=1, scale=1e-9, bits=bits_of(rng))
    assert chosen.tolist() == [[[0], [1]], [[2], [3]]]
    everything = select_by_gumbel(values, gamma=1.0, count=4, scale=1e-9, bits=bits_of(rng))
    assert everything.shape == (2, 2, 4)


def test_many_parts_find_a_planted_set(monkeypatch, rng):
    monkeypatch.setattr(private_selection, "_AT_ONCE", 64)
    values = torch.zeros(1000)
    planted = torch.arange(0, 1000, 7)
    values[planted] = 1.0
    chosen = select_by_gumbel(values, gamma=1.0, count=len(planted), scale=1e-3, bits=bits_of(rng))
    assert torch.equal(chosen, planted)


def test_scores_that_tie_give_the_lowest_positions():
    chosen = private_selection._largest(torch.tensor([1.0, 3.0, 2.0, 2.0, 2.0]), count=3)
    assert chosen.tolist() == [1, 2, 3]


def test_it_leaves_its_input_as_it_was_and_runs_on_bits_that_nobody_can_repeat():
    values = torch.tensor([-5.0, 0.0, 0.1], dtype=torch.float64)
    chosen = select_by_gumbel(values, gamma=1.0, count=1, scale=1e-9, bits=SecureBits())
    assert chosen.tolist() == [0]
    assert values.tolist() == [-5.0, 0.0, 0.1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gamma": -1.0}, "gamma must be finite and > 0, got -1.0"),
        ({"scale": float("inf")}, "scale must be finite and > 0, got inf"),
        ({"count": 0}, "count must be finite and >= 1, got 0"),
        ({"values": torch.tensor([float("nan"), 1.0])}, "values must be finite, got 1 of 2"),
        ({"values": torch.tensor(1.0)}, r"values must have shape \(\.\.\., d\)"),
    ],
)
def test_what_it_cannot_use_is_refused(wrong, message, rng):
    right = {"values": torch.zeros(3), "gamma": 1.0, "count": 1, "scale": 1.0}
    with pytest.raises(ValueError, match=message):
        select_by_gumbel(**{**right, **wrong}, bits=bits_of(rng))


# ------------------------------------------------------------------ its law


def peeling_law(scores, *, count, scale):
    """The probability of every set that ``count`` exponential mechanisms in a row may pick."""
    law = defaultdict(float)
    weights = np.exp(np.asarray(scores) / scale)
    for picks in itertools.permutations(range(len(scores)), count):
        left, probability = weights.sum(), 1.0
        for pick in picks:
            probability *= weights[pick] / left
            left -= weights[pick]
        law[frozenset(picks)] += probability
    return law


def test_selected_sets_follow_the_law_of_peeling(rng):
    values = torch.tensor([0.1, -0.9, 0.5, 1.0, 0.0], dtype=torch.float64)
    num_runs, scale = 20_000, 0.5
    chosen = select_by_gumbel(
        values.expand(num_runs, -1), gamma=1.0, count=2, scale=scale, bits=bits_of(rng)
    )
    seen = Counter(frozenset(row) for row in chosen.tolist())

    def pvalue(law):
        return chisquare(
            [seen[picked] for picked in law], [num_runs * share for share in law.values()]
        ).pvalue

    right = peeling_law(values.abs(), count=2, scale=scale)
    assert pvalue(right) > FALSE_ALARM
    assert pvalue(peeling_law(values.abs(), count=2, scale=0.55)) < FALSE_ALARM
    # One exponential mechanism over whole sets, scored by their sum, is another law.
    sums = {
        frozenset(pair): math.exp(float(values[list(pair)].abs().sum()) / scale)
        for pair in itertools.combinations(range(5), 2)
    }
    assert pvalue({pair: sums[pair] / sum(sums.values()) for pair in right}) < FALSE_ALARM


# ------------------------------------------------------------------ its price


def test_a_selection_is_charged_in_units_of_its_sensitivity():
    event = gumbel_event(7, scale_in_gamma=3.0, relation="replace")
    assert (event.scale, event.count, event.unit) == (3.0, 7, "participant")
    # If a whole change goes, all magnitudes fall, by at most gamma: a width of gamma and not two.
    assert gumbel_event(7, scale_in_gamma=3.0, relation="zero_out").scale == 6.0
    assert gumbel_event(7, scale_in_gamma=3.0, relation="zero_out", unit="record").scale == 3.0


def test_the_sensitivity_is_in_the_units_of_gamma():
    assert gumbel_sensitivity(gamma=2.0, unit="participant", relation="replace") == 2.0
    assert gumbel_sensitivity(gamma=2.0, unit="participant", relation="add_or_remove") == 1.0


def test_scales_for_a_given_rho_by_hand():
    # rho = count * epsilon0^2 / 8 with epsilon0 = 2 * gamma / scale: 50 * 0.2^2 / 8 = 0.25.
    scale = gumbel_scale_for(rho=0.25, count=50, gamma=1e-3, relation="replace")
    assert scale == pytest.approx(1e-2)
    halved = gumbel_scale_for(rho=0.25, count=50, gamma=1e-3, relation="zero_out")
    assert halved == pytest.approx(5e-3)
    event = gumbel_event(50, scale_in_gamma=scale / 1e-3, relation="replace")
    assert event.count * (2 / event.scale) ** 2 / 8 == pytest.approx(0.25)


@pytest.mark.parametrize("relation", ["replace", "zero_out"])
def test_the_exact_losses_of_a_pick_lie_in_an_interval_of_the_charged_width(relation):
    # Bounded range: not only is each loss at most epsilon0, their spread is too.
    scale = 0.7
    event = gumbel_event(1, scale_in_gamma=scale, relation=relation)
    corners = list(itertools.product((0.0, 1.0), repeat=4))
    others = corners if relation == "replace" else [(0.0,) * 4]
    spreads = []
    for one, other in itertools.product(corners, others):
        first, second = (peeling_law(scores, count=1, scale=scale) for scores in (one, other))
        losses = [math.log(first[picked] / second[picked]) for picked in first]
        spreads.append(max(losses) - min(losses))
    assert max(spreads) == pytest.approx(2 / event.scale)  # reached, and never passed


# ------------------------------------------------------------------ what an auditor finds


def selections(values, *, count, scale):
    """A sampler of selections as rows of positions."""

    def sample(num_runs, generator):
        bits = SeededBits(torch.Generator().manual_seed(int(generator.integers(2**62))))
        vector = torch.tensor(values, dtype=torch.float64).expand(num_runs, -1)
        return select_by_gumbel(vector, gamma=1.0, count=count, scale=scale, bits=bits).numpy()

    return sample


@pytest.mark.parametrize(
    ("relation", "one", "other"),
    [
        ("replace", [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]),
        ("replace", [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]),
        ("zero_out", [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_auditor_finds_no_loss_above_the_charge(relation, one, other):
    scale, count = 2.0, 2
    event = gumbel_event(count, scale_in_gamma=scale, relation=relation)
    samplers = [selections(values, count=count, scale=scale) for values in (one, other)]
    found = audit(*samplers, epsilon=event.count * 2 / event.scale, num_runs=30_000)
    assert not found.is_rejected
    assert found.lower_bound > 0.2


def test_the_auditor_sees_a_selection_that_forgets_the_count():
    # Noise made for one pick, used for eight, and claimed at the price of one.
    scale, count = 2.0, 8
    one = gumbel_event(1, scale_in_gamma=scale, relation="replace")

    def imbalance(values):
        sample = selections(values, count=count, scale=scale)
        return lambda num_runs, generator: (sample(num_runs, generator) < 8).sum(axis=1)

    samplers = imbalance([1.0] * 8 + [0.0] * 8), imbalance([0.0] * 8 + [1.0] * 8)
    assert audit(*samplers, epsilon=2 / one.scale, num_runs=30_000).is_rejected
