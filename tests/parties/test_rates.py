"""Learning-rate schedules by hand."""

from __future__ import annotations

import pytest

from tithe.parties.rates import learning_rates


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1, 0.1, 0.1]),
        ("exponential", [0.1, 0.05, 0.025]),
        ("inverse", [0.1, 0.1 / 1.5, 0.05]),
        ("cosine", [0.1, 0.1 * (2 + 2**0.5) / 4, 0.05]),
    ],
)
def test_the_first_turns_by_hand(schedule, expected):
    rate = learning_rates(schedule, learning_rate=0.1, decay=0.5, num_turns=4)
    assert [rate(turn) for turn in range(3)] == pytest.approx(expected)


def test_cosine_never_reaches_zero_even_past_its_end():
    rate = learning_rates("cosine", learning_rate=0.1, decay=1.0, num_turns=4)
    assert 0 < rate(3) == rate(100)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match="learning_rate must be"):
        learning_rates("constant", learning_rate=0.0, decay=1.0, num_turns=1)
