"""Lower bounds on epsilon: golden values, no alarm beyond the nominal rate, power, and ceilings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from tithe.audit.gaussian_run import (
    bound_by_gaussian_run,
    estimate_epsilon,
    gaussian_delta,
    gaussian_epsilon,
)
from tithe.audit.one_run import (
    Guesses,
    bound_by_one_run,
    chance_of,
    guess_both,
    refuted_epsilon,
)
from tithe.audit.pair_bound import bound_by_pairs
from tithe.audit.scores import Scores
from tithe.checks import BadInput

FALSE_ALARM = 1e-6
NUM_SETS = 400


def gaussian_form(scores, **options):
    return bound_by_gaussian_run(scores, delta=1e-5, **options)


METHODS = {"pairs": bound_by_pairs, "one_run": bound_by_one_run, "gaussian": gaussian_form}


def coins_and_scores(seed, *, count, shift=0.0):
    """Scores of canaries that took part by a fair coin; at shift 0 the scores tell nothing."""
    rng = np.random.default_rng(seed)
    took_part = rng.random(count) < 0.5
    return Scores.split(rng.standard_normal(count) + shift * took_part, took_part=took_part)


@pytest.mark.parametrize(
    ("counts", "pure", "approximate"),
    [
        ((1000, 100, 80), 0.958, 0.955),
        ((1000, 100, 90), 1.631, 1.626),
        ((1000, 100, 97), 2.502, 2.492),
        ((1000, 1000, 600), 0.297, 0.297),
        ((1000, 1000, 1000), 5.809, 5.782),
        ((10000, 10000, 10000), 8.113, 7.834),
    ],
)
def test_one_run_bounds_to_the_digits_given(counts, pure, approximate):
    # Steinke, Nasr & Jagielski 2023, Theorem 5.2, at 95 %; delta 0 and 1e-5.
    guesses = Guesses(*counts)
    assert refuted_epsilon(guesses, level=0.05) == pytest.approx(pure, abs=6e-4)
    assert refuted_epsilon(guesses, level=0.05, delta=1e-5) == pytest.approx(approximate, abs=6e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strategy", ["simultaneous", "split"])
@pytest.mark.parametrize("count", [200, 1000])
def test_leak_free_scores_alarm_at_most_at_the_nominal_rate(method, strategy, count):
    alarms = sum(
        METHODS[method](coins_and_scores(seed, count=count), strategy=strategy).epsilon > 0
        for seed in range(NUM_SETS)
    )
    assert binom.sf(alarms - 1, NUM_SETS, 0.05) > FALSE_ALARM


def test_choosing_the_best_number_of_guesses_without_correction_alarms_far_more_often():
    # The law test above can fail: the sweep behind many published bounds does not pass it.
    def best_of_all(scores):
        made = [guess_both(scores, count) for count in range(2, 1001, 6)]
        return min(chance_of(guesses, epsilon=0.0, delta=0.0) for guesses in made) <= 0.05

    alarms = sum(best_of_all(coins_and_scores(seed, count=1000)) for seed in range(100))
    assert binom.sf(alarms - 1, 100, 0.05) < FALSE_ALARM


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_are_all_the_same_show_nothing(method):
    scores = Scores(np.zeros(300), np.zeros(300))
    for strategy in ("simultaneous", "split"):
        assert METHODS[method](scores, strategy=strategy).epsilon == 0


@pytest.mark.parametrize("method", METHODS)
def test_perfect_scores_reach_the_ceiling_and_no_scores_exceed_it(method):
    perfect = METHODS[method](Scores(np.ones(500), np.zeros(500)))
    assert perfect.epsilon == pytest.approx(perfect.ceiling, abs=1e-4)
    noisy = METHODS[method](coins_and_scores(1, count=1000, shift=1.0))
    assert 0 < noisy.epsilon < noisy.ceiling
    assert noisy.ceiling == pytest.approx(perfect.ceiling, rel=0.05)


def randomized_response(seed, *, count, epsilon):
    """A score that tells each coin with exactly this epsilon."""
    rng = np.random.default_rng(seed)
    took_part = rng.random(count) < 0.5
    told = rng.random(count) < 1 / (1 + math.exp(-epsilon))
    noise = rng.random(count) * 1e-3  # so that there are no ties
    return Scores.split(np.where(told, took_part, ~took_part) + noise, took_part=took_part)


@pytest.mark.parametrize("method", ["pairs", "one_run"])
@pytest.mark.parametrize("strategy", ["simultaneous", "split"])
def test_a_known_epsilon_is_approached_and_seldom_exceeded(method, strategy):
    found = [
        METHODS[method](randomized_response(seed, count=4000, epsilon=1.0), strategy=strategy)
        for seed in range(100)
    ]
    assert binom.sf(sum(each.rejects(1.0) for each in found) - 1, 100, 0.05) > FALSE_ALARM
    assert np.mean([each.epsilon for each in found]) > 0.6
    assert np.mean([each.rejects(0.3) for each in found]) > 0.9


def test_the_gaussian_form_approaches_a_gaussian_and_is_tighter_than_the_plain_one():
    shift, delta = 1.0, 1e-5
    truth = gaussian_epsilon(shift, delta=delta)
    sets = [coins_and_scores(seed, count=1000, shift=shift) for seed in range(60)]
    tight = [bound_by_gaussian_run(each, delta=delta).epsilon for each in sets]
    plain = [bound_by_one_run(each, delta=delta).epsilon for each in sets]
    assert binom.sf(sum(each > truth for each in tight) - 1, 60, 0.05) > FALSE_ALARM
    assert np.mean(tight) > 1.2 * np.mean(plain) > 0.5
    assert estimate_epsilon(sets[0], delta=delta) == pytest.approx(truth, rel=0.2)


def test_the_epsilon_of_a_gaussian_is_the_known_one():
    # Balle & Wang 2018, Theorem 8: sensitivity 1, sigma 1, epsilon 1 has delta 0.1269.
    assert gaussian_delta(1.0, epsilon=1.0) == pytest.approx(0.12693674, abs=1e-8)
    assert gaussian_epsilon(1.0, delta=0.12693674) == pytest.approx(1.0, abs=1e-6)
    assert gaussian_epsilon(60.0, delta=1e-5) > 1800  # and nothing overflows


def test_the_pair_bound_by_hand():
    # 90 of 100 found at 5 false of 100; each limit at half of 5 %: log(0.8238 / 0.1128).
    scores = Scores(np.repeat([1.0, 0.0], [90, 10]), np.repeat([1.0, 0.0], [5, 95]))
    found = bound_by_pairs(scores, strategy="fixed", threshold=0.5)
    assert found.epsilon == pytest.approx(math.log(0.82378 / 0.11284), abs=1e-3)
    smaller = bound_by_pairs(scores, strategy="fixed", threshold=0.5, delta=0.1)
    assert smaller.epsilon == pytest.approx(math.log(0.72378 / 0.11284), abs=1e-3)


def test_who_scores_low_can_be_told_too():
    # Non-members are certain where members never are; only the other direction shows it.
    rng = np.random.default_rng(6)
    others = np.where(rng.random(800) < 0.3, -9.0, 0.0) + 0.01 * rng.standard_normal(800)
    scores = Scores(0.01 * rng.standard_normal(800), others)
    assert bound_by_pairs(scores).epsilon > 3


@pytest.mark.parametrize("method", [bound_by_one_run, bound_by_pairs])
def test_a_strategy_and_what_it_needs_go_together(method):
    scores = coins_and_scores(1, count=100)
    with pytest.raises(BadInput, match='must be given with strategy "fixed"'):
        method(scores, strategy="fixed")


def test_values_out_of_their_range_are_refused():
    scores = coins_and_scores(1, count=100)
    with pytest.raises(BadInput, match="num_guesses must be in"):
        bound_by_one_run(scores, strategy="fixed", num_guesses=101)
    with pytest.raises(BadInput, match="delta must be > 0"):
        bound_by_gaussian_run(scores, delta=0.0)
    with pytest.raises(BadInput, match="a split needs"):
        bound_by_pairs(Scores([1.0], [0.0]), strategy="split")
    with pytest.raises(BadInput, match="an estimate needs"):
        estimate_epsilon(Scores([1.0], [0.0]), delta=1e-5)
