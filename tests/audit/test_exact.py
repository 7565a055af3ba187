"""Exact limits: golden values, their coverage, and that order statistics need no correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tithe.audit.exact import interval, lower_limit, require_confidence, require_loss, upper_limit
from tithe.checks import BadInput

FALSE_ALARM = 1e-6


def test_limits_by_hand():
    # Clopper & Pearson 1934: 0 of n has the upper limit 1 - level^(1/n), n of n the mirror image.
    assert upper_limit(0, 30, level=0.05) == pytest.approx(1 - 0.05 ** (1 / 30))
    assert lower_limit(30, 30, level=0.05) == pytest.approx(0.05 ** (1 / 30))
    assert lower_limit(0, 30, level=0.05) == 0
    assert upper_limit(30, 30, level=0.05) == 1
    assert interval(5, 10, confidence=0.95) == pytest.approx((0.18709, 0.81291), abs=1e-4)


@pytest.mark.parametrize("truth", [0.01, 0.3, 0.97])
def test_limits_cover_the_truth_as_often_as_they_say(truth):
    seen = np.arange(61)
    chance = binom.pmf(seen, 60, truth)
    assert chance[lower_limit(seen, 60, level=0.05) > truth].sum() <= 0.05
    assert chance[upper_limit(seen, 60, level=0.05) < truth].sum() <= 0.05


def test_the_share_above_an_order_statistic_is_bounded_without_correction():
    # The true share above the third largest of 50 uniform draws is one minus that draw.
    num_audits = 4000
    draws = np.sort(np.random.default_rng(1).random((num_audits, 50)), axis=1)
    alarms = int((1 - draws[:, -3] > upper_limit(2, 50, level=0.1)).sum())
    assert binom.sf(alarms - 1, num_audits, 0.1) > FALSE_ALARM
    assert binom.cdf(alarms, num_audits, 0.08) > FALSE_ALARM  # and nothing is given away


def test_what_is_no_confidence_or_delta_is_refused():
    with pytest.raises(BadInput, match="confidence must be in"):
        require_confidence(1.0)
    with pytest.raises(BadInput, match="delta must be in"):
        require_loss(-1e-9)
