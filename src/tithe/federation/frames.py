r"""The messages as bytes: six kinds with fixed fields, and no field for more than is meant.

All integers little-endian; every frame begins with magic ``b"\xd7F"``, version 1 and its kind, and
ends where its last field ends::

    1 Offer     run, plan hash, d, plan text           server -> participant
    2 Agreed    run, plan hash                         answers an offer or a stop
    3 Download  run, participant, turn, sequence, base, round, acknowledgement, codec payload
    4 Upload    run, participant, turn, sequence, ledger mark, codec payload, signature
    5 Refusal   run, turn, sequence, code              answers an offer or a download
    6 Stop      run                                    server -> participant

There is room for no row count, loss, accuracy, name or text of a participant.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

MAGIC, VERSION = b"\xd7F", 1
LONGEST_PLAN = 1 << 20  # bytes; a plan has some thousand
SIGNATURE_BYTES = 64

_PREFIX = struct.Struct("<2sBB")
_OFFER = struct.Struct("<16s32sII")
_AGREED = struct.Struct("<16s32s")
_DOWNLOAD = struct.Struct("<16sIIIIIIQ32sI")
_UPLOAD = struct.Struct("<16sIIIQ32sI")
_REFUSAL = struct.Struct("<16sIIB")
_STOP = struct.Struct("<16s")


class MalformedFrame(ValueError):
    """Bytes that are no message of this version; nothing of them is used."""


class OversizeFrame(MalformedFrame):
    """More bytes than any message of this run can have; they were not looked at."""


class RefusalCode(IntEnum):
    """All that a participant ever says when it sends no update."""

    MALFORMED = 1  # the message is none it can use
    RUN = 2  # it has agreed to no such run; offer it
    CONSENT = 3  # nobody there has consented to this plan
    POLICY = 4  # its policy forbids the plan
    LATER = 5  # it has had its turns of this hour
    STALE = 6  # it has answered a later turn already
    BEHIND = 7  # the download builds on one that it does not have; send everything
    STOPPED = 8  # the turn gave nothing: its budget is spent, or training broke
    ENDED = 9  # it takes no more turns in this run
    LEDGER = 10  # its ledger lacks a row that was acknowledged


@dataclass(frozen=True)
class LedgerMark:
    """The last row of a participant's ledger: its number, 0 for none, and its hash, 32 bytes."""

    sequence: int = 0
    digest: bytes = bytes(32)


@dataclass(frozen=True)
class Acknowledgement:
    """What the server keeps for good: the last turn applied, -1 for none, and its ledger mark."""

    turn: int = -1
    mark: LedgerMark = LedgerMark()


@dataclass(frozen=True)
class Offer:
    """The server proposes a run: 16 bytes of identity, and the plan with its digest, 32 bytes."""

    run: bytes
    plan_hash: bytes
    size: int
    plan_text: str


@dataclass(frozen=True)
class Agreed:
    """The participant takes part in the run under this plan, or has ended it when told to."""

    run: bytes
    plan_hash: bytes


@dataclass(frozen=True)
class Download:
    """Parameters to overwrite, and with them the order to take one turn.

    Attributes:
      sequence: counts this participant's downloads from 1.
      base: the download that this one is laid over; 0 if it needs none.
      round: for the participant's own record.
      acknowledged: what the server has of this participant for good.
      payload: of ``sharing.codec``.
    """

    run: bytes
    participant: int
    turn: int
    sequence: int
    base: int
    round: int
    acknowledged: Acknowledgement
    payload: bytes


