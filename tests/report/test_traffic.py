"""The report's traffic: what it draws and what it says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.test_record import TURN
from tithe.report.traffic import silences, traffic

lines = st.builds(
    lambda participant, status, up, down: replace(
        TURN, participant=participant, status=status, bytes_up=up, bytes_down=down
    ),
    st.integers(0, 4),
    st.sampled_from(["shared", "stopped", "refused", "left"]),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
)


@given(st.lists(lines))
def test_sums_over_participants_are_sums_over_turns(turns: list) -> None:
    told = traffic(turns, num_participants=5)
    assert told.total_up == sum(line.bytes_up for line in turns)
    assert told.total_down == sum(line.bytes_down for line in turns)
    assert told.turns_shared == sum(line.status == "shared" for line in turns)
    assert sum(each.num_turns for each in silences(turns)) == len(turns) - told.turns_shared


def test_a_dense_exchange_by_hand() -> None:
    shared = replace(TURN, participant=0, size=100)
    stopped = replace(TURN, participant=1, size=100, status="stopped", bytes_up=0, entries=0)
    left = replace(stopped, participant=2, status="left", bytes_down=0)
    told = traffic([shared, shared, stopped, left], num_participants=4)
    assert (told.dense_up, told.dense_down) == (2 * 400, 3 * 400)
    assert told.num_shared.tolist() == [2, 0, 0, 0]
    assert told.num_stopped.tolist() == [0, 1, 0, 0]
    assert told.has_left.tolist() == [False, False, True, False]


def test_silences_are_told_once_for_each_reason() -> None:
    nan = replace(TURN, participant=3, status="stopped", reason="loss is NaN")
    found = silences(
        [replace(nan, round=4), TURN, replace(nan, round=2), replace(nan, participant=1)]
    )
    assert [(each.participant, each.num_turns, each.first_round) for each in found] == [
        (1, 1, 1),
        (3, 2, 2),
    ]
