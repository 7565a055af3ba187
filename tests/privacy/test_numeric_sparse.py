"""Numeric sparse sharing: scales by hand, true costs, and values that keep to their guarantee."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest, laplace

from tests.privacy.auditor import audit
from tithe.privacy.events import LaplaceRelease, PlainValues, SparseVectorSelection
from tithe.privacy.numeric_sparse import (
    numeric_sparse,
    numeric_sparse_events,
    numeric_sparse_scales,
    optimal_scales,
    paper_scales,
)
from tithe.randomness import SeededBits

FALSE_ALARM = 1e-6


def pure_epsilon(event):
    """By hand, from the formulas of Dwork & Roth 2014 and Lyu, Su & Li 2017."""
    if isinstance(event, LaplaceRelease):
        return event.count / event.scale
    assert isinstance(event, SparseVectorSelection)
    moves = (1 if event.is_monotonic else 2) / event.query_scale
    if event.is_redrawn:
        return event.count * (1 / event.threshold_scale + moves)
    return 1 / event.threshold_scale + event.count * moves


# ------------------------------------------------------------------ scales and costs


def test_numeric_sparse_scales_by_hand():
    # Dwork & Roth 2014, Algorithm 3, epsilon = 9, sensitivity 1, c = 1: epsilon_1 = 8 and
    # epsilon_2 = 2.
    scales = numeric_sparse_scales(epsilon=9.0, sensitivity=1.0, max_answers=1)
    assert scales == pytest.approx((0.25, 0.5, 1.0))  # threshold, query, release


def test_paper_scales_by_hand():
    # Shokri & Shmatikov 2015 at epsilon / c = 1 and gamma = 0.001: Delta f = 0.002, so the scales
    # are 2 * 0.002 * 9/8, twice that, and 2 * 0.002 * 9/2.
    scales = paper_scales(epsilon=10_550.0, gamma=1e-3, count=10_550)
    assert scales == pytest.approx((0.0045, 0.009, 0.018))


@pytest.mark.parametrize(
    ("relation", "selection", "release"),
    [("replace", 4 / 9, 1 / 9), ("zero_out", 1 / 3, 1 / 18)],
)
@pytest.mark.parametrize("count", [1, 10_550])
def test_the_mechanism_of_the_paper_truly_costs_less_than_it_states(
    relation, selection, release, count
):
    events = numeric_sparse_events(
        scales=paper_scales(epsilon=8.0, gamma=1e-3, count=count),
        gamma=1e-3,
        count=count,
        is_redrawn=True,
        relation=relation,
    )
    assert [pure_epsilon(event) / 8.0 for event in events] == pytest.approx([selection, release])


def test_charged_at_the_sensitivity_it_was_made_for_the_numeric_sparse_budget_is_one_epsilon():
    # 8/9 + 1/9: a release of scale 2 c / epsilon_2 spends half of epsilon_2 = 2/9 and no more.
    scales = numeric_sparse_scales(epsilon=1.0, sensitivity=1.0, max_answers=5)
    selection = SparseVectorSelection(
        scales.threshold, scales.query, 5, True, unit="participant", relation="replace"
    )
    release = LaplaceRelease(scales.release, 5, unit="participant", relation="replace")
    assert pure_epsilon(selection) == pytest.approx(8 / 9)
    assert pure_epsilon(release) == pytest.approx(1 / 9)


@pytest.mark.parametrize("relation", ["replace", "zero_out"])
@pytest.mark.parametrize("release_share", [0.2, 0.5])
def test_optimal_scales_cost_the_epsilon_they_were_asked_for(relation, release_share):
    scales = optimal_scales(
        epsilon=3.0, gamma=1e-3, count=100, relation=relation, release_share=release_share
    )
    events = numeric_sparse_events(
        scales=scales, gamma=1e-3, count=100, is_redrawn=False, relation=relation
    )
    costs = [pure_epsilon(event) for event in events]
    assert costs == pytest.approx([3.0 * (1 - release_share), 3.0 * release_share])


@pytest.mark.parametrize(("relation", "moves"), [("replace", 2), ("zero_out", 1)])
def test_no_other_split_has_less_noise(relation, moves):
    count = 50
    best = optimal_scales(epsilon=2.0, gamma=1.0, count=count, relation=relation)
    assert (best.query / best.threshold) ** 3 == pytest.approx(moves * count)
    for share in np.linspace(0.01, 0.99, 99):  # of epsilon = 1 for the threshold
        threshold, query = 1 / share, moves * count / (1 - share)
        assert best.threshold**2 + best.query**2 <= threshold**2 + query**2 + 1e-9


def test_less_noise_than_the_paper_at_the_same_true_cost():
    paper = paper_scales(epsilon=9 / 5, gamma=1.0, count=100)  # true cost 1
    best = optimal_scales(epsilon=1.0, gamma=1.0, count=100, relation="replace")
    assert paper == pytest.approx((250, 500, 1000))
    assert best == pytest.approx((70.4, 411.7, 400), rel=1e-3)


def test_the_printed_form_is_charged_as_plain_values():
    events = numeric_sparse_events(
        scales=paper_scales(epsilon=1.0, gamma=1.0, count=4),
        gamma=1.0,
        count=4,
        is_redrawn=True,
        relation="replace",
        form="as_printed",
    )
    assert isinstance(events[0], SparseVectorSelection)
    assert events[1:] == [PlainValues(4)]


@pytest.mark.parametrize(
    ("num_passed", "rounds", "released"), [(0, 1, []), (2, 3, [2]), (4, 4, [4])]
)
def test_one_pays_for_the_values_that_leave(num_passed, rounds, released):
    selection, *releases = numeric_sparse_events(
        scales=paper_scales(epsilon=1.0, gamma=1.0, count=4),
        gamma=1.0,
        count=4,
        is_redrawn=True,
        relation="replace",
        num_passed=num_passed,
    )
    assert selection.count == rounds
    assert [release.count for release in releases] == released


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be finite and > 0, got 0.0"),
        ({"release_share": 1.0}, "left_for_selection must be finite and > 0, got 0.0"),
        ({"release_share": 0.0}, r"release_share must be in \(0, 1\], got 0.0"),
        ({"count": 0}, "count must be finite and >= 1, got 0"),
    ],
)
def test_scales_for_the_impossible_are_refused(wrong, message):
    right = {"epsilon": 1.0, "gamma": 1.0, "count": 1, "relation": "replace"}
    with pytest.raises(ValueError, match=message):
        optimal_scales(**{**right, **wrong})


# ------------------------------------------------------------------ the values that leave


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_leaves_is_the_bounded_value_with_fresh_laplace_noise(dtype, rng):
    values = torch.full((20_000,), 7.0, dtype=dtype)  # bounded to 1
    scales = paper_scales(epsilon=20_000.0, gamma=1.0, count=20_000)  # release scale 18
    positions, released = numeric_sparse(
        values,
        gamma=1.0,
        tau=0.0,
        scales=scales,
        count=20_000,
        is_redrawn=True,
        bits=SeededBits(rng),
    )
    assert positions.shape == released.shape
    assert released.dtype == dtype
    noise = released.double().numpy() - 1.0
    # Fresh noise is symmetric; that of the test, given that it passed, is not.
    assert kstest(noise, laplace(scale=scales.release).cdf).pvalue > FALSE_ALARM
    assert kstest(noise, laplace(scale=1.25 * scales.release).cdf).pvalue < FALSE_ALARM


def test_the_printed_form_lets_large_values_through(rng):
    settings = {"gamma": 1.0, "tau": 0.0, "count": 100, "is_redrawn": True}
    scales = paper_scales(epsilon=100.0, gamma=1.0, count=100)
    values = torch.full((200,), 1e6)
    _, printed = numeric_sparse(
        values, scales=scales, form="as_printed", bits=SeededBits(rng), **settings
    )
    _, bounded = numeric_sparse(values, scales=scales, bits=SeededBits(rng), **settings)
    assert set(printed.tolist()) == {1.0}
    assert len(set(bounded.tolist())) == len(bounded)


def value_of_one(value, *, form, scales):
    """A sampler of what is released for a single coordinate, or 99 where nothing is."""

    def sample(num_runs, generator):
        bits = SeededBits(torch.Generator().manual_seed(int(generator.integers(2**62))))
        rows = np.full(num_runs, 99.0)
        for run in range(num_runs):
            _, released = numeric_sparse(
                torch.tensor([value], dtype=torch.float64),
                gamma=1.0,
                tau=0.0,
                scales=scales,
                count=1,
                is_redrawn=True,
                bits=bits,
                form=form,
            )
            if len(released):
                rows[run] = float(released.clamp(-1, 1))
        return rows

    return sample


def test_the_auditor_passes_the_bounded_form_and_catches_the_printed_one():
    scales = paper_scales(epsilon=2.0, gamma=1.0, count=1)
    for form, is_rejected in (("bounded_first", False), ("as_printed", True)):
        samplers = [value_of_one(value, form=form, scales=scales) for value in (-200.0, 200.0)]
        found = audit(*samplers, epsilon=2.0, num_runs=2000)
        assert found.is_rejected == is_rejected, form
