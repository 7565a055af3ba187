"""The report's wording: what it draws and what it says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.report import wording


def said(text: str) -> str:
    """With ordinary spaces, to read more easily here."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@given(st.floats(0, 1e30))
def test_a_size_is_short_whatever_the_number(num_bytes: float) -> None:
    text = said(wording.size(num_bytes))
    assert "e" not in text
    if num_bytes < 9e14:
        assert len(text) <= 8


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.7, "1 kB"),
        (1000, "1 kB"),
        (45_300, "45.3 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (12_345_678, "12.3 MB"),
        (4.5e9, "4.5 GB"),
        (7e12, "7 TB"),
        (7e16, "70,000 TB"),
    ],
)
def test_sizes_by_hand(num_bytes: float, text: str) -> None:
    assert said(wording.size(num_bytes)) == text


def test_percents_by_hand() -> None:
    assert said(wording.percent(0.98713)) == "98.71 %"
    assert said(wording.percent(0.0)) == "0.00 %"
    assert said(wording.percent(-0.25, digits=0)) == "-25 %"
    assert wording.percent(math.nan) == "not a number"


def test_durations_by_hand() -> None:
    assert said(wording.duration(0.44)) == "0.4 s"
    assert said(wording.duration(59.99)) == "60.0 s"
    assert said(wording.duration(72)) == "1 min 12 s"
    assert said(wording.duration(3599.7)) == "1 h 00 min"
    assert said(wording.duration(11_100)) == "3 h 05 min"


def test_comparisons_by_hand() -> None:
    def held(part: float, whole: float) -> str:
        return said(wording.held_against(part, whole, what="dense"))

    assert held(100, 3800) == "38 times less than dense"
    assert held(100, 250) == "2.5 times less than dense"
    assert held(300, 200) == "1.5 times more than dense"
    assert held(200, 200) == "as much as dense"
    assert held(0, 200) == "dense: 200 B"


def test_counts_by_hand() -> None:
    assert wording.count(105_506) == "105,506"
    assert said(wording.plural(1, "round")) == "1 round"
    assert said(wording.plural(1200, "round")) == "1,200 rounds"
    assert wording.number(None) == "none"
    assert wording.number(math.inf) == "not a number"
    assert wording.number(0.12345) == "0.123"


@given(st.floats(1e-6, 1e12))
def test_a_loss_is_never_told_smaller_than_it_is(epsilon: float) -> None:
    told = float(wording.lost(epsilon).replace(",", ""))
    assert epsilon * (1 - 1e-8) <= told <= max(epsilon * 1.011, epsilon + 1)
    assert len(wording.lost(epsilon)) <= 17


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [
        (0.0, "0"),
        (0.001234, "0.00124"),
        (3.0000000000000004, "3"),
        (7.0415, "7.05"),
        (7.99998, "8"),
        (10, "10"),
        (100, "100"),
        (999_971.43, "999,972"),
        (math.inf, "infinite"),
    ],
)
def test_losses_by_hand(epsilon: float, text: str) -> None:
    assert wording.lost(epsilon) == text


def test_a_zero_has_no_sign() -> None:
    assert wording.number(-0.0004, digits=2) == "0.00"
