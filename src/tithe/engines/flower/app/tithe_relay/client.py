"""The participant's side of the app: bytes to the daemon's socket, and its answer back."""

import os
import socket
import struct
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

SOCKET = "TITHE_SOCKET"
"""The variable that names the daemon's socket, for the SuperNode to hand down."""

app = ClientApp()


@app.query()
def relay(message: Message, context: Context) -> Message:
    """Hands the message's parts on as they are; reads none of them and keeps nothing."""
    records = message.content.config_records
    body = b"".join(_part(records[name]) for name in sorted(records))
    answer = asked(_socket_path(context), body)
    return Message(_content_of(answer), reply_to=message)


def _part(record: ConfigRecord) -> bytes:
    part = record["part"]
    if not isinstance(part, bytes):
        raise TypeError("a part of a letter is bytes, got another value")
    return part


def asked(path: Path, body: bytes) -> bytes:
    """The daemon's answer: eight bytes of length before each of the two."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(path))
        line.sendall(struct.pack(">Q", len(body)) + body)
        with line.makefile("rb") as answer:
            (length,) = struct.unpack(">Q", answer.read(8))
            content = answer.read(length)
    if len(content) < length:
        raise ConnectionError("the daemon closed its socket in the middle of an answer")
    return content


def _socket_path(context: Context) -> Path:
    named = context.node_config.get("tithe-socket") or os.environ.get(SOCKET)
    if not named:
        raise RuntimeError(
            f"no daemon is named: set {SOCKET}, or start the SuperNode with "
            "--node-config 'tithe-socket=\"/path/to/socket\"'"
        )
    return Path(str(named))


def _content_of(body: bytes) -> RecordDict:
    size = 4 * 2**20
    parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    return RecordDict(
        {
            f"{place:04d}": ConfigRecord({"salt": os.urandom(16), "part": part})
            for place, part in enumerate(parts)
        }
    )
