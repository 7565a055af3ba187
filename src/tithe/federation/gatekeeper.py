"""The gatekeeper: what the server refuses, for which of a few reasons, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tithe.federation.central import Place
from tithe.federation.frames import (
    Frame,
    MalformedFrame,
    OversizeFrame,
    Upload,
    read_frame,
)
from tithe.federation.terms import Terms
from tithe.sharing.codec import decode
from tithe.sharing.update import MalformedUpdate, SparseUpdate


class Objection(Enum):
    """Why a message was refused."""

    MALFORMED = "no message of this version"
    OVERSIZE = "longer than any message of this run"
    RUN = "of another run"
    PARTICIPANT = "in another participant's name"
    FLOOD = "nothing was asked of this participant"
    REPLAY = "of a turn that is over"
    TURN = "of another turn or download than the outstanding one"
    SIGNATURE = "not signed by the participant's key"
    LEDGER = "its ledger went back behind what was acknowledged"
    UPDATE = "no update of these parameters"
    ENTRIES = "more entries than theta_u allows"
    BOUND = "a value beyond the announced bound"
    NORM = "much longer than recent updates"
    DIRECTION = "against the direction of recent updates"
    HELD_OUT = "makes the joint model worse on the server's own rows"


class Refused(Exception):
    """A message that changes nothing."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.value)
        self.objection = objection


class Screen(Protocol):
    """An optional check of a well-formed update against what came before."""

    def objection(self, update: SparseUpdate) -> Objection | None:
        """Why this update should not be applied; None if it may."""
        ...

    def note(self, update: SparseUpdate) -> None:
        """Takes note of an update that was applied."""


@dataclass(frozen=True)
class Admitted:
    """An upload that may be applied."""

    upload: Upload
    update: SparseUpdate


class Gatekeeper:
    """Checks what arrives in the order of what a check costs; it changes nothing but its counts.

    Args:
      terms: of the run.
      keys: each participant's public signing key, raw bytes.
      screens: asked in order about every update that is well formed.
    """

    def __init__(
        self, terms: Terms, keys: Mapping[int, bytes], *, screens: tuple[Screen, ...] = ()
    ) -> None:
        self._terms = terms
        self._keys = dict(keys)
        self._screens = screens
        self.counts: dict[int, Counter[Objection]] = {number: Counter() for number in keys}

    def read(self, participant: int, body: bytes) -> Frame:
        """The frame in what came from a participant.

        Raises:
          Refused: it is none, too long, or of another run; it was counted.
        """
        try:
            frame = read_frame(body, most_payload=self._terms.most_payload(participant))
        except OversizeFrame as error:
            raise self._refused(participant, Objection.OVERSIZE) from error
        except MalformedFrame as error:
            raise self._refused(participant, Objection.MALFORMED) from error
        if frame.run != self._terms.run:
            raise self._refused(participant, Objection.RUN)
        return frame

    def admit(self, participant: int, upload: Upload, place: Place) -> Admitted:
        """The update in an upload, if it is the one that was asked for.

        Args:
          participant: whose node it came from.
          upload: what came.
          place: what the server knows of this participant.
        Raises:
          Refused: it must not be applied; it was counted.
        """
        objection = self._identity(participant, upload, place)
        if objection is not None:
            raise self._refused(participant, objection)
        try:
            update = decode(upload.payload, size=self._terms.size)
        except MalformedUpdate as error:
            raise self._refused(participant, Objection.UPDATE) from error
        objection = self._content(participant, update)
        if objection is not None:
            raise self._refused(participant, objection)
        return Admitted(upload, update)

    def note(self, update: SparseUpdate) -> None:
        """Tells the screens of an update that was applied."""
        for screen in self._screens:
            screen.note(update)

    def recall(self, payloads: Iterable[bytes]) -> None:
        """Tells the screens of updates that were applied before a restart, oldest first."""
        for payload in payloads:
            self.note(decode(payload, size=self._terms.size))

    def take_over(self, before: Gatekeeper) -> None:
        """Goes on counting where another stopped, for everybody whose key is still the same."""
        for number, key in self._keys.items():
            if before._keys.get(number) == key:
                self.counts[number] = before.counts[number]

    def refuse(self, participant: int, objection: Objection) -> None:
        """Counts a message that was refused elsewhere."""
        self.counts[participant][objection] += 1

    def _identity(self, participant: int, upload: Upload, place: Place) -> Objection | None:
        """What is wrong with who sent it, for which turn, signed by whom."""
        asked, known = place.outstanding, place.acknowledged
        if upload.participant != participant:
            return Objection.PARTICIPANT
        if upload.turn <= known.turn or upload.turn < place.turn:
            return Objection.REPLAY
        if asked is None:
            return Objection.FLOOD
        if (upload.turn, upload.sequence) != (asked.turn, asked.sequence):
            return Objection.TURN
        if not upload.is_signed_by(self._keys[participant]):
            return Objection.SIGNATURE
        went_back = upload.mark.sequence < known.mark.sequence
        is_other = upload.mark.sequence == known.mark.sequence and upload.mark != known.mark
        return Objection.LEDGER if went_back or is_other else None

    def _content(self, participant: int, update: SparseUpdate) -> Objection | None:
        """What is wrong with the values of an update that is well formed."""
        terms = self._terms.participants[participant]
        if len(update) > terms.most_entries:
            return Objection.ENTRIES
        if len(update) and float(update.values.abs().max()) > terms.largest_value:
            return Objection.BOUND
        return next(filter(None, (screen.objection(update) for screen in self._screens)), None)

    def _refused(self, participant: int, objection: Objection) -> Refused:
        self.refuse(participant, objection)
        return Refused(objection)
