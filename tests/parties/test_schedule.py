"""Schedules: who has how many turns, in which order, and who is there."""

from __future__ import annotations

from collections import Counter

import pytest

from tithe.parties.schedule import Presence, moves

ORDERS = ["round_robin", "random", "synchronous", "asynchronous"]


def played(order, presences, rounds=5, seed=1, cohort=1.0):
    return list(moves(order, presences, rounds=rounds, seed=seed, cohort=cohort))


def turns_of(all_moves):
    return Counter(move.participant for move in all_moves if move.kind == "finish")


@pytest.mark.parametrize("order", ORDERS)
class TestEveryOrder:
    def test_everybody_has_a_turn_a_round_when_all_are_alike(self, order):
        all_moves = played(order, [Presence()] * 4)
        assert turns_of(all_moves) == {0: 5, 1: 5, 2: 5, 3: 5}
        assert [m.round for m in all_moves if m.kind == "end_round"] == [0, 1, 2, 3, 4]

    def test_no_turn_begins_before_the_last_one_ended(self, order):
        busy = set()
        for move in played(order, [Presence(turn_time=0.3 + i) for i in range(5)]):
            if move.kind == "start":
                assert move.participant not in busy
                busy.add(move.participant)
            elif move.kind in ("finish", "leave"):
                busy.remove(move.participant)
        assert not busy

    def test_the_clock_never_goes_back(self, order):
        presences = [Presence(turn_time=0.3 + i) for i in range(3)]
        clocks = [m.clock for m in played(order, presences) if m.kind != "start"]
        if order != "synchronous":
            assert clocks == sorted(clocks)
        assert clocks[-1] == max(clocks)

    def test_the_same_seed_gives_the_same_moves(self, order):
        presences = [Presence(turn_time=1 + i % 3) for i in range(6)]
        assert played(order, presences) == played(order, presences)

    def test_who_joins_late_or_leaves_has_fewer_turns_and_the_rest_go_on(self, order):
        presences = [Presence(), Presence(joins=3), Presence(leaves=2), Presence()]
        turns = turns_of(played(order, presences))
        assert turns[0] == turns[3] >= 5
        assert turns[1] == 2
        assert turns[2] == 2

    def test_rounds_without_anybody_pass(self, order):
        all_moves = played(order, [Presence(joins=2)], rounds=4)
        assert turns_of(all_moves) == {0: 2}
        assert sum(m.kind == "end_round" for m in all_moves) == 4

    def test_a_wrong_number_is_refused(self, order):
        with pytest.raises(ValueError, match="rounds must be"):
            played(order, [Presence()], rounds=0)
        with pytest.raises(ValueError, match="turn_time must be"):
            played(order, [Presence(turn_time=0.0)])


def test_round_robin_keeps_its_order_and_random_order_does_not():
    def orders(name, seed):
        who = [
            m.participant for m in played(name, [Presence()] * 6, seed=seed) if m.kind == "start"
        ]
        return [tuple(who[i : i + 6]) for i in range(0, 30, 6)]

    assert set(orders("round_robin", 1)) == {(0, 1, 2, 3, 4, 5)}
    drawn = orders("random", 1)
    assert len(set(drawn)) > 1
    assert all(sorted(each) == [0, 1, 2, 3, 4, 5] for each in drawn)
    assert drawn != orders("random", 2)


@pytest.mark.parametrize("order", ["round_robin", "random"])
def test_one_after_another_means_nobody_overtakes(order):
    kinds = [m.kind for m in played(order, [Presence()] * 3) if m.kind != "end_round"]
    assert kinds == ["start", "finish"] * 15


def test_synchronous_rounds_start_together_and_take_a_cohort():
    all_moves = played("synchronous", [Presence()] * 10, cohort=0.3)
    first = [m.kind for m in all_moves[:7]]
    assert first == ["start"] * 3 + ["finish"] * 3 + ["end_round"]
    assert len(turns_of(all_moves)) > 3


def test_asynchronous_fast_participants_have_more_turns():
    turns = turns_of(
        played("asynchronous", [Presence(turn_time=1.0), Presence(turn_time=3.0)], rounds=8)
    )
    assert turns[0] == 12 and turns[1] == 4


def test_asynchronous_work_of_one_who_leaves_is_lost_and_marked():
    all_moves = played("asynchronous", [Presence(), Presence(turn_time=1.5, leaves=1)], rounds=4)
    left = [m for m in all_moves if m.kind == "leave"]
    assert [m.participant for m in left] == [1]
    lost = [m for m in all_moves if m.is_lost]
    assert [(m.kind, m.participant) for m in lost] == [("start", 1)]


def test_asynchronous_starts_no_turn_that_nobody_waits_for():
    all_moves = played("asynchronous", [Presence(turn_time=1 + i / 7) for i in range(5)])
    counts = Counter(m.kind for m in all_moves)
    assert counts["start"] == counts["finish"]
