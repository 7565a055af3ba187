"""Bytes as a message's content, and whole messages over a socket, for both sides of the relay."""

import os
import socket
import struct

from flwr.app import ConfigRecord, RecordDict

_PART_BYTES = 4 * 2**20


def content_of(body: bytes) -> RecordDict:
    """The bytes as one record a part; salted, so that no two messages share an object."""
    parts = [body[at : at + _PART_BYTES] for at in range(0, len(body), _PART_BYTES)] or [b""]
    return RecordDict(
        {
            f"{place:04d}": ConfigRecord({"salt": os.urandom(16), "part": part})
            for place, part in enumerate(parts)
        }
    )


def body_of(content: RecordDict) -> bytes:
    """The bytes again."""
    records = content.config_records
    return b"".join(_part(records[name]) for name in sorted(records))


def asked(line: socket.socket, body: bytes) -> bytes:
    """What the daemon at the other end answers: eight bytes of length before each of the two."""
    line.sendall(struct.pack(">Q", len(body)) + body)
    (length,) = struct.unpack(">Q", _exactly(line, 8))
    return _exactly(line, length)


def _part(record: ConfigRecord) -> bytes:
    part = record["part"]
    if not isinstance(part, bytes):
        raise TypeError("a part of a letter is bytes, got another value")
    return part


def _exactly(line: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        part = line.recv(min(length - len(content), 2**20))
        if not part:
            raise ConnectionError("the daemon closed its socket in the middle of an answer")
        content += part
    return bytes(content)
