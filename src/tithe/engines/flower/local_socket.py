"""Sockets between processes of one user on one machine, and whole messages over them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path

from tithe.checks import BadInput

_HEAD = struct.Struct(">Q")  # the length in bytes, before every message
_WAITING_LINES = 4


def send_message(line: socket.socket, body: bytes) -> None:
    """Sends one message.

    Raises:
      OSError: the other side is gone.
    """
    line.sendall(_HEAD.pack(len(body)) + body)


def read_message(line: socket.socket, *, most_bytes: int) -> bytes:
    """Reads one message; memory grows with what came, never with what was announced.

    Raises:
      ConnectionError: the other side is gone, or announces more than ``most_bytes``.
      OSError: nothing came for as long as the line waits.
    """
    (length,) = _HEAD.unpack(_exactly(line, _HEAD.size))
    if length > most_bytes:
        raise ConnectionError(f"a message may have {most_bytes} bytes, and {length} were announced")
    return _exactly(line, length)


def listener_at(path: Path) -> socket.socket:
    """A socket of mode 0600 that listens; one that a killed process left is replaced.

    Raises:
      BadInput: a process listens there already, or no socket can be made there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _require_silent(path)
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_WAITING_LINES)
    except OSError as error:
        listener.close()
        raise BadInput(f"{path} cannot be a socket: {error.strerror or error}") from error
    except BaseException:
        listener.close()
        raise
    return listener


def stop_listening(listener: socket.socket, path: Path) -> None:
    """Lets nobody in any more, whoever waits in ``accept`` included, and removes the socket."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    path.unlink(missing_ok=True)


def _exactly(line: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        part = line.recv(min(length - len(content), 2**20))
        if not part:
            raise ConnectionError("the other side hung up")
        content += part
    return bytes(content)


def _require_silent(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        if line.connect_ex(str(path)) == 0:
            raise BadInput(f"{path} has a daemon that listens already; one is enough")
