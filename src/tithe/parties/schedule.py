"""Schedules: whose turn begins and whose ends, and when, as one stream of moves."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from tithe.checks import require_fraction, require_positive
from tithe.randomness import stream

Order = Literal["round_robin", "random", "synchronous", "asynchronous"]


@dataclass(frozen=True)
class Presence:
    """When a participant is there and how fast it is.

    Attributes:
      joins: the first round it takes part in, from 0.
      leaves: the round at whose start it is gone for good; 0: it stays.
      turn_time: simulated time that one of its turns takes, > 0, any unit.
    """

    joins: int = 0
    leaves: int = 0
    turn_time: float = 1.0

    def is_there(self, round_: int) -> bool:
        """Whether it takes part in this round."""
        return self.joins <= round_ and not (self.leaves and round_ >= self.leaves)


@dataclass(frozen=True)
class Move:
    """One thing that happens.

    ``start``: the participant downloads and trains. ``finish``: its upload arrives. ``leave``: it
    is gone in the middle of a turn, whose work is lost. ``end_round``: a round is over.
    """

    kind: Literal["start", "finish", "leave", "end_round"]
    round: int
    participant: int = -1
    clock: float = 0.0
    is_lost: bool = False  # a start whose turn never ends, so that nobody need train it


def moves(
    order: Order,
    presences: Sequence[Presence],
    *,
    rounds: int,
    seed: int,
    cohort: float = 1.0,
) -> Iterator[Move]:
    """All moves of a training, in order; the same for the same arguments.

    ``round_robin``: one after another in a fixed order, each download seeing all earlier uploads.
    ``random``: the same in an order drawn anew every round; server access is atomic.
    ``synchronous``: a drawn fraction ``cohort`` of those present downloads, then all upload.
    ``asynchronous``: everybody works at its own pace on a simulated clock and nobody waits; a round
    is over when as many uploads have come as participants are present.

    Args:
      order: one of the four above.
      presences: one for each participant.
      rounds: how many rounds, > 0.
      seed: of the orders and cohorts.
      cohort: in (0, 1], for ``synchronous`` alone.
    Source: Shokri & Shmatikov 2015, the exchange protocols; McMahan et al. 2017 for cohorts.
    """
    require_positive(rounds=rounds)
    require_fraction(cohort=cohort)
    for presence in presences:
        require_positive(turn_time=presence.turn_time)
    if order == "asynchronous":
        return _without_loose_ends(list(_asynchronous(presences, rounds)))
    return _in_rounds(order, presences, rounds, seed, cohort)


def _in_rounds(
    order: Order, presences: Sequence[Presence], rounds: int, seed: int, cohort: float
) -> Iterator[Move]:
    clock = 0.0
    for round_ in range(rounds):
        there = [i for i, presence in enumerate(presences) if presence.is_there(round_)]
        if order != "round_robin":
            rng = stream(seed, purpose="order", turn=round_)
            there = [there[i] for i in torch.randperm(len(there), generator=rng).tolist()]
        if order == "synchronous":
            there = there[: max(1, round(cohort * len(there)))] if there else []
            for i in there:
                yield Move("start", round_, i, clock)
            begun = clock
            for i in there:
                clock = max(clock, begun + presences[i].turn_time)
                yield Move("finish", round_, i, begun + presences[i].turn_time)
        else:
            for i in there:
                yield Move("start", round_, i, clock)
                clock += presences[i].turn_time
                yield Move("finish", round_, i, clock)
        yield Move("end_round", round_, clock=clock)


def _asynchronous(presences: Sequence[Presence], rounds: int) -> Iterator[Move]:
    waiting: list[tuple[float, int]] = []  # (when its turn ends, who): ties go to the lower number
    working: set[int] = set()
    clock = 0.0
    for round_ in range(rounds):
        there = [i for i, presence in enumerate(presences) if presence.is_there(round_)]
        for i in there:
            if i not in working:
                working.add(i)
                yield Move("start", round_, i, clock)
                heapq.heappush(waiting, (clock + presences[i].turn_time, i))
        num_missing = len(there)
        while num_missing and waiting:
            clock, i = heapq.heappop(waiting)
            if not presences[i].is_there(round_):
                working.discard(i)
                yield Move("leave", round_, i, clock)
                continue
            yield Move("finish", round_, i, clock)
            num_missing -= 1
            yield Move("start", round_, i, clock)
            heapq.heappush(waiting, (clock + presences[i].turn_time, i))
        yield Move("end_round", round_, clock=clock)


def _without_loose_ends(all_moves: list[Move]) -> Iterator[Move]:
    """Drops starts after which the training is over; marks those whose participant leaves."""
    what_follows: dict[int, str] = {}
    kept = []
    for move in reversed(all_moves):
        if move.kind == "start":
            follows = what_follows.pop(move.participant, "")
            if follows:
                kept.append(replace(move, is_lost=follows == "leave"))
        else:
            what_follows[move.participant] = move.kind
            kept.append(move)
    return iter(reversed(kept))
