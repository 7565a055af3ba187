"""Plots of who sent how much and how late."""

from __future__ import annotations

import numpy as np
import pytest

from tests.report.conftest import MakeRun
from tithe.record import read_run
from tithe.report.exchange_plots import staleness, who_sent
from tithe.report.facts import Facts


def facts_of(make_run: MakeRun, **different: object) -> Facts:
    return Facts(read_run(make_run(standalone=0, centralised=False, **different)))


def test_each_participant_has_its_bars_and_the_absent_their_marks(make_run: MakeRun) -> None:
    facts = facts_of(make_run, participants=8, stops=((4, 5), (6, 2)), leaves=((2, 6),))
    picture = who_sent(facts)
    assert picture is not None
    up, down, stopped, left = picture.figure.data
    assert list(up.y) == facts.traffic.bytes_up.tolist()
    assert list(down.y) == facts.traffic.bytes_down.tolist()
    assert (list(stopped.x), list(left.x)) == ([4, 6], [2])
    assert picture.table is not None
    assert [row[0] for row in picture.table.rows][2] == "2 (left)"


@pytest.mark.parametrize("participants", [400, 401, 1000])
def test_many_participants_share_bars_without_losing_a_byte(
    make_run: MakeRun, participants: int
) -> None:
    facts = facts_of(make_run, participants=participants, rounds=1)
    picture = who_sent(facts)
    assert picture is not None
    up = picture.figure.data[0]
    assert len(up.y) <= 400
    group = -(-participants // 400)
    members = [
        len(part) for part in np.split(np.arange(participants), range(group, participants, group))
    ]
    assert np.dot(up.y, members) == pytest.approx(facts.traffic.total_up)


def test_without_traffic_there_is_no_picture(make_run: MakeRun) -> None:
    assert who_sent(facts_of(make_run, rounds=0)) is None
    assert staleness(facts_of(make_run, rounds=0)) is None


@pytest.mark.parametrize("participants", [3, 300])
def test_every_stale_turn_is_in_one_bar(make_run: MakeRun, participants: int) -> None:
    facts = facts_of(make_run, participants=participants, rounds=4, order="asynchronous")
    picture = staleness(facts)
    assert picture is not None
    assert sum(picture.figure.data[0].y) == 4 * participants
    assert len(picture.figure.data[0].y) <= 41
