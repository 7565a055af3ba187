"""Tries grow rarer while they fail, and looks for work while there is none."""

from __future__ import annotations

from tithe.engines.flower.patience import Backoff, Pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_pauses_grow_to_ten_seconds_and_no_further():
    clock = Clock()
    backoff = Backoff(clock)
    pauses = []
    for _ in range(40):
        backoff.failed()
        pauses.append(backoff.seconds_left)
        assert backoff.is_waiting
        clock.now += backoff.seconds_left
        assert not backoff.is_waiting
    assert 0.15 <= pauses[0] <= 0.25
    assert all(7.5 <= pause <= 12.5 for pause in pauses[6:])


def test_one_success_ends_the_waiting():
    backoff = Backoff(Clock())
    backoff.failed()
    backoff.succeeded()
    assert not backoff.is_waiting
    assert backoff.num_failures == 0


def test_looks_are_frequent_after_work_and_rare_without():
    clock = Clock()
    pace = Pace(shortest=0.03, longest=0.5, clock=clock)
    assert pace.seconds == 0.5
    pace.worked()
    assert pace.seconds == 0.03
    clock.now += 4.0
    assert pace.seconds == 0.2
    clock.now += 1000.0
    assert pace.seconds == 0.5


def test_slow_looks_are_taken_a_third_of_the_time_at_most():
    pace = Pace(clock=lambda: 0.0)
    pace.worked()
    pace.looked(0.01)
    assert pace.seconds == 0.03
    pace.looked(0.1)
    assert pace.seconds == 0.2
    pace.looked(60.0)  # it was a timeout
    assert pace.seconds == 0.5
