"""Separation: by hand on small scores, chance where scores tell nothing, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from tithe.audit.scores import Scores
from tithe.audit.self_test import find_planted_leak, is_near_chance, num_that_show_a_leak
from tithe.audit.separation import (
    advantage,
    auc_with_spread,
    chance_advantage,
    chance_of_naming,
    measure_separation,
    name_records,
    named_places,
    power_at,
    trace_roc,
)
from tithe.checks import BadInput

FALSE_ALARM = 1e-6
few = st.lists(st.integers(0, 6), min_size=2, max_size=12)


def by_chance(seed, num_members=300, num_others=300, shift=0.0):
    rng = np.random.default_rng(seed)
    return Scores(shift + rng.standard_normal(num_members), rng.standard_normal(num_others))


@given(few, few)
def test_auc_is_the_known_one_with_ties(members, others):
    scores = Scores(members, others)
    known = roc_auc_score([1] * len(members) + [0] * len(others), members + others)
    assert auc_with_spread(scores)[0] == pytest.approx(known)


@given(few, few)
def test_advantage_is_the_best_threshold_of_all(members, others):
    left, right = np.array(members), np.array(others)
    best = max((left > t).mean() - (right > t).mean() for t in range(-1, 7))
    assert advantage(Scores(members, others)) == pytest.approx(max(0.0, best))


@given(few, few)
def test_more_false_accusations_never_name_fewer(members, others):
    scores = Scores(members, others)
    counts = [name_records(scores, max_false=k).count for k in range(len(others))]
    assert counts == sorted(counts)
    for k, count in enumerate(counts):
        places = named_places(scores, max_false=k)
        assert len(places) == count
        if count:
            assert sum(other > min(np.array(members)[places]) for other in others) <= k


def test_named_records_by_hand():
    # Descending: m m o m m o m o; with one wrong accusation the first four members are named.
    scores = Scores([9, 8, 6, 5, 3], [7, 4, 2])
    found = name_records(scores)
    assert (found.count, found.num_members, found.max_false) == (4, 5, 1)
    assert found.chance == pytest.approx(2 * 5 / 4)
    assert name_records(scores, max_false=0).count == 2
    assert named_places(scores).tolist() == [0, 1, 2, 3]


def test_the_p_value_of_named_records_is_that_of_all_orders():
    rng = np.random.default_rng(4)
    counts = np.array(
        [
            name_records(Scores(order[:6], order[6:])).count
            for order in (rng.permutation(10) for _ in range(6000))
        ]
    )
    scores = Scores([9, 8, 6, 5, 0, 1], [7, 4, 2, 3])
    found = name_records(scores)
    frequency = int((counts >= found.count).sum())
    low, high = binom.interval(1 - FALSE_ALARM, 6000, found.p_value)
    assert low <= frequency <= high
    assert counts.mean() == pytest.approx(found.chance, abs=0.15)


def test_advantage_at_chance_is_what_is_said():
    seen = [advantage(by_chance(seed, 600, 600)) for seed in range(150)]
    assert np.mean(seen) == pytest.approx(chance_advantage(600, 600), rel=0.15)
    assert chance_advantage(600, 600) == pytest.approx(0.036, abs=0.001)


def test_limits_of_auc_and_power_hold_about_as_often_as_they_say():
    truth = 0.7602  # of two unit normals one apart: Phi(1 / sqrt 2)
    misses = sum(
        not found.auc_low <= truth <= found.auc_high
        for found in (measure_separation(by_chance(seed, 80, 80, shift=1.0)) for seed in range(300))
    )
    assert binom.sf(misses - 1, 300, 0.07) > FALSE_ALARM


def test_power_counts_members_above_the_strictest_threshold_that_the_rate_allows():
    scores = Scores(np.arange(90, 110), np.arange(100))
    power = power_at(scores, 0.1)  # ten of a hundred may pass: above 89
    assert (power.num_found, power.true_positive_rate) == (20, 1.0)
    assert power_at(scores, 0.05).num_found == 15
    assert power_at(scores, 0.0).num_found == 10
    assert power.low < 1.0 == power.high
    assert power.rate_low < 0.1 < power.rate_high


def test_a_rate_that_too_few_non_members_carry_is_refused():
    with pytest.raises(BadInput, match=r"0\.001 needs at least 1000 non-members, got 600"):
        power_at(by_chance(0, 600, 600), 0.001)
    found = measure_separation(by_chance(0, 600, 600))
    assert [power.false_positive_rate for power in found.powers] == [0.1, 0.01, 0.0]
    with pytest.raises(BadInput, match="needs at least 1000"):
        found.power(0.001)


def test_the_roc_climbs_from_nothing_to_everything_within_its_band():
    roc = trace_roc(by_chance(3, shift=1.0))
    assert roc.false_positive_rate[0] == 0 and roc.true_positive_rate[-1] == 1
    assert (np.diff(roc.false_positive_rate) >= 0).all()
    assert (np.diff(roc.true_positive_rate) >= 0).all()
    assert (roc.low <= roc.true_positive_rate).all() and (roc.true_positive_rate <= roc.high).all()


def test_scores_that_tell_nothing_are_near_chance_and_a_planted_leak_is_found():
    near = [is_near_chance(measure_separation(by_chance(seed))) for seed in range(200)]
    assert np.mean(near) > 0.85
    assert not is_near_chance(measure_separation(by_chance(1, shift=0.5)))
    assert find_planted_leak(300, 300, seed=1).is_found


def test_a_few_certain_records_are_not_hidden_by_the_average():
    scores = by_chance(5, 600, 600)
    scores.members[:20] += 9
    found = measure_separation(scores)
    assert found.named.count >= 20 and found.named.p_value < 1e-4
    assert not is_near_chance(found)


def test_a_planted_leak_counts_as_found_only_if_it_alone_is_more_than_chance_names():
    found = [find_planted_leak(130, 130, seed=seed) for seed in range(30)]
    assert max(each.num_named for each in found) > 8  # some luck is among them ...
    assert not any(each.is_found for each in found)  # ... and it does not help


def test_the_fewest_records_that_show_a_leak_are_told():
    # Nine of 171 are planted: 2 or more non-members among the first 10 of 342 in all but 1 %.
    fewest = num_that_show_a_leak()
    assert fewest == 171
    assert chance_of_naming(9, 171, 171) <= 0.01 < chance_of_naming(8, 170, 170)
    assert all(find_planted_leak(n, n, seed=1).is_found for n in range(fewest, fewest + 60))
    assert find_planted_leak(100, 100, seed=1).num_enough == fewest
