"""Exponential variables follow their law to the last digit that anybody looks at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency, chisquare, kstest

from tests.privacy.scripted_bits import ScriptedBits
from tithe.privacy import exponential
from tithe.privacy.exponential import coins, exponentials
from tithe.randomness import SeededBits

FALSE_ALARM = 1e-6
HALF = 2**63


@pytest.fixture
def bits(rng):
    return SeededBits(rng)


def as_floats(whole, rest):
    return whole + rest.astype(np.float64) * 2.0**-64


@given(count=st.integers(0, 300), seed=st.integers(0, 2**32 - 1))
def test_exactly_as_many_come_as_were_asked_for(count, seed):
    import torch

    whole, rest = exponentials(count, bits=SeededBits(torch.Generator().manual_seed(seed)))
    assert whole.shape == rest.shape == (count,)
    assert whole.dtype == np.int64 and rest.dtype == np.uint64
    assert (whole >= 0).all()


def test_one_trial_by_hand():
    # 3/4 falls to 1/2, which does not fall to 1/2 + 1: two words fell, an even number, a failure.
    # Then 1/4 does not fall to 1/2: one word, a success. So the value is 1 failure + 1/4.
    first = [HALF + HALF // 2, HALF // 2] + [0] * 15  # of 17 trials; those from the third are 0
    second = [HALF, HALF] + [1] * 15  # only trial 1 goes on
    whole, rest = exponentials(1, bits=ScriptedBits(*first, *second, HALF + 1))
    assert (whole.tolist(), rest.tolist()) == ([1], [HALF // 2])


def test_failures_are_counted_over_the_end_of_a_batch():
    # All 17 trials of the first batch end after two words; the second batch succeeds at once.
    fails = [HALF] * 17 + [1] * 17 + [2] * 17
    succeeds = [5] * 17 + [6] * 17
    whole, rest = exponentials(1, bits=ScriptedBits(*fails, *succeeds))
    assert (whole.tolist(), rest.tolist()) == ([17], [5])


def test_they_follow_their_law(bits):
    values = as_floats(*exponentials(200_000, bits=bits))
    assert kstest(values, "expon").pvalue > FALSE_ALARM
    assert kstest(values * 1.03, "expon").pvalue < FALSE_ALARM


def test_small_batches_follow_the_same_law(bits, monkeypatch):
    monkeypatch.setattr(exponential, "_TRIALS", 7)  # so that nearly every value crosses an end
    values = as_floats(*exponentials(20_000, bits=bits))
    assert kstest(values, "expon").pvalue > FALSE_ALARM
    assert kstest(values * 1.1, "expon").pvalue < FALSE_ALARM


def test_whole_part_and_rest_are_independent(bits):
    whole, rest = exponentials(200_000, bits=bits)
    eighth = (rest >> np.uint64(61)).astype(np.int64)
    table = np.histogram2d(np.minimum(whole, 3), eighth, bins=(4, 8))[0]
    assert chi2_contingency(table).pvalue > FALSE_ALARM
    shifted = (eighth + (whole == 0)) % 8
    table = np.histogram2d(np.minimum(whole, 3), shifted, bins=(4, 8))[0]
    assert chi2_contingency(table).pvalue < FALSE_ALARM


def test_one_value_tells_nothing_of_the_next(bits):
    values = as_floats(*exponentials(200_000, bits=bits))
    grades = np.searchsorted([0.29, 0.69, 1.39], values)
    table = np.histogram2d(grades[:-1], grades[1:], bins=(4, 4))[0]
    assert chi2_contingency(table).pvalue > FALSE_ALARM


@pytest.mark.parametrize("shift", [0, 8, 24, 48])
def test_the_low_digits_are_uniform(bits, shift):
    _, rest = exponentials(100_000, bits=bits)
    counts = np.bincount((rest >> np.uint64(shift)).astype(np.uint8), minlength=256)
    assert chisquare(counts).pvalue > FALSE_ALARM
    counts[:128] += 300
    assert chisquare(counts * 1e5 / counts.sum(), np.full(256, 1e5 / 256)).pvalue < FALSE_ALARM


def test_words_that_agree_are_told_apart_by_a_fair_coin(bits):
    same = np.full(20_000, 7, dtype=np.uint64)
    falls = exponential._falls(same, same, bits)
    assert binomtest(int(falls.sum()), falls.size).pvalue > FALSE_ALARM


def test_coins_are_fair(bits):
    tossed = coins(100_001, bits=bits)
    assert tossed.dtype == np.bool_ and tossed.shape == (100_001,)
    assert binomtest(int(tossed.sum()), tossed.size).pvalue > FALSE_ALARM
    assert binomtest(int((tossed[:-1] ^ tossed[1:]).sum()), 100_000).pvalue > FALSE_ALARM
