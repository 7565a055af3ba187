"""Messages of the server that have no reply yet, and the replies that are on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.common.serde import message_from_proto
from flwr.proto.node_pb2 import Node
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, PullAppMessagesResponse

from tithe.engines.flower.carrying import Lost, discard, may_have_arrived
from tithe.engines.flower.incoming import Incoming
from tithe.engines.flower.letters import MalformedLetter
from tithe.engines.flower.seat import Seat

SERVER_NODE = Node(node_id=SUPERLINK_NODE_ID)
_MOST_UNWANTED = 16  # a reply that comes later lies at the SuperLink until the run ends


@dataclass(frozen=True)
class _Pushed:
    """A message without a reply yet: to which node, and when that node had taken its place."""

    node: int
    placed: str


class Outstanding:
    """What was pushed in one run and not answered, each message once.

    A SuperLink hands a reply out once. So one that was announced is kept until all of it is here,
    and what can no longer come is given up, so that its sender is asked again.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Pushed] = {}  # by message id
        self._is_in_doubt = False  # whether replies may have been handed out and not come
        self._unwanted: deque[str] = deque(maxlen=_MOST_UNWANTED)  # reported as failed already
        self._announced: list[Incoming] = []  # handed out, not yet fetched

    def __contains__(self, message_id: str) -> bool:
        """Whether a reply to it may still come."""
        return message_id in self._waiting

    @property
    def announced(self) -> set[str]:
        """The messages whose reply is on its way."""
        return {reply.question for reply in self._announced}

    def add(self, message_id: str, *, node: int, placed: str) -> None:
        """Waits for a reply to a message that was pushed.

        Args:
          message_id: of the message.
          node: to which it was pushed.
          placed: when that node had taken its place; empty if that is not known.
        """
        self._waiting[message_id] = _Pushed(node, placed)

    def collect(self, seat: Seat, asked: list[str], found: dict[str, bytes | None]) -> None:
        """Puts the replies that are here by now into ``found``, as they were fetched one by one.

        So what came before a connection broke is not lost; what broke off is taken up again.

        Args:
          seat: the server's.
          asked: messages whose replies nobody has announced yet.
          found: by message id; None: it failed, empty: no node of ours could have written it.
        """
        if asked:
            answer = self._fetched(seat, [*asked, *self._unwanted])
            pairs = zip(answer.messages_list, answer.message_object_trees, strict=True)
            self._announced += [Incoming(message_from_proto(each), tree) for each, tree in pairs]
        for reply in list(self._announced):
            if reply.question in self._unwanted:
                reply.discard(seat.client, node=SERVER_NODE, run=seat.run)
                self._unwanted.remove(reply.question)
                self._announced.remove(reply)
                continue
            body = _read(seat, reply)
            if reply.is_waiting and not reply.is_given_up:
                continue  # others need not wait for it
            if reply.is_waiting:
                reply.discard(seat.client, node=SERVER_NODE, run=seat.run)
            found[reply.question] = body
            self._waiting.pop(reply.question, None)
            self._announced.remove(reply)

    def give_up_in_vain(self, seat: Seat, asked: list[str], *, placed: Mapping[int, str]) -> None:
        """Waits no longer for replies that may never come; their senders are asked again.

        The questions are deleted, so that who has not fetched one yet never will. A reply that
        comes all the same is fetched, so that it does not stay where it is, and thrown away.

        Args:
          seat: the server's.
          asked: the messages whose replies were asked for last.
          placed: when each node took its place, as was last told.
        """
        for each, pushed in list(self._waiting.items()):
            has_moved = pushed.placed not in ("", placed.get(pushed.node, pushed.placed))
            if has_moved or (self._is_in_doubt and each in asked):
                self._give_up(seat, each)
        self._is_in_doubt = False

    def doubt(self) -> None:
        """The SuperLink was away: what of a reply is not there when it is back will not come."""
        for reply in self._announced:
            reply.doubt()

    def forget(self) -> None:
        """The run is over, and with it all that belonged to it."""
        self._waiting.clear()
        self._announced.clear()
        self._unwanted.clear()
        self._is_in_doubt = False

    def _fetched(self, seat: Seat, wanted: list[str]) -> PullAppMessagesResponse:
        try:
            return seat.client.PullMessages(PullAppMessagesRequest(message_ids=wanted))
        except httpx.TransportError as error:
            self._is_in_doubt |= may_have_arrived(error)
            raise

    def _give_up(self, seat: Seat, question: str) -> None:
        discard(seat.client, question, node=SERVER_NODE, run=seat.run)
        begun = [reply for reply in self._announced if reply.question == question]
        for reply in begun:
            reply.discard(seat.client, node=SERVER_NODE, run=seat.run)
            self._announced.remove(reply)
        del self._waiting[question]
        if not begun:
            self._unwanted.append(question)


def _read(seat: Seat, reply: Incoming) -> bytes | None:
    """What a reply says; None: a failure, or not whole yet; empty if no node of ours wrote it."""
    try:
        return reply.fetch(seat.client, node=SERVER_NODE, run=seat.run)
    except MalformedLetter:
        return b""
    except Lost:
        return None