@dataclass(frozen=True)
class Upload:
    """What one turn shares, signed by its participant; ``mark`` is its ledger after the charge."""

    run: bytes
    participant: int
    turn: int
    sequence: int
    mark: LedgerMark
    payload: bytes
    signature: bytes = bytes(SIGNATURE_BYTES)

    def signed_by(self, key: Ed25519PrivateKey) -> Upload:
        """The same upload with a signature over all its other bytes."""
        return replace(self, signature=key.sign(_unsigned(self)))

    def is_signed_by(self, public: bytes) -> bool:
        """Whether the owner of this raw public key signed exactly these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, _unsigned(self))
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Refusal:
    """The participant sends no update, for one of a few reasons; turn 0 for an offer."""

    run: bytes
    turn: int
    sequence: int
    code: RefusalCode


@dataclass(frozen=True)
class Stop:
    """The run is over."""

    run: bytes


Frame = Offer | Agreed | Download | Upload | Refusal | Stop


def write_frame(frame: Frame) -> bytes:
    """The frame as bytes for ``read_frame``."""
    if isinstance(frame, Upload):
        return _unsigned(frame) + frame.signature
    kind, body = _body_of(frame)
    return _PREFIX.pack(MAGIC, VERSION, kind) + body


def read_frame(body: bytes, *, most_payload: int) -> Frame:
    """Reads bytes from anyone, or refuses them.

    Args:
      body: any bytes.
      most_payload: the longest codec payload that the receiver takes, in bytes.
    Raises:
      OversizeFrame: they are longer than any frame with such a payload; nothing was read.
      MalformedFrame: they are no frame of this version, or more than one.
    """
    limit = _PREFIX.size + _DOWNLOAD.size + SIGNATURE_BYTES + max(most_payload, LONGEST_PLAN)
    if len(body) > limit:
        raise OversizeFrame(f"a message has at most {limit} bytes, got {len(body)}")
    if len(body) < _PREFIX.size:
        raise MalformedFrame(f"a message has at least {_PREFIX.size} bytes, got {len(body)}")
    magic, version, kind = _PREFIX.unpack_from(body)
    if magic != MAGIC:
        raise MalformedFrame("these bytes are no message: the first two are wrong")
    if version != VERSION:
        raise MalformedFrame(
            f"version must be {VERSION}, got {version}; both sides need one release"
        )
    if kind not in _READERS:
        raise MalformedFrame(f"kind must be in 1 to {len(_READERS)}, got {kind}")
    return _READERS[kind](body[_PREFIX.size :], most_payload)


def longest_payload(*, size: int, num_entries: int) -> int:
    """The most bytes that ``sharing.codec`` makes of so many of ``size`` parameters."""
    return 32 + 4 * num_entries + size // 8  # float32 values, and at worst a bitmap


def _body_of(frame: Offer | Agreed | Download | Refusal | Stop) -> tuple[int, bytes]:
    if isinstance(frame, Offer):
        text = frame.plan_text.encode()
        return 1, _OFFER.pack(frame.run, frame.plan_hash, frame.size, len(text)) + text
    if isinstance(frame, Agreed):
        return 2, _AGREED.pack(frame.run, frame.plan_hash)
    if isinstance(frame, Download):
        head = _DOWNLOAD.pack(
            frame.run,
            frame.participant,
            frame.turn,
            frame.sequence,
            frame.base,
            frame.round,
            frame.acknowledged.turn + 1,
            frame.acknowledged.mark.sequence,
            frame.acknowledged.mark.digest,
            len(frame.payload),
        )
        return 3, head + frame.payload
    if isinstance(frame, Refusal):
        return 5, _REFUSAL.pack(frame.run, frame.turn, frame.sequence, frame.code)
    return 6, _STOP.pack(frame.run)


def _unsigned(frame: Upload) -> bytes:
    head = _UPLOAD.pack(
        frame.run,
        frame.participant,
        frame.turn,
        frame.sequence,
        frame.mark.sequence,
        frame.mark.digest,
        len(frame.payload),
    )
    return _PREFIX.pack(MAGIC, VERSION, 4) + head + frame.payload


def _read_offer(body: bytes, most_payload: int) -> Offer:
    head = _head(_OFFER, body, most_tail=LONGEST_PLAN)
    try:
        text = body[_OFFER.size :].decode()
    except UnicodeDecodeError as error:
        raise MalformedFrame("a plan must be UTF-8 text") from error
    return Offer(head[0], head[1], head[2], text)


def _read_agreed(body: bytes, most_payload: int) -> Agreed:
    return Agreed(*_whole(_AGREED, body))


def _read_download(body: bytes, most_payload: int) -> Download:
    run, participant, turn, sequence, base, round_, applied, marked, digest, _ = _head(
        _DOWNLOAD, body, most_tail=most_payload
    )
    acknowledged = Acknowledgement(applied - 1, LedgerMark(marked, digest))
    payload = body[_DOWNLOAD.size :]
    return Download(run, participant, turn, sequence, base, round_, acknowledged, payload)


def _read_upload(body: bytes, most_payload: int) -> Upload:
    head = _head(_UPLOAD, body, most_tail=most_payload, after_tail=SIGNATURE_BYTES)
    run, participant, turn, sequence, marked, digest, length = head
    stop = _UPLOAD.size + length
    mark = LedgerMark(marked, digest)
    return Upload(run, participant, turn, sequence, mark, body[_UPLOAD.size : stop], body[stop:])


def _read_refusal(body: bytes, most_payload: int) -> Refusal:
    run, turn, sequence, code = _whole(_REFUSAL, body)
    try:
        return Refusal(run, turn, sequence, RefusalCode(code))
    except ValueError as error:
        raise MalformedFrame(f"no refusal has the code {code}") from error


def _read_stop(body: bytes, most_payload: int) -> Stop:
    return Stop(*_whole(_STOP, body))


_READERS: dict[int, Callable[[bytes, int], Frame]] = {
    1: _read_offer,
    2: _read_agreed,
    3: _read_download,
    4: _read_upload,
    5: _read_refusal,
    6: _read_stop,
}


def _whole(layout: struct.Struct, body: bytes) -> tuple[Any, ...]:
    """The fields of a frame without a tail."""
    if len(body) != layout.size:
        raise MalformedFrame(f"this kind of message has {layout.size} bytes, got {len(body)}")
    return layout.unpack(body)


def _head(
    layout: struct.Struct, body: bytes, *, most_tail: int, after_tail: int = 0
) -> tuple[Any, ...]:
    """The fields of a frame whose last one tells the length of the tail."""
    if len(body) < layout.size + after_tail:
        raise MalformedFrame("a message is cut off")
    fields = layout.unpack_from(body)
    if fields[-1] > most_tail:
        raise OversizeFrame(f"the longest payload is {most_tail} bytes, got {fields[-1]}")
    if layout.size + fields[-1] + after_tail != len(body):
        raise MalformedFrame("a message must end with its last field, it does not")
    return fields
