"""A participant's side of the post office: Flower's node protocol, spoken by our own daemon."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
from flwr.app import Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import PullMessagesRequest, PushMessagesRequest
from flwr.proto.node_pb2 import Node

from tithe.engines.flower.calls import Address, Refused, Unreachable, is_loopback, told_apart
from tithe.engines.flower.carrying import Lost, Tell, may_have_arrived, upload
from tithe.engines.flower.incoming import Incoming
from tithe.engines.flower.letters import MalformedLetter, content_of, sealed
from tithe.engines.flower.node_keys import NodeKey
from tithe.engines.flower.node_place import NodePlace
from tithe.engines.flower.patience import Backoff

_RUN_IS_OVER = 403
_AT_ONCE = 3  # objects of a short letter
_MOST_ERRORS = 8  # tries of an answer that somebody refuses: about a minute

_T = TypeVar("_T")


class FlowerNodePost:
    """A ``NodePost`` over a SuperLink.

    Nothing that comes from there is run: of Flower's protocol it speaks what carries messages, and
    never asks for a run's app. While the SuperLink cannot be reached, ``pull`` finds nothing and
    ``answer`` waits; both try again ever more seldom, up to every ten seconds.

    Not safe for several threads. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        address: Address,
        *,
        key: NodeKey,
        number_file: Path | None = None,
        tell: Tell = lambda _: None,
    ) -> None:
        """Connects when it is first used.

        Args:
          address: of the SuperLink or the proxy before it.
          key: by which the SuperLink knows this node; over plaintext the node registers itself.
          number_file: keeps the number that the SuperLink gave this node, for the next process;
            without it a killed node that returns waits for up to a minute, and what was handed out
            to it is said again only when the server loses patience.
          tell: told when the connection is lost or found again.
        """
        self._address = address
        self._tell = tell
        self._place = NodePlace(address, key=key, number_file=number_file)
        self._client = self._place.client
        self._backoff = Backoff()
        self._announced: Incoming | None = None  # handed out, not yet fetched
        self._open: dict[str, Message] = {}  # pulled, not yet answered
        self._is_over = threading.Event()

    @property
    def is_connected(self) -> bool:
        """Whether the last call was answered."""
        return self._place.is_held and self._backoff.num_failures == 0

    def pull(self) -> tuple[str, bytes] | None:
        """The next message for this node with its id; None if there is none now.

        Raises:
          BadInput: the SuperLink has never known this key, or its certificate will not do.
        """
        if self._backoff.is_waiting:
            return None
        try:
            return self._tried(self._pull_once)
        except _Unwanted:
            self._announced = None
        except _Failed:
            pass
        return None

    def answer(self, message_id: str, body: bytes) -> None:
        """Answers a message, at most once; returns when the answer lies at the SuperLink.

        It returns as well when nobody wants the answer any more, because the server started anew,
        or when the SuperLink goes on refusing it; the server then asks again.

        Args:
          message_id: from ``pull``.
          body: the answer.
        Raises:
          ValueError: no such message is open.
          InterruptedError: the post was closed meanwhile; the answer did not leave whole.
        """
        question = self._open.pop(message_id, None)
        if question is None:
            raise ValueError(f"message {message_id} is not open: not pulled, or answered already")
        send_once = self._sending(question, body)
        num_errors = 0
        while num_errors < _MOST_ERRORS:
            if self._is_over.is_set():
                raise InterruptedError("the post was closed before the answer had left")
            try:
                self._tried(send_once)
                return
            except _Unwanted:
                return
            except _Failed as error:
                num_errors += isinstance(error.__cause__, Refused)
                self._is_over.wait(self._backoff.seconds_left)
        self._tell("an answer was refused again and again and is given up; the server asks anew")

    def close(self) -> None:
        """Tells the SuperLink that the node leaves, if it can be reached, and ends all threads."""
        self._is_over.set()
        self._place.leave(is_reachable=self.is_connected)

    def __enter__(self) -> FlowerNodePost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pull_once(self, node: Node) -> tuple[str, bytes] | None:
        """A SuperLink hands a message out once, so a fetch that broke off is taken up again."""
        if self._announced is None or self._announced.is_waiting:
            self._look_for_message(node)
        if self._announced is None:
            return None
        incoming = self._announced
        try:
            body = incoming.fetch(self._client, node=node, run=incoming.message.metadata.run_id)
        except MalformedLetter:
            self._announced = None
            self._tell("a message came that no server of ours wrote; it was thrown away unread")
            return None
        if body is None:
            if incoming.is_given_up:
                self._announced = None
            return None
        self._announced = None
        self._open[incoming.message.metadata.message_id] = incoming.message
        return incoming.message.metadata.message_id, body

    def _look_for_message(self, node: Node) -> None:
        """Notes what the SuperLink hands out; a newer message takes the place of an unfinished."""
        try:
            answer = self._client.PullMessages(PullMessagesRequest(node=node))
        except httpx.HTTPError as error:
            if may_have_arrived(error):
                self._place.renew()  # something may have been handed out and not come
            raise
        if answer.messages_list and answer.message_object_trees:
            message = message_from_proto(answer.messages_list[0])
            self._announced = Incoming(message, answer.message_object_trees[0])

    def _sending(self, question: Message, body: bytes) -> Callable[[Node], None]:
        """What sends the answer, from its beginning whenever it is called."""
        reply, tree = sealed(Message(content_of(body), reply_to=question))
        request = PushMessagesRequest(
            messages_list=[message_to_proto(remove_content_from_message(reply))],
            message_object_trees=[tree],
            clientapp_runtime_list=[0.0],  # how long it took is nobody's business
        )

        def send(node: Node) -> None:
            request.node.CopyFrom(node)
            told = self._client.PushMessages(request)
            upload(
                self._client,
                reply,
                node=node,
                run=question.metadata.run_id,
                session=told.session_id,
                wanted=set(told.objects_to_push),
                at_once=1 if is_loopback(self._address.host) else _AT_ONCE,
            )

        return send

    def _tried(self, call: Callable[[Node], _T]) -> _T:
        """The call's result, for the node; connects it first where that is needed.

        Raises:
          _Failed: not now.
          _Unwanted: never again for this message.
          BadInput: never for this node.
        """
        try:
            with told_apart(self._address):
                result = call(self._place.node())
        except Unreachable as error:
            self._away(str(error))
            raise _Failed from error
        except Lost as error:
            raise _Unwanted from error
        except Refused as error:
            if error.status == _RUN_IS_OVER:
                raise _Unwanted from error
            self._place.refused(error)
            self._away(str(error))
            raise _Failed from error
        if self._backoff.num_failures:
            self._tell(f"{self._address.text} answers again")
        self._backoff.succeeded()
        return result

    def _away(self, sentence: str) -> None:
        if self._backoff.num_failures == 0:
            self._tell(f"{sentence}; trying again until it does")
        self._backoff.failed()


class _Failed(Exception):
    """Not now; the backoff knows when."""


class _Unwanted(Exception):
    """The run is over or the message gone."""
