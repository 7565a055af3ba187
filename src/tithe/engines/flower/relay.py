"""The daemon's end of the relay: messages that a ClientApp on this machine hands over a socket."""

from __future__ import annotations

import contextlib
import itertools
import queue
import socket
import threading
from pathlib import Path

from tithe.engines.flower.letters import MOST_PARTS, PART_BYTES
from tithe.engines.flower.local_socket import (
    listener_at,
    read_message,
    send_message,
    stop_listening,
)

_MOST_BYTES = PART_BYTES * MOST_PARTS
_MOST_LINES = 4  # connections at once; a SuperNode asks for one message after another
_READ_SECONDS = 60.0


class RelayPost:
    """A ``NodePost`` for institutions that run a SuperNode: its ClientApp speaks to this socket.

    One connection carries one message and its answer, each with its length before it. What comes
    in another shape, is too long or stops for a minute is hung up on, and so is who comes while
    four others are not answered yet: no more messages than that are ever held.

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
        self._listener = listener_at(path)
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
        self._lines.release()
        with contextlib.suppress(OSError), line:
            send_message(line, body)

    def close(self) -> None:
        """Stops listening, hangs up on all and removes the socket."""
        self._is_over.set()
        stop_listening(self._listener, self._path)
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
            body = read_message(line, most_bytes=self._most_bytes)
            line.settimeout(None)
        except OSError:
            line.close()
            self._lines.release()
        else:
            self._came.put((f"relay-{next(self._numbers)}", body, line))
