"""The server's loop: it collects answers, moves the training on, and leaves the next messages."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tithe.federation.agenda import agenda_of
from tithe.federation.attendance import Attendance, Patience
from tithe.federation.central import Central
from tithe.federation.frames import (
    Agreed,
    Frame,
    Offer,
    Refusal,
    RefusalCode,
    Stop,
    Upload,
    write_frame,
)
from tithe.federation.gatekeeper import Gatekeeper, Objection, Refused
from tithe.federation.roster import Roster
from tithe.federation.transport import ServerPost
from tithe.sharing.update import SparseUpdate

_ENDS_THE_TURN = (RefusalCode.STOPPED, RefusalCode.STALE, RefusalCode.MALFORMED)
_LEAVES_THE_RUN = (RefusalCode.RUN, RefusalCode.CONSENT, RefusalCode.POLICY)
_FOR_GOOD = (RefusalCode.ENDED, RefusalCode.LEDGER)

Kind = Literal["offer", "download", "stop"]
Accepted = Callable[[Upload, SparseUpdate], None]


def unwatched(upload: Upload, update: SparseUpdate) -> None:
    """Nobody wants to know of an upload that was applied."""


@dataclass(frozen=True)
class _Message:
    """One message on its way: of which kind, to whom, at which node, since when."""

    kind: Kind
    number: int
    node: int
    at: float


class Coordinator:
    """Runs one training over a post office. ``step`` does all that can be done now and returns.

    Guarantee: one turn of each participant is outstanding at most; nobody is waited for beyond
    ``patience``; an upload is durable before its participant hears of it. It can be dropped at any
    point and made anew from the same store: what was not answered is asked again, and a participant
    answers the same question with the same bytes.

    Args:
      post: the post office.
      central: of the run; it holds all that lasts.
      gatekeeper: of the same run.
      roster: who is spoken to.
      patience: how long it waits, and for how many.
      clock: seconds from any start, never going back.
      accepted: told of every upload that was applied.
    """

    def __init__(
        self,
        post: ServerPost,
        *,
        central: Central,
        gatekeeper: Gatekeeper,
        roster: Roster,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        accepted: Accepted = unwatched,
    ) -> None:
        self._post = post
        self._central = central
        self._gatekeeper = gatekeeper
        self._roster = roster
        self._patience = patience or Patience()
        self._clock = clock
        self._accepted = accepted
        self._said: dict[int, RefusalCode] = {}  # what a participant refused last, until it agrees
        self._attendance = Attendance(self._patience, clock)
        self._agenda = agenda_of(central, self._attendance)
        self._next_look = clock()
        self._messages: dict[str, _Message] = {}
        self._arrived: dict[int, tuple[_Message, bytes]] = {}
        self._not_before: dict[int, float] = {}
        self._stopped: set[int] = set()
        self._bytes_down: Counter[int] = Counter()
        self._bytes_up: Counter[int] = Counter()

    @property
    def is_done(self) -> bool:
        """Whether the training is over and everybody who is there was told."""
        to_tell = self._attendance.agreed & self._attendance.connected.keys()
        return self._agenda.is_done and to_tell <= self._stopped

    def step(self) -> bool:
        """Collects, moves on, and leaves messages; whether anything happened."""
        self._look_who_is_connected()
        has_moved = self._collect()
        while self._apply_next() or self._agenda.advance():
            has_moved = True
        has_moved |= self._send()
        self._central.snapshot_if_due()
        return has_moved

    def run(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        pause_seconds: float = 0.05,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Steps until the training is over or ``should_stop`` says so, then takes a snapshot."""
        while not (self.is_done or should_stop()):
            if not self.step():
                sleep(pause_seconds)
        self._central.snapshot()

    def status(self) -> dict[str, object]:
        """What a status page shows: plain data, nothing private."""
        attendance = self._attendance
        return {
            "run": self._central.terms.run.hex(),
            "round": self._central.round,
            "rounds": self._central.terms.phase.rounds,
            "is_done": self._agenda.is_done,
            "participants": [
                {
                    "number": number,
                    "name": pinned.name if (pinned := self._roster.of(number)) else "",
                    "connected": number in attendance.connected,
                    "agreed": number in attendance.agreed,
                    "missing": number in attendance.missing,
                    "said": code.name.lower() if (code := self._said.get(number)) else "",
                    "turns": place.turn,
                    "applied": place.acknowledged.turn + 1,
                    "outstanding": place.outstanding is not None,
                    "staleness": self._central.staleness.get(number, 0),
                    "bytes_down": self._bytes_down[number],
                    "bytes_up": self._bytes_up[number],
                    "refused": {
                        objection.name.lower(): count
                        for objection, count in self._gatekeeper.counts[number].items()
                    },
                }
                for number, place in self._central.places.items()
            ],
        }

    def _look_who_is_connected(self) -> None:
        """At most as often as patience says, for a look costs as much as a message."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + self._patience.look_seconds
        self._attendance.connected = {
            number: node
            for number, node in self._roster.connected(self._post.nodes()).items()
            if number in self._central.places
        }

    def _collect(self) -> bool:
        """Takes out what arrived; what failed or was lost is asked again."""
        replies = self._post.replies(list(self._messages))
        for message_id, body in replies.items():
            message = self._messages.pop(message_id, None)
            if message is None:
                continue
            if body is None:
                self._later(message.number)
                continue
            self._bytes_up[message.number] += len(body)
            self._arrived[message.number] = (message, body)
        now = self._clock()
        for message_id, message in list(self._messages.items()):
            has_moved = self._attendance.connected.get(message.number) not in (None, message.node)
            if has_moved or now - message.at > self._patience.lost_seconds:
                del self._messages[message_id]
        return bool(replies)

    def _apply_next(self) -> bool:
        """Applies one answer whose time has come; whether there was one."""
        for number, (message, body) in self._arrived.items():
            if message.kind != "download" or self._agenda.wants(number):
                del self._arrived[number]
                self._attendance.heard(number)
                self._answered(message, body)
                return True
        return False

    def _answered(self, message: _Message, body: bytes) -> None:
        number = message.number
        try:
            frame = self._gatekeeper.read(number, body)
            if message.kind == "download":
                self._after_download(number, frame)
            else:
                self._after_word(message.kind, number, frame)
        except Refused:
            self._later(number)
            if message.kind == "download" and self._central.places[number].outstanding is not None:
                self._central.drop(number, position=self._agenda.position)

    def _after_word(self, kind: Kind, number: int, frame: Frame) -> None:
        """The answer to an offer or a stop."""
        if isinstance(frame, Agreed) and frame.plan_hash == self._central.terms.plan_hash:
            self._said.pop(number, None)
            (self._attendance.agreed if kind == "offer" else self._stopped).add(number)
        elif isinstance(frame, Refusal):
            self._said[number] = frame.code
            self._later(number)
            if kind == "stop":
                self._stopped.add(number)
        else:
            self._refuse(number, Objection.MALFORMED)

    def _after_download(self, number: int, frame: Frame) -> None:
        """The answer to a download: an upload, or a refusal with its consequence."""
        place = self._central.places[number]
        if isinstance(frame, Upload):
            admitted = self._gatekeeper.admit(number, frame, place)
            self._central.accept(
                number, admitted.upload, admitted.update, position=self._agenda.position
            )
            self._gatekeeper.note(admitted.update)
            self._said.pop(number, None)
            self._accepted(admitted.upload, admitted.update)
            return
        asked = place.outstanding
        if not isinstance(frame, Refusal) or asked is None:
            self._refuse(number, Objection.MALFORMED)
        elif (frame.turn, frame.sequence) != (asked.turn, asked.sequence):
            self._refuse(number, Objection.TURN)
        else:
            self._after_refusal(number, frame.code)

    def _after_refusal(self, number: int, code: RefusalCode) -> None:
        position = self._agenda.position
        self._said[number] = code
        if code not in _ENDS_THE_TURN:
            self._later(number)
        if code is RefusalCode.BEHIND:
            self._central.forget(number, position=position)
            self._central.start(number, position=position, round_=self._central.round)
        elif code in _LEAVES_THE_RUN:
            self._attendance.agreed.discard(number)
        elif code in _FOR_GOOD or code in _ENDS_THE_TURN:
            self._central.drop(number, position=position)
            if code in _FOR_GOOD:
                self._attendance.ended.add(number)

    def _send(self) -> bool:
        """Leaves a message for everybody who is there and has none on its way."""
        now, has_sent = self._clock(), False
        busy = {message.number for message in self._messages.values()} | self._arrived.keys()
        for number, node in self._attendance.connected.items():
            if number in busy or now < self._not_before.get(number, now):
                continue
            kind, frame = self._next_for(number)
            if frame is None:
                continue
            body = write_frame(frame)
            self._messages[self._post.push(node, body)] = _Message(kind, number, node, now)
            self._bytes_down[number] += len(body)
            has_sent = True
        return has_sent

    def _next_for(self, number: int) -> tuple[Kind, Frame | None]:
        """What is to be said to this participant now; None if nothing is."""
        terms, attendance = self._central.terms, self._attendance
        if self._agenda.is_done:
            is_to_tell = number in attendance.agreed - self._stopped
            return "stop", Stop(terms.run) if is_to_tell else None
        if number in attendance.ended:
            return "download", None
        if number not in attendance.agreed:
            return "offer", Offer(terms.run, terms.plan_hash, terms.size, terms.plan_text)
        return "download", self._central.places[number].outstanding

    def _later(self, number: int) -> None:
        self._not_before[number] = self._clock() + self._patience.again_seconds

    def _refuse(self, number: int, objection: Objection) -> None:
        self._gatekeeper.refuse(number, objection)
        raise Refused(objection)
