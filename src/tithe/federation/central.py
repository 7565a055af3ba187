"""The server's memory: its parameters and who has which of them, rebuilt bit for bit from disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from tithe.federation.frames import Acknowledgement, Download, LedgerMark, Upload
from tithe.federation.store import Entry
from tithe.federation.terms import Terms
from tithe.parties.phase import server_of
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate


@dataclass
class Place:
    """What the server knows of one participant.

    Attributes:
      turn: its outstanding turn, or its next one.
      sequence: how many downloads were made for it.
      base: the download that its next one may be laid over; 0: it gets everything.
      acknowledged: what of it is kept for good.
      outstanding: the download that it has not answered yet.
    """

    turn: int = 0
    sequence: int = 0
    base: int = 0
    acknowledged: Acknowledgement = field(default_factory=Acknowledgement)
    outstanding: Download | None = None


class EntryLog(Protocol):
    """Where all that happened lasts; ``UploadStore`` is the one on disk."""

    number: int

    def append(self, entry: Entry) -> int:
        """Adds an entry; it lasts when this returns its number."""
        ...

    def newest_snapshot(self) -> tuple[int, dict[str, Tensor], object] | None:
        """The state after some entry, with the entry's number; None if nothing but entries is."""
        ...

    def entries_after(self, number: int) -> Iterator[Entry]:
        """All entries after this one, in order."""
        ...

    def save_snapshot(self, tensors: dict[str, Tensor], plain: object) -> None:
        """Keeps the state after the last entry."""


