"""Membership attacks over arrays: power on a known leak, nothing where there is none, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.audit.lira import lira_offline, lira_online
from tithe.audit.population import population_scores
from tithe.audit.rmia import rmia
from tithe.audit.scores import Scores
from tithe.audit.separation import auc_with_spread, power_at
from tithe.audit.shadow_models import halves
from tithe.checks import BadInput

NUM_RECORDS = 2000


def simulated(num_models, *, lift=1.0, seed=1):
    """Log-odds as trained models have them: records differ much, membership adds a little."""
    rng = np.random.default_rng(seed)
    hardness = 3 * rng.standard_normal(NUM_RECORDS)
    spread = rng.gamma(4.0, 0.25, NUM_RECORDS)
    is_in = halves(NUM_RECORDS, num_models, seed=seed)
    took_part = rng.random(NUM_RECORDS) < 0.5

    def told(inside):
        noise = spread * rng.standard_normal(inside.shape)
        return hardness + lift * spread * inside + noise

    return told(took_part), told(is_in), is_in, took_part


def auc(values, took_part):
    return auc_with_spread(Scores.split(values, took_part=took_part))[0]


def test_lira_finds_what_a_threshold_hides():
    target, shadows, is_in, took_part = simulated(64, lift=2.0)
    online, offline = (attack(target, shadows, is_in) for attack in (lira_online, lira_offline))
    assert auc(target, took_part) < 0.70
    assert auc(online, took_part) > 0.88
    assert auc(offline, took_part) > 0.85
    scores = Scores.split(online, took_part=took_part)
    assert power_at(scores, 0.01).true_positive_rate > 0.2


def test_the_one_sided_tail_beats_the_two_sided_density():
    target, shadows, is_in, took_part = simulated(16)
    one_sided = auc(lira_offline(target, shadows, is_in), took_part)
    two_sided = auc(lira_offline(target, shadows, is_in, tail="two_sided"), took_part)
    assert one_sided > two_sided + 0.05


def test_with_four_models_a_shrunk_variance_beats_a_records_own():
    target, shadows, is_in, took_part = simulated(4, lift=1.5)
    shrunk, own = (
        auc(lira_online(target, shadows, is_in, variance=kind), took_part)
        for kind in ("shrunk", "per_record")
    )
    assert shrunk > own + 0.02


@pytest.mark.parametrize("variance", ["per_record", "pooled", "shrunk"])
def test_without_a_leak_every_attack_is_at_chance(variance):
    target, shadows, is_in, took_part = simulated(8, lift=0.0)
    for values in (
        lira_online(target, shadows, is_in, variance=variance),
        lira_offline(target, shadows, is_in, variance=variance),
        rmia(target, shadows, target[:500], shadows[:, :500], is_in=is_in),
    ):
        assert auc(values, took_part) == pytest.approx(0.5, abs=0.06)  # 5 standard errors


def test_lira_does_not_mind_the_order_of_models_or_the_unit_of_signals():
    target, shadows, is_in, _ = simulated(6)
    online = lira_online(target, shadows, is_in)
    np.testing.assert_allclose(lira_online(target, shadows[::-1], is_in[::-1]), online)
    np.testing.assert_allclose(lira_online(3 * target + 1, 3 * shadows + 1, is_in), online)


def test_lira_with_one_model_has_one_variance_for_all():
    target, shadows, is_in, took_part = simulated(2)
    scores = lira_offline(target, shadows, is_in)
    assert np.isfinite(scores).all()
    assert auc(scores, took_part) > 0.55


def test_rmia_works_from_one_pair_of_references():
    target, shadows, is_in, took_part = simulated(2, lift=1.5)
    population, theirs = simulated(2, seed=9)[:2]
    for options in ({"is_in": is_in}, {"is_in": is_in, "is_online": False}):
        scores = rmia(target, shadows, population, theirs, **options)
        assert auc(scores, took_part) > auc(target, took_part) + 0.05
        assert ((scores >= 0) & (scores <= 1)).all()


def test_rmia_by_hand():
    # p(x) = 1/2 on both; the target says 0.8: a ratio of 1.6 against 1 and 2 of the population.
    odds = np.log(4.0)
    population, theirs = np.array([0.0, 40.0]), np.array([[0.0, 0.0]])
    scores = rmia(np.array([odds]), np.array([[0.0]]), population, theirs, slope=1.0)
    assert scores.tolist() == [0.5]


def test_the_population_attack_compares_within_a_class():
    scores = population_scores(
        np.array([5.0, 5.0]),
        np.array([0, 1]),
        np.array([1.0, 9.0, 6.0, 7.0]),
        np.array([0, 0, 1, 1]),
    )
    assert scores.tolist() == [0.5, 0.0]
    with pytest.raises(BadInput, match="every class"):
        population_scores(np.ones(1), np.array([2]), np.ones(1), np.array([0]))


def test_what_does_not_fit_is_refused():
    target, shadows, is_in, _ = simulated(4)
    with pytest.raises(BadInput, match="must have shapes"):
        lira_online(target[1:], shadows, is_in)
    with pytest.raises(BadInput, match="that are in all of them"):
        lira_offline(target, shadows, np.ones_like(is_in))
    with pytest.raises(BadInput, match="are in none; use lira_offline"):
        lira_online(target, shadows, np.zeros_like(is_in))
    with pytest.raises(BadInput, match="population_references must have shape"):
        rmia(target, shadows, target, shadows[:2])


def test_halves_come_with_their_complements():
    is_in = halves(11, 5, seed=1)
    assert (is_in[0] ^ is_in[1]).all() and (is_in[2] ^ is_in[3]).all()
    assert is_in.sum(axis=1).tolist() == [5, 6, 5, 6, 5]
    assert (halves(11, 5, seed=1) == is_in).all() and (halves(11, 5, seed=2) != is_in).any()
