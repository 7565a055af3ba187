"""Numbers as people read them."""

from __future__ import annotations

import pytest

from tithe.cli.figures import clock, percent, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-3, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (83, "1:23"), (3723, "1:02:03")],
)
def test_a_duration_is_a_clock(seconds, text):
    assert clock(seconds) == text


def test_figures_have_plain_spaces():
    assert percent(0.97216) == "97.22 %"
    assert percent(None) == "-"
    assert size(1_234_567) == "1.23 MB"
