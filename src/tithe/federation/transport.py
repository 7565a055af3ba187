"""The post office between server and participants: who carries bytes promises just this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ServerPost(Protocol):
    """The server's side: it leaves messages and collects replies, and never waits."""

    def nodes(self) -> Mapping[int, bytes]:
        """Who is connected now: node id to public key of the node, raw bytes as registered."""
        ...

    def push(self, node: int, body: bytes) -> str:
        """Leaves one message for a node and returns its id."""
        ...

    def replies(self, message_ids: Sequence[str]) -> dict[str, bytes | None]:
        """The replies that arrived for these ids, taken out; None: it failed or expired."""
        ...


class NodePost(Protocol):
    """A participant's side: it fetches messages and answers them."""

    def pull(self) -> tuple[str, bytes] | None:
        """The next message for this node with its id; None if there is none now."""
        ...

    def answer(self, message_id: str, body: bytes) -> None:
        """Answers a message, at most once."""
        ...
