"""The sparse vector technique: the law of a scan one by one, its price, and no loss above it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from scipy.stats import laplace as laplace_of_scipy

from tests.privacy.auditor import audit
from tests.privacy.bulk_noise import laplace_in_bulk
from tithe.privacy import sparse_vector
from tithe.privacy.sparse_vector import (
    first_passing,
    is_monotonic,
    select_by_sparse_vector,
    sparse_vector_event,
)
from tithe.randomness import SecureBits, SeededBits

FALSE_ALARM = 1e-6

FINE = {"gamma": 1.0, "tau": 0.5, "threshold_scale": 1e-6, "query_scale": 1e-6}  # next to no noise


def bits_of(rng):
    return SeededBits(rng)


# ------------------------------------------------------------------ the scan


def one_by_one(queries, thresholds, *, count):
    """The scan as it is defined, one query at a time."""
    passed = []
    threshold = next(thresholds)
    for place, query in enumerate(queries):
        if len(passed) == count:
            break
        if query >= threshold:
            passed.append(place)
            threshold = next(thresholds)
    return passed


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=8), max_size=5),
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_the_scan_in_parts_equals_the_scan_one_by_one(parts, thresholds, count):
    # The same noise goes into both, so they must agree exactly, wherever the parts begin.
    in_parts = first_passing(
        [np.array(part, dtype=np.float64) for part in parts],
        itertools.cycle(thresholds),
        count=count,
    )
    whole = itertools.chain.from_iterable(parts)
    assert in_parts.tolist() == one_by_one(whole, itertools.cycle(thresholds), count=count)


@pytest.mark.parametrize("is_redrawn", [True, False])
def test_without_noise_exactly_the_large_values_pass(is_redrawn, rng):
    values = torch.tensor([0.9, -0.9, 0.1, 0.0, -30.0, 0.49, 0.51])
    chosen = select_by_sparse_vector(
        values, **FINE, count=10, is_redrawn=is_redrawn, bits=bits_of(rng)
    )
    assert chosen.tolist() == [0, 1, 4, 6]
    assert chosen.dtype == torch.int64


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 2**32))
def test_a_selection_is_ascending_and_never_longer_than_count(size, count, is_redrawn, seed):
    bits = bits_of(torch.Generator().manual_seed(seed))
    chosen = select_by_sparse_vector(
        torch.linspace(-2, 2, size),
        gamma=1.0,
        tau=0.5,
        threshold_scale=1.0,
        query_scale=1.0,
        count=count,
        is_redrawn=is_redrawn,
        bits=bits,
    )
    assert len(chosen) <= min(count, size)
    assert bool((chosen.diff() > 0).all())


def test_values_past_the_bound_count_as_the_bound(rng):
    seeds = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    settings = {"gamma": 1.0, "tau": 0.9, "threshold_scale": 0.5, "query_scale": 1.0, "count": 9}
    values = 3 * torch.randn(200, generator=rng)
    raw, bounded = (
        select_by_sparse_vector(given, **settings, is_redrawn=True, bits=bits_of(seed))
        for given, seed in zip((values, values.clamp(-1, 1)), seeds, strict=True)
    )
    assert torch.equal(raw, bounded)


def test_many_parts_and_redrawn_thresholds_find_a_planted_set(monkeypatch, rng):
    monkeypatch.setattr(sparse_vector, "_AT_ONCE", 64)
    values = torch.zeros(1000)
    planted = torch.arange(0, 1000, 7)
    values[planted] = 1.0
    chosen = select_by_sparse_vector(values, **FINE, count=1000, is_redrawn=True, bits=bits_of(rng))
    assert torch.equal(chosen, planted)


def test_the_order_of_the_scan_is_fair(rng):
    # All pass, the first in the order halts the scan: each of six is first equally often.
    bits = bits_of(rng)
    firsts = Counter(int(sparse_vector._scan_order(6, bits=bits)[0]) for _ in range(6000))
    assert chisquare([firsts[place] for place in range(6)]).pvalue > FALSE_ALARM
    orders = Counter(tuple(sparse_vector._scan_order(3, bits=bits)) for _ in range(6000))
    assert len(orders) == 6
    assert chisquare(list(orders.values())).pvalue > FALSE_ALARM


@pytest.mark.parametrize("size", [0, 1, 2, 64, 65, 200_000])
def test_the_order_of_the_scan_visits_every_position_once(size, rng):
    order = sparse_vector._scan_order(size, bits=bits_of(rng))
    assert np.array_equal(np.sort(order), np.arange(size))


def test_nothing_is_selected_from_nothing(rng):
    chosen = select_by_sparse_vector(
        torch.zeros(0), **FINE, count=3, is_redrawn=True, bits=bits_of(rng)
    )
    assert chosen.tolist() == []


def test_it_runs_on_bits_that_nobody_can_repeat():
    chosen = select_by_sparse_vector(
        torch.tensor([1.0, 0.0]), **FINE, count=2, is_redrawn=False, bits=SecureBits()
    )
    assert chosen.tolist() == [0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gamma": 0.0}, "gamma must be finite and > 0, got 0.0"),
        ({"tau": -1.0}, "tau must be finite and >= 0, got -1.0"),
        ({"tau": 1e9}, r"tau must be at most 1000 \* \(gamma \+ both scales\)"),
        ({"threshold_scale": float("nan")}, "threshold_scale must be finite and > 0, got nan"),
        ({"query_scale": 0.0}, "query_scale must be finite and > 0, got 0.0"),
        ({"query_scale": 1e13}, "the scales must be at most 2.37 times gamma"),
        ({"count": 0}, "count must be finite and >= 1, got 0"),
        ({"values": torch.tensor([1.0, float("nan")])}, "values must be finite, got 1 of 2"),
        ({"values": torch.zeros(2, 2)}, r"values must have shape \(d,\), got \(2, 2\)"),
    ],
)
def test_what_it_cannot_use_is_refused(wrong, message, rng):
    right = {"values": torch.zeros(3), "count": 1, "is_redrawn": True, **FINE}
    with pytest.raises(ValueError, match=message):
        select_by_sparse_vector(**{**right, **wrong}, bits=bits_of(rng))


# ------------------------------------------------------------------ its law


GRID = np.linspace(-30, 30, 30_001)  # of the threshold's noise


def exact_probability(below, above, *, tau, threshold_scale, query_scale):
    """The probability that these queries stay below one noisy threshold and those reach it."""
    noise = laplace_of_scipy(scale=query_scale)
    given = laplace_of_scipy(scale=threshold_scale).pdf(GRID)
    for query in below:
        given = given * noise.cdf(tau + GRID - query)
    for query in above:
        given = given * noise.sf(tau + GRID - query)
    return np.trapezoid(given, GRID)


def exact_law(values, *, count, is_redrawn, **scales):
    """The probability of every set that a scan in random order may select, by quadrature."""
    law = defaultdict(float)
    orders = list(itertools.permutations(range(len(values))))
    chance = lru_cache(lambda below, above: exact_probability(below, above, **scales))
    for order, answers in itertools.product(
        orders, itertools.product((False, True), repeat=len(values))
    ):
        end = halt(answers, count=count)
        if any(answers[end:]):
            continue  # after the halt nothing is asked; its one name is "all below"
        probability = 1.0
        for start, stop in rounds(answers[:end], is_redrawn=is_redrawn):
            asked = [(abs(values[order[at]]), answers[at]) for at in range(start, stop)]
            below = tuple(sorted(query for query, is_above in asked if not is_above))
            above = tuple(sorted(query for query, is_above in asked if is_above))
            probability *= chance(below, above)
        chosen = frozenset(order[at] for at in range(end) if answers[at])
        law[chosen] += probability / len(orders)
    return law


def halt(answers, *, count):
    """How many are asked before ``count`` have passed."""
    passed = [place for place, is_above in enumerate(answers) if is_above]
    return passed[count - 1] + 1 if len(passed) >= count else len(answers)


def rounds(answers, *, is_redrawn):
    """Where each noisy threshold is in use, from one place to another."""
    ends = [place + 1 for place, is_above in enumerate(answers) if is_above] if is_redrawn else []
    cuts = sorted({0, *ends, len(answers)})
    return list(itertools.pairwise(cuts))


TINY = np.array([0.1, -0.9, 0.5, 1.0])
TINY_SCAN = {"tau": 0.6, "threshold_scale": 0.4, "query_scale": 0.6, "count": 2}


@pytest.mark.parametrize("is_redrawn", [True, False])
def test_selected_sets_follow_the_law_of_a_scan_one_by_one(is_redrawn, rng, monkeypatch):
    monkeypatch.setattr(sparse_vector, "laplace", laplace_in_bulk())
    settings = {**TINY_SCAN, "is_redrawn": is_redrawn}
    num_runs = 20_000
    tensor, bits = torch.from_numpy(TINY), bits_of(rng)
    seen = Counter(
        frozenset(select_by_sparse_vector(tensor, gamma=1.0, bits=bits, **settings).tolist())
        for _ in range(num_runs)
    )

    def pvalue(law):
        return chisquare(
            [seen[chosen] for chosen in law],
            [num_runs * probability / sum(law.values()) for probability in law.values()],
        ).pvalue

    right = exact_law(TINY, **settings)
    assert sum(right.values()) == pytest.approx(1.0, abs=1e-5)
    assert set(seen) <= set(right)
    assert pvalue(right) > FALSE_ALARM
    for wrong in (
        {"is_redrawn": not is_redrawn},
        {"tau": 0.65},
        {"query_scale": 0.45},
        {"threshold_scale": 0.55},
    ):
        assert pvalue(exact_law(TINY, **{**settings, **wrong})) < FALSE_ALARM, wrong


# ------------------------------------------------------------------ its price


def test_a_scan_is_charged_for_all_it_may_select():
    event = sparse_vector_event(
        7,
        threshold_scale_in_gamma=3.0,
        query_scale_in_gamma=5.0,
        is_redrawn=True,
        relation="replace",
    )
    assert (event.threshold_scale, event.query_scale, event.count) == (3.0, 5.0, 7)
    assert event.unit == "participant"
    assert event.is_redrawn
    assert not event.is_monotonic


@pytest.mark.parametrize(
    ("num_passed", "is_redrawn", "num_charged"),
    [(0, True, 1), (3, True, 4), (6, True, 7), (7, True, 7), (3, False, 7), (None, True, 7)],
)
def test_one_pays_for_every_mechanism_that_was_started(num_passed, is_redrawn, num_charged):
    event = sparse_vector_event(
        7,
        threshold_scale_in_gamma=3.0,
        query_scale_in_gamma=5.0,
        is_redrawn=is_redrawn,
        relation="replace",
        num_passed=num_passed,
    )
    assert event.count == num_charged


def test_only_a_whole_change_that_goes_moves_all_magnitudes_one_way():
    assert is_monotonic("participant", "zero_out")
    assert is_monotonic("participant", "add_or_remove")
    assert not is_monotonic("participant", "replace")
    assert not is_monotonic("record", "zero_out")


# ------------------------------------------------------------------ what an auditor finds


@pytest.mark.parametrize(("relation", "moves"), [("replace", 2), ("zero_out", 1)])
def test_the_charge_for_a_round_is_reached_and_never_passed(relation, moves):
    # The worst pattern in a known order: many below that move up, and one above that moves down
    # or, where all move the same way, stays.
    scales = {"tau": 0.0, "threshold_scale": 2.0, "query_scale": 4.0}
    charge = 1 / 2.0 + moves / 4.0
    last = 1.0 if relation == "replace" else 0.0
    losses = [
        np.log(
            exact_probability([0.0] * num_below, [last], **scales)
            / exact_probability([1.0] * num_below, [0.0], **scales)
        )
        for num_below in (1, 10, 100)
    ]
    assert losses == sorted(losses)
    assert losses[-1] == pytest.approx(charge, rel=1e-3)
    assert losses[-1] <= charge + 1e-5  # the error of the quadrature


@pytest.mark.parametrize("is_redrawn", [True, False])
@pytest.mark.parametrize("relation", ["replace", "zero_out"])
def test_the_exact_loss_of_a_selection_is_within_its_charge(relation, is_redrawn):
    settings = {**TINY_SCAN, "is_redrawn": is_redrawn}
    event = sparse_vector_event(
        2,
        threshold_scale_in_gamma=settings["threshold_scale"],
        query_scale_in_gamma=settings["query_scale"],
        is_redrawn=is_redrawn,
        relation=relation,
    )
    corners = [np.array(corner) for corner in itertools.product((0.0, 1.0), repeat=3)]
    laws = [exact_law(corner, **settings) for corner in corners]
    others = laws if relation == "replace" else laws[:1]  # the first is all zeros
    for one, other in itertools.product(laws, others):
        losses = [abs(np.log(one[chosen] / other[chosen])) for chosen in one]
        assert max(losses) <= pure_epsilon(event)


def selections(values, *, settings):
    """A sampler of selections as rows of zeros and ones."""

    def sample(num_runs, generator):
        bits = SeededBits(torch.Generator().manual_seed(int(generator.integers(2**62))))
        vector = torch.tensor(values, dtype=torch.float64)
        rows = np.zeros((num_runs, len(values)))
        for row in rows:
            row[select_by_sparse_vector(vector, gamma=1.0, bits=bits, **settings).numpy()] = 1
        return rows

    return sample


def pure_epsilon(event):
    """By hand: 1/threshold + m/query a round, the threshold once if it is kept."""
    moves = (1 if event.is_monotonic else 2) / event.query_scale
    if event.is_redrawn:
        return event.count * (1 / event.threshold_scale + moves)
    return 1 / event.threshold_scale + event.count * moves


@pytest.mark.parametrize("is_redrawn", [True, False])
@pytest.mark.parametrize(
    ("relation", "one", "other"),
    [
        ("replace", [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]),
        ("replace", [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]),
        ("zero_out", [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_auditor_finds_no_loss_above_the_charge(relation, one, other, is_redrawn, monkeypatch):
    monkeypatch.setattr(sparse_vector, "laplace", laplace_in_bulk())
    settings = {
        "tau": 1.0,
        "threshold_scale": 1.5,
        "query_scale": 2.0,
        "count": 2,
        "is_redrawn": is_redrawn,
    }
    event = sparse_vector_event(
        2,
        threshold_scale_in_gamma=1.5,
        query_scale_in_gamma=2.0,
        is_redrawn=is_redrawn,
        relation=relation,
    )
    samplers = [selections(values, settings=settings) for values in (one, other)]
    found = audit(*samplers, epsilon=pure_epsilon(event), num_runs=12_000)
    assert not found.is_rejected
    assert found.lower_bound > 0.1  # it does see the difference between the two


def test_the_auditor_sees_a_scan_whose_noise_forgets_the_count(monkeypatch):
    # Noise made for one position, used for sixteen, and claimed at the price of one.
    monkeypatch.setattr(sparse_vector, "laplace", laplace_in_bulk())
    event = sparse_vector_event(
        1,
        threshold_scale_in_gamma=2.0,
        query_scale_in_gamma=4.0,
        is_redrawn=False,
        relation="replace",
    )
    settings = {
        "tau": 0.5,
        "threshold_scale": 2.0,
        "query_scale": 4.0,
        "count": 16,
        "is_redrawn": False,
    }

    def imbalance(values):
        sample = selections(values, settings=settings)

        def counted(num_runs, generator):
            rows = sample(num_runs, generator)
            return rows[:, :16].sum(axis=1) - rows[:, 16:].sum(axis=1)

        return counted

    samplers = imbalance([1.0] * 16 + [0.0] * 16), imbalance([0.0] * 16 + [1.0] * 16)
    assert audit(*samplers, epsilon=pure_epsilon(event), num_runs=20_000).is_rejected
