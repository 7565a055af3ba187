"""The server's end of a relay: a run that somebody started with ``flwr run`` carries its messages.

The run's ServerApp connects to a socket, tells who is connected and what was answered, and is told
what to send. It knows nothing of the training, and one connection is all its memory: what was sent
over a connection that broke has no reply, and the server asks again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tithe.engines.flower.carrying import Tell
from tithe.engines.flower.letters import MOST_PARTS, PART_BYTES
from tithe.engines.flower.local_socket import (
    listener_at,
    read_message,
    send_message,
    stop_listening,
)

_MOST_BYTES = PART_BYTES * MOST_PARTS
_SILENT_SECONDS = 60.0  # a ServerApp speaks several times a second


@dataclass
class _Connection:
    """What is known over one connection."""

    nodes: dict[int, bytes] = field(default_factory=dict)
    to_send: list[tuple[str, int, bytes]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    replies: dict[str, bytes | None] = field(default_factory=dict)


class RelayServerPost:
    """A ``ServerPost`` for who runs a SuperLink: its ServerApp speaks to this socket.

    A reply comes once. Without a ServerApp nobody is connected and every push is lost. A second
    ServerApp waits until the first is gone.

    Close it, or use it as a context manager.
    """

    def __init__(self, path: Path, *, tell: Tell = lambda _: None) -> None:
        """Listens from now on.

        Args:
          path: of the socket, mode 0600, in a folder for its owner alone.
          tell: told when a ServerApp comes or goes.
        Raises:
          BadInput: a server listens there already, or no socket can be made there.
        """
        self._path = path
        self._tell = tell
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._now: _Connection | None = None
        self._is_over = threading.Event()
        self._listener = listener_at(path)
        self._thread = threading.Thread(target=self._listen, daemon=True, name="server-relay")
        self._thread.start()

    def nodes(self) -> Mapping[int, bytes]:
        """Who is connected now: node id to public key as the SuperLink has it."""
        with self._lock:
            return dict(self._now.nodes) if self._now else {}

    def push(self, node: int, body: bytes) -> str:
        """Leaves one message for a node and returns its id; lost if no ServerApp is there."""
        message_id = f"relay-{next(self._numbers)}"
        with self._lock:
            if self._now is not None:
                self._now.to_send.append((message_id, node, body))
                self._now.waiting.add(message_id)
        return message_id

    def replies(self, message_ids: Sequence[str]) -> dict[str, bytes | None]:
        """The replies that arrived for these ids, taken out; None: it failed or was lost."""
        with self._lock:
            now = self._now or _Connection()
            found = {each: now.replies.pop(each) for each in message_ids if each in now.replies}
            lost = (each for each in message_ids if each not in found and each not in now.waiting)
            return found | dict.fromkeys(lost)

    def admit(self) -> None:
        """Nothing to do: whoever runs the SuperLink registers nodes there."""

    def close(self) -> None:
        """Tells the ServerApp that its run is over, stops listening, and removes the socket."""
        self._is_over.set()
        stop_listening(self._listener, self._path)
        self._thread.join(timeout=10)

    def __enter__(self) -> RelayServerPost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError):
                line.settimeout(_SILENT_SECONDS)
                self._serve(line)
            with self._lock:
                was_there, self._now = self._now is not None, None
            if was_there and not self._is_over.is_set():
                self._tell("the ServerApp is gone; start it again with flwr run")

    def _serve(self, line: socket.socket) -> None:
        """Answers one ServerApp, exchange by exchange, until one of the two leaves."""
        connection = _Connection()
        while True:
            body = read_message(line, most_bytes=_MOST_BYTES)
            try:
                nodes, replies = _understood(body)
            except (ValueError, KeyError, TypeError, AttributeError):
                return  # no ServerApp of ours said this
            with self._lock:
                if self._now is None:
                    self._now = connection
                    self._tell("a ServerApp carries the messages now")
                connection.nodes = nodes
                for message_id, reply in replies.items():
                    if message_id in connection.waiting:
                        connection.waiting.remove(message_id)
                        connection.replies[message_id] = reply
                to_send, connection.to_send = connection.to_send, []
            is_over = self._is_over.is_set()  # once: who leaves must have said so
            send_message(line, _order(to_send, is_over=is_over))
            if is_over:
                return


def _understood(body: bytes) -> tuple[dict[int, bytes], dict[str, bytes | None]]:
    """Nodes with their keys, and replies, of what a ServerApp said: JSON, a zero byte, bodies."""
    head, _, rest = body.partition(b"\0")
    told = json.loads(head)
    nodes = {int(node): bytes.fromhex(key) for node, key in told["nodes"].items()}
    replies: dict[str, bytes | None] = {}
    start = 0
    for message_id, size in told["replies"]:
        replies[str(message_id)] = None if size is None else rest[start : start + int(size)]
        start += int(size or 0)
    return nodes, replies


def _order(to_send: list[tuple[str, int, bytes]], *, is_over: bool) -> bytes:
    """What a ServerApp is to send, in the same form."""
    head = {
        "send": [[message_id, node, len(body)] for message_id, node, body in to_send],
        "is_over": is_over,
    }
    return json.dumps(head).encode() + b"\0" + b"".join(body for _, _, body in to_send)