class Central:
    """Every change goes to the store first and then through ``_apply``, which a restart repeats.

    Guarantee: what was accepted is on the disk before it is applied; a restart at any point gives
    the same parameters, counters, download marks, outstanding downloads and place in the schedule,
    bit for bit.

    Args:
      terms: of the run.
      store: of the same run; the state in it is taken up.
      snapshot_entries, snapshot_bytes: a snapshot is due after so many entries, or bytes of
        uploads.
    """

    def __init__(
        self,
        terms: Terms,
        store: EntryLog,
        *,
        snapshot_entries: int = 1000,
        snapshot_bytes: int = 1 << 28,
    ) -> None:
        self._snapshot_entries = snapshot_entries
        self._snapshot_bytes = snapshot_bytes
        self.terms = terms
        self.server = server_of(terms.phase)
        self.places = {number: Place() for number in terms.participants}
        self.position = 0  # of the schedule, after the last entry
        self.round = 0
        self.staleness: dict[int, int] = {}  # of each participant's last upload
        self._store = store
        self._snapshot_at = 0
        self._payload_bytes = 0  # since the last snapshot
        self._resume()

    def start(self, participant: int, *, position: int, round_: int) -> Download:
        """Makes the download of a participant's next turn, which is then outstanding."""
        place = self.places[participant]
        assert place.outstanding is None
        self._do(Entry("start", participant, place.turn, position, round_))
        assert place.outstanding is not None
        return place.outstanding

    def accept(
        self, participant: int, upload: Upload, update: SparseUpdate, *, position: int
    ) -> None:
        """Applies the upload of the outstanding turn, which the gatekeeper has let pass.

        ``update`` is what its payload says.
        """
        entry = Entry(
            "upload",
            participant,
            self.places[participant].turn,
            position,
            self.round,
            upload.mark.sequence,
            upload.mark.digest,
            upload.payload,
        )
        self._do(entry, update)

    def drop(self, participant: int, *, position: int) -> None:
        """Ends the outstanding turn with nothing."""
        self._do(Entry("drop", participant, self.places[participant].turn, position, self.round))

    def forget(self, participant: int, *, position: int) -> None:
        """Withdraws the outstanding download; its turn begins anew with everything."""
        self._do(Entry("forget", participant, self.places[participant].turn, position, self.round))

    def end_round(self, *, position: int, round_: int) -> None:
        """Applies what waits for a round's end."""
        self._do(Entry("end_round", position=position, round=round_))

    def snapshot_if_due(self) -> None:
        """Takes a snapshot if enough happened since the last one."""
        num_entries = self._store.number - self._snapshot_at
        is_long = self._payload_bytes >= self._snapshot_bytes
        if num_entries >= self._snapshot_entries or is_long:
            self.snapshot()

    def snapshot(self) -> None:
        """Keeps the whole state, so that a restart begins here."""
        tensors, plain = self.server.state()
        tensors = {f"server.{name}": tensor for name, tensor in tensors.items()}
        for number, place in self.places.items():
            if place.outstanding is not None:
                body = bytearray(place.outstanding.payload)
                tensors[f"outstanding_{number}"] = torch.frombuffer(body, dtype=torch.uint8)
        self._store.save_snapshot(
            tensors,
            {
                "server": plain,
                "position": self.position,
                "round": self.round,
                "places": [[number, _plain(place)] for number, place in self.places.items()],
            },
        )
        self._snapshot_at, self._payload_bytes = self._store.number, 0

    def _do(self, entry: Entry, update: SparseUpdate | None = None) -> None:
        self._store.append(entry)
        self._apply(entry, update)

    def _resume(self) -> None:
        number = 0
        found = self._store.newest_snapshot()
        if found is not None:
            number, tensors, plain = found
            self._restore(tensors, plain)
        for entry in self._store.entries_after(number):
            self._apply(entry)
        self._snapshot_at = number

    def _apply(self, entry: Entry, update: SparseUpdate | None = None) -> None:
        """Does what an entry says; ``update`` is what its payload says, where that is known."""
        self.position, self.round = entry.position, entry.round
        if entry.kind == "end_round":
            self.server.end_round()
            return
        place = self.places[entry.participant]
        if entry.kind == "start":
            self._start(entry, place)
            return
        if entry.kind == "forget":
            self.server.forget(entry.participant)
            place.base = 0
        elif entry.kind == "upload":
            if update is None:
                update = decode(entry.payload, size=self.terms.size)
            self.staleness[entry.participant] = self.server.add(
                entry.participant, turn=entry.turn, update=update
            )
            mark = LedgerMark(entry.ledger_sequence, entry.ledger_digest)
            place.acknowledged = Acknowledgement(entry.turn, mark)
            self._payload_bytes += len(entry.payload)
        if entry.kind != "forget":
            place.turn += 1
        place.outstanding = None

    def _start(self, entry: Entry, place: Place) -> None:
        terms = self.terms.participants[entry.participant]
        download = self.server.download(
            entry.participant, theta_d=terms.theta_d, values=terms.download_format
        )
        place.sequence += 1
        place.outstanding = Download(
            run=self.terms.run,
            participant=entry.participant,
            turn=entry.turn,
            sequence=place.sequence,
            base=place.base if terms.theta_d == 1 else 0,
            round=entry.round,
            acknowledged=place.acknowledged,
            payload=download.payload,
        )
        place.base = place.sequence

    def _restore(self, tensors: dict[str, Tensor], plain: object) -> None:
        assert isinstance(plain, dict)
        prefix = "server."
        own = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        self.server.restore(own, plain["server"])
        self.position, self.round = plain["position"], plain["round"]
        for number, facts in plain["places"]:
            payload = tensors.get(f"outstanding_{number}")
            self.places[number] = _place_of(self.terms.run, number, facts, payload)


def _plain(place: Place) -> dict[str, object]:
    mark, outstanding = place.acknowledged.mark, place.outstanding
    return {
        "turn": place.turn,
        "sequence": place.sequence,
        "base": place.base,
        "acknowledged": [place.acknowledged.turn, mark.sequence, mark.digest.hex()],
        "outstanding": outstanding and [outstanding.base, outstanding.round],
    }


def _place_of(run: bytes, number: int, facts: dict[str, Any], payload: Tensor | None) -> Place:
    turn, sequence, digest = facts["acknowledged"]
    acknowledged = Acknowledgement(turn, LedgerMark(sequence, bytes.fromhex(digest)))
    place = Place(facts["turn"], facts["sequence"], facts["base"], acknowledged)
    if facts["outstanding"] and payload is not None:
        base, round_ = facts["outstanding"]
        body = payload.numpy().tobytes()
        place.outstanding = Download(
            run, number, place.turn, place.sequence, base, round_, acknowledged, body
        )
    return place
