"""The auditor: it never accuses a sound mechanism, and it catches every mechanism known broken."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import binom, norm

from tests.privacy.auditor import FALSE_ALARM, audit
from tests.privacy.broken_mechanisms import (
    ABOVE,
    published_variant,
    release_unbounded,
    release_without_count,
    run_variant,
)
from tithe.privacy.release import (
    gaussian_release_event,
    laplace_release_event,
    release_with_gaussian,
    release_with_laplace,
)
from tithe.randomness import SeededBits


def randomized_response(bit, epsilon):
    """Tells the bit with probability ``exp(epsilon) / (1 + exp(epsilon))``: exactly epsilon-DP."""
    truth = 1 / (1 + math.exp(-epsilon))
    return lambda n, rng: np.where(rng.random(n) < truth, bit, 1 - bit)


# ------------------------------------------------------------------ what the auditor promises


def test_one_law_on_both_inputs_shows_no_loss():
    def normal(n, rng):
        return rng.standard_normal((n, 2))

    assert audit(normal, normal, epsilon=0.01).lower_bound == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_the_bound_comes_close_to_a_known_epsilon_and_stays_below(epsilon):
    found = audit(randomized_response(0, epsilon), randomized_response(1, epsilon), epsilon=epsilon)
    assert 0.8 * epsilon < found.lower_bound <= epsilon
    assert not found.is_rejected


def test_a_claim_that_is_too_low_is_rejected():
    samplers = randomized_response(0, 1.0), randomized_response(1, 1.0)
    assert audit(*samplers, epsilon=0.85).is_rejected


def test_false_alarms_are_no_more_frequent_than_promised():
    # At a level of 10 % the bound may exceed the truth in one of ten audits; 300 audits are run.
    promised, num_audits = 0.1, 300
    samplers = randomized_response(0, 1.0), randomized_response(1, 1.0)
    num_alarms = sum(
        audit(*samplers, epsilon=1.0, num_runs=2000, seed=seed, false_alarm=promised).is_rejected
        for seed in range(num_audits)
    )
    assert binom.sf(num_alarms - 1, num_audits, promised) > FALSE_ALARM


def gaussian_delta(epsilon, stddev):
    """The exact delta of one value with Gaussian noise and sensitivity 1 (Balle & Wang 2018)."""
    return norm.cdf(0.5 / stddev - epsilon * stddev) - math.exp(epsilon) * norm.cdf(
        -0.5 / stddev - epsilon * stddev
    )


def gaussian_epsilon(delta, stddev):
    """The exact epsilon at this delta."""
    return brentq(lambda epsilon: gaussian_delta(epsilon, stddev) - delta, 0, 20)


def test_an_approximate_guarantee_is_judged_with_its_delta():
    delta = 1e-2
    epsilon = gaussian_epsilon(delta, 1.0)

    def on_zero(n, rng):
        return rng.standard_normal(n)

    def on_one(n, rng):
        return 1 + rng.standard_normal(n)

    found = audit(on_zero, on_one, epsilon=epsilon, delta=delta)
    assert 0.6 * epsilon < found.lower_bound <= epsilon
    assert audit(on_zero, on_one, epsilon=0.6 * epsilon, delta=delta).is_rejected
    assert audit(on_zero, on_one, epsilon=epsilon, delta=0.0, num_runs=1_000_000).is_rejected


# ------------------------------------------------------------------ the six published variants


def answers_of(
    number, queries, *, epsilon, count, threshold=0.0, summary=lambda runs: runs.answers
):
    """A sampler of what one published variant answers to these queries."""
    variant = published_variant(number, epsilon=epsilon, count=count)
    asked = np.asarray(queries, dtype=np.float64)
    return lambda n, rng: summary(
        run_variant(variant, asked, num_runs=n, rng=rng, threshold=threshold)
    )


# Where an answer is "below", the neighbour's query is larger, and where it is "above", smaller:
# no pair of neighbours tells more, and the first of the two gives "below" and then "above" readily.
BELOW_THEN_ABOVE = ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("number", [1, 2])
def test_the_sound_variants_pass_at_their_claim(number):
    one, other = BELOW_THEN_ABOVE
    samplers = [answers_of(number, queries, epsilon=1.0, count=3) for queries in (one, other)]
    found = audit(*samplers, epsilon=1.0, num_runs=200_000)
    assert not found.is_rejected
    assert found.lower_bound > 0.1  # and the witness does tell something about them


@pytest.mark.parametrize("number", [1, 2])
def test_the_sound_variants_do_not_pass_at_the_price_of_one_answer(number):
    # epsilon / c is what one of c answers costs; quoting it for all of them is wrong.
    def imbalance(runs):
        above = runs.answers == ABOVE
        return above[:, 1::2].sum(axis=1) - above[:, ::2].sum(axis=1)

    samplers = [
        answers_of(number, queries, epsilon=8.0, count=8, threshold=0.5, summary=imbalance)
        for queries in ([0, 1] * 20, [1, 0] * 20)
    ]
    found = audit(*samplers, epsilon=8.0)
    assert not found.is_rejected
    assert found.lower_bound > 8.0 / 8


def test_variant_3_is_caught_because_the_value_it_tested_leaves():
    # The released value is above the noisy threshold, so it tells how low that was, and every
    # "below" then counts in full against the neighbour: the loss grows with their number.
    def last_value(runs):
        is_pattern = (runs.answers[:, :-1] != ABOVE).all(axis=1) & (runs.answers[:, -1] == ABOVE)
        return np.where(is_pattern, runs.released[:, -1], 100.0)

    samplers = [
        answers_of(3, queries, epsilon=2.0, count=1, summary=last_value)
        for queries in ([0] * 6 + [1], [1] * 6 + [1])
    ]
    assert audit(*samplers, epsilon=2.0, num_runs=300_000).is_rejected


def test_variant_1_with_the_same_witness_passes():
    def is_pattern(runs):
        return (runs.answers[:, -1] == ABOVE).astype(float)

    samplers = [
        answers_of(1, queries, epsilon=2.0, count=1, summary=is_pattern)
        for queries in ([0] * 6 + [1], [1] * 6 + [1])
    ]
    assert not audit(*samplers, epsilon=2.0, num_runs=300_000).is_rejected


def test_variant_4_is_caught_because_its_noise_forgets_the_count():
    one, other = BELOW_THEN_ABOVE
    samplers = [answers_of(4, queries, epsilon=1.0, count=3) for queries in (one, other)]
    assert audit(*samplers, epsilon=1.0).is_rejected
    # (1 + 6c) / 4 is the truth, and at that claim the same variant passes.
    assert not audit(*samplers, epsilon=(1 + 6 * 3) / 4).is_rejected


def test_variant_5_is_caught_because_a_query_without_noise_tells_its_order():
    # "Below" then "above" needs a threshold between the two queries; the neighbour has none there.
    samplers = [answers_of(5, queries, epsilon=1.0, count=1) for queries in ([0, 1], [1, 0])]
    found = audit(*samplers, epsilon=1.0)
    assert found.is_rejected
    assert found.lower_bound > 5  # infinite in truth; so much can be told from these runs


def test_variant_6_is_caught_because_it_never_stops():
    # Each of many answers leans a little; how many there are in each half of the queries tells all.
    num_each = 100

    def imbalance(runs):
        return runs.answers[:, :num_each].sum(axis=1) - runs.answers[:, num_each:].sum(axis=1)

    samplers = [
        answers_of(6, queries, epsilon=1.0, count=1, summary=imbalance)
        for queries in ([0] * 2 * num_each, [1] * num_each + [-1] * num_each)
    ]
    assert audit(*samplers, epsilon=1.0, num_runs=20_000).is_rejected


# ------------------------------------------------------------------ releases of the values


def released(value, *, count, release):
    """A sampler of what is released of ``count`` values that are all the same."""

    def sample(num_runs, rng):
        bits = SeededBits(torch.Generator().manual_seed(int(rng.integers(2**62))))
        values = torch.full((num_runs, count), value, dtype=torch.float64)
        return release(values, bits).numpy()

    return sample


@pytest.mark.parametrize(("relation", "one", "other"), [("replace", -9.0, 9.0), ("zero_out", 0, 9)])
def test_the_laplace_release_passes_at_its_price_and_not_far_below(relation, one, other):
    count, scale = 2, 3.0

    def release(values, bits):
        return release_with_laplace(values, gamma=1.0, scale_in_gamma=scale, bits=bits)

    event = laplace_release_event(
        count, scale_in_gamma=scale, unit="participant", relation=relation
    )
    epsilon = event.count / event.scale
    samplers = [released(value, count=count, release=release) for value in (one, other)]
    found = audit(*samplers, epsilon=epsilon, num_runs=200_000)
    assert 0.6 * epsilon < found.lower_bound <= epsilon


@pytest.mark.parametrize(("relation", "one", "other"), [("replace", -9.0, 9.0), ("zero_out", 0, 9)])
def test_the_gaussian_release_passes_at_its_price_and_not_far_below(relation, one, other):
    noise_multiplier, delta = 2.0, 1e-2

    def release(values, bits):
        noisy = release_with_gaussian(
            values, l2_norm_bound=1.0, noise_multiplier=noise_multiplier, bits=bits
        )
        return noisy.sum(dim=1)  # along the one direction in which the inputs differ

    event = gaussian_release_event(
        noise_multiplier=noise_multiplier, unit="participant", relation=relation
    )
    epsilon = gaussian_epsilon(delta, event.noise_multiplier)
    samplers = [released(value, count=4, release=release) for value in (one, other)]
    found = audit(*samplers, epsilon=epsilon, delta=delta)
    assert 0.6 * epsilon < found.lower_bound <= epsilon


def test_a_release_that_bounds_after_the_noise_is_caught():
    # Noise of the scale that a bounded value would need for epsilon 1, around a value beyond it.
    samplers = [
        lambda n, rng, value=value: release_unbounded(
            np.array([value]), gamma=1.0, scale=2.0, num_runs=n, rng=rng
        )
        for value in (0.0, 30.0)
    ]
    assert audit(*samplers, epsilon=1.0).is_rejected


def test_a_release_calibrated_without_the_count_is_caught():
    count, epsilon = 20, 1.0

    def mean_of(value):
        return lambda n, rng: release_without_count(
            np.full(count, value), gamma=1.0, epsilon=epsilon, num_runs=n, rng=rng
        ).mean(axis=1)

    samplers = mean_of(-1.0), mean_of(1.0)
    assert audit(*samplers, epsilon=epsilon).is_rejected
    assert not audit(*samplers, epsilon=count * epsilon).is_rejected
