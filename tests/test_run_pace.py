"""The pace of a run: rows count, not turns, and only this process's time tells how fast it is."""

from __future__ import annotations

import pytest

from tithe.build import build
from tithe.plan import load_plan
from tithe.run_pace import RunPace
from tithe.verdict import Outcome

PLAN = {
    "data": {"train_rows": 120, "test_rows": 30},
    "partition": {"participants": 3},
    "model": {"name": "digits-mlp"},
    "exchange": {"rounds": 2},
    "baselines": {"centralised": False, "standalone": 0},
}


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def phases():
    return build(load_plan(PLAN)).phases


def test_the_rest_takes_as_long_a_row_as_what_this_process_did(phases):
    clock = Clock()
    pace = RunPace(phases, clock=clock)
    told = pace.progress(phases[0], Outcome("joint", num_turns=2, bytes_up=9), phases_done=0)
    assert (told.turn, told.num_turns, told.rounds, told.bytes_up) == (2, 6, 2, 9)
    assert (told.phase, told.phases_done, told.num_phases) == ("joint", 0, 1)
    assert told.seconds_left is None
    assert pace.seconds_left is None
    clock.now += 4.0
    pace.passed(40)
    assert pace.seconds == 4.0 and pace.rows_done == 40
    assert pace.seconds_left == pytest.approx(4.0 * (240 - 40) / 40)


def test_a_resumed_run_goes_on_counting_and_takes_its_pace_anew(phases):
    clock = Clock()
    pace = RunPace(phases, clock=clock)
    pace.go_on(seconds=1000.0, rows_done=200)
    assert pace.seconds == 1000.0 and pace.seconds_left is None
    clock.now += 2.0
    pace.passed(20)
    assert pace.seconds == 1002.0
    assert pace.seconds_left == pytest.approx(2.0)


def test_no_time_is_left_where_more_was_done_than_expected(phases):
    clock = Clock()
    pace = RunPace(phases, clock=clock)
    clock.now += 1.0
    pace.passed(500)
    assert pace.seconds_left == 0.0
