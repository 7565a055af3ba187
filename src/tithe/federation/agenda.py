"""Whose turn begins next: in the order of the plan's schedule, or whoever is free."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from tithe.federation.attendance import Attendance
from tithe.federation.central import Central
from tithe.parties.phase import schedule_of
from tithe.parties.schedule import Move


class Agenda(Protocol):
    """Begins turns and ends rounds; it never waits itself."""

    def advance(self) -> bool:
        """Does the next thing, if it can be done now; whether it did."""
        ...

    def wants(self, number: int) -> bool:
        """Whether what this participant answered may be applied now."""
        ...

    @property
    def position(self) -> int:
        """How many moves of the schedule are done."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the training is over."""
        ...


def agenda_of(central: Central, attendance: Attendance) -> Agenda:
    """The agenda that the plan's order asks for."""
    if central.terms.phase.order == "asynchronous":
        return Free(central, attendance)
    return Ordered(central, attendance)


class Ordered:
    """Plays the schedule of the in-process engine: round robin, random order, or synchronous.

    Guarantee: while nobody is missing, uploads are applied and rounds end in exactly its order. Who
    is missing is passed over; its outstanding turn stays open, and its upload counts when it comes.
    """

    def __init__(self, central: Central, attendance: Attendance) -> None:
        everything = schedule_of(central.terms.phase)
        self._moves: Iterator[Move] = islice(everything, central.position, None)
        self._central = central
        self._attendance = attendance
        self._position = central.position
        self._move = next(self._moves, None)
        self._is_waiting = False

    @property
    def position(self) -> int:
        """How many moves of the schedule are done."""
        return self._position

    @property
    def is_done(self) -> bool:
        """Whether the schedule is played to its end."""
        return self._move is None

    def wants(self, number: int) -> bool:
        """Its own finish has come, or was passed over."""
        if number in self._attendance.missing or self._move is None:
            return True
        return self._move.kind == "finish" and self._number(self._move) == number

    def advance(self) -> bool:
        """Does the next move, if it can be done now; whether it did."""
        move = self._move
        if move is None:
            return False
        if move.kind == "end_round":
            self._central.end_round(position=self._position + 1, round_=move.round)
        elif move.kind == "start":
            if not self._start(move, self._number(move)):
                return False
        elif not self._is_over(self._number(move)):
            return False
        self._position += 1
        self._move = next(self._moves, None)
        self._is_waiting = False
        return True

    def _start(self, move: Move, number: int) -> bool:
        if self._central.places[number].outstanding is not None:
            return True  # it still owes its last one
        if self._attendance.is_here(number):
            self._attendance.heard(number)
            self._central.start(number, position=self._position + 1, round_=move.round)
            return True
        return self._is_passed_over(number)

    def _is_over(self, number: int) -> bool:
        if self._central.places[number].outstanding is None:
            return True
        return self._is_passed_over(number)

    def _is_passed_over(self, number: int) -> bool:
        if not self._is_waiting and number not in self._attendance.missing:
            self._attendance.asked(number)
        self._is_waiting = True
        return self._attendance.is_missing(number)

    def _number(self, move: Move) -> int:
        return self._central.terms.phase.participants[move.participant].number


class Free:
    """Everybody begins the next turn as soon as the last one is applied.

    A round is over when as many turns have ended as there are participants. The training is over
    when everybody who is not missing has had as many turns as the plan has rounds.
    """

    def __init__(self, central: Central, attendance: Attendance) -> None:
        self._central = central
        self._attendance = attendance
        self._rounds = central.terms.phase.rounds

    @property
    def position(self) -> int:
        """The schedule of an asynchronous training is made on the way."""
        return 0

    @property
    def is_done(self) -> bool:
        """Whether nobody is left who would take a turn."""
        places = self._central.places
        if not any(place.turn for place in places.values()):
            return False
        return all(
            place.turn >= self._rounds or self._attendance.is_missing(number)
            for number, place in places.items()
        )

    def wants(self, number: int) -> bool:
        """Always."""
        return True

    def advance(self) -> bool:
        """Begins one turn or ends one round; whether it did."""
        central = self._central
        num_rounds = sum(each.turn for each in central.places.values()) // len(central.places)
        if central.round < num_rounds:
            central.end_round(position=0, round_=central.round + 1)
            return True
        for number, place in central.places.items():
            is_free = place.outstanding is None and place.turn < self._rounds
            if is_free and self._attendance.is_here(number):
                self._attendance.heard(number)
                central.start(number, position=0, round_=central.round)
                return True
        return False
