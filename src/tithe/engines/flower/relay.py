"""The daemon's end of the relay: messages that a ClientApp on this machine hands over a socket."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import socket
import struct
import threading
from pathlib import Path

from tithe.checks import BadInput
from tithe.engines.flower.letters import MOST_PARTS, PART_BYTES

_HEAD = struct.Struct(">Q")  # the length in bytes, before question and answer alike
_MOST_BYTES = PART_BYTES * MOST_PARTS
_MOST_LINES = 4  # connections at once; a SuperNode asks for one message after another
_READ_SECONDS = 60.0


class RelayPost:
    """A ``NodePost`` for institutions that run a SuperNode: its ClientApp speaks to this socket.

    One connection carries one message and its answer, each with its length before it. What comes
    in another shape, is too long or stops for a minute is hung up on.

    Close it, or use it as a context manager.
    """

    def __init__(self, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        """Listens from now on.

        Args:
          path: of the socket, mode 0600, in a folder for its owner alone; a socket that a killed
            daemon left is replaced.
          most_bytes: the longest message that is taken.
        Raises:
          BadInput: a daemon listens there already, or no socket can be made there.
        """
        self._path = path
        self._most_bytes = most_bytes
        self._numbers = itertools.count(1)
        self._came: queue.SimpleQueue[tuple[str, bytes, socket.socket]] = queue.SimpleQueue()
        self._open: dict[str, socket.socket] = {}
        self._lines = threading.BoundedSemaphore(_MOST_LINES)
        self._is_over = threading.Event()
        self._listener = _listener(path)
        self._thread = threading.Thread(target=self._listen, daemon=True, name="relay")
        self._thread.start()

    def pull(self) -> tuple[str, bytes] | None:
        """The next message with an id; None if there is none now."""
        try:
            message_id, body, line = self._came.get_nowait()
        except queue.Empty:
            return None
        self._open[message_id] = line
        return message_id, body

    def answer(self, message_id: str, body: bytes) -> None:
        """Answers a message, at most once; a ClientApp that hung up gets nothing.

        Raises:
          ValueError: no such message is open.
        """
        line = self._open.pop(message_id, None)
        if line is None:
            raise ValueError(f"message {message_id} is not open: not pulled, or answered already")
        with contextlib.suppress(OSError), line:
            line.sendall(_HEAD.pack(len(body)) + body)

    def close(self) -> None:
        """Stops listening, hangs up on all and removes the socket."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._thread.join(timeout=5)
        while (left := self.pull()) is not None:
            self._open[left[0]].close()
        for line in self._open.values():
            line.close()
        self._open.clear()

    def __enter__(self) -> RelayPost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            if not self._lines.acquire(blocking=False):
                line.close()
                continue
            threading.Thread(target=self._read, args=(line,), daemon=True, name="line").start()

    def _read(self, line: socket.socket) -> None:
        try:
            line.settimeout(_READ_SECONDS)
            (length,) = _HEAD.unpack(_exactly(line, _HEAD.size))
            if length > self._most_bytes:
                raise ConnectionError
            body = _exactly(line, length)
            line.settimeout(None)
        except OSError:
            line.close()
        else:
            self._came.put((f"relay-{next(self._numbers)}", body, line))
        finally:
            self._lines.release()


def _exactly(line: socket.socket, length: int) -> bytes:
    """So many bytes; memory grows with what came, never with what was announced."""
    content = bytearray()
    while len(content) < length:
        part = line.recv(min(length - len(content), 2**20))
        if not part:
            raise ConnectionError
        content += part
    return bytes(content)


def _listener(path: Path) -> socket.socket:
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
        listener.listen(_MOST_LINES)
    except OSError as error:
        listener.close()
        raise BadInput(f"{path} cannot be a socket: {error.strerror or error}") from error
    except BaseException:
        listener.close()
        raise
    return listener


def _require_silent(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        if line.connect_ex(str(path)) == 0:
            raise BadInput(f"{path} has a daemon that listens already; one is enough")
