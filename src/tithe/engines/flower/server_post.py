"""The server's side of the post office: single messages over a SuperLink, never rounds."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
from flwr.app import Message
from flwr.app.message import make_message, remove_content_from_message
from flwr.app.metadata import Metadata
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.node_pb2 import Node
from flwr.proto.runtime_pb2 import (
    GetNodesRequest,
    PullAppMessagesRequest,
    PullAppMessagesResponse,
    PushAppMessagesRequest,
)
from flwr.supercore.date import now

from tithe.engines.flower.calls import Address, Refused, Unreachable, told_apart
from tithe.engines.flower.carrying import Lost, Tell, discard, may_have_arrived, upload
from tithe.engines.flower.control import admit_nodes, end_runs, start_run
from tithe.engines.flower.incoming import Incoming
from tithe.engines.flower.letters import MESSAGE_TYPE, MalformedLetter, content_of, sealed
from tithe.engines.flower.patience import Backoff
from tithe.engines.flower.seat import Seat, SeatKeeper, leave_seat, take_seat

_LIFE_SECONDS = 12 * 3600.0
_ME = Node(node_id=SUPERLINK_NODE_ID)
_MOST_UNWANTED = 16  # a reply that comes later lies at the SuperLink until the run ends


@dataclass(frozen=True)
class _Pushed:
    """A message without a reply yet: to which node, and when that node had taken its place."""

    node: int
    placed: str


class FlowerServerPost:
    """A ``ServerPost`` over a SuperLink, as the server of a run that it starts itself.

    It outlives the SuperLink. While nobody answers, nobody is connected, no reply comes, and a
    push is lost; a SuperLink that forgot the run gets a new one, and the replies to what was
    pushed in the old one are reported as failed. So are those to a node that has taken a new place
    since, for a SuperLink hands a message out once and the process that got it may be dead; and
    those that a SuperLink may have handed out to us in vain. Starting a run ends all earlier ones
    and deletes their messages, so what a killed server left does not stay in the database.

    Not safe for several threads. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        address: Address,
        *,
        secret: bytes,
        node_keys: Callable[[], Iterable[bytes]] | None,
        tell: Tell = lambda _: None,
        life_seconds: float = _LIFE_SECONDS,
    ) -> None:
        """Connects when it is first used.

        Args:
          address: of the SuperLink's own port on loopback.
          secret: what the SuperLink was started with.
          node_keys: gives the public keys, PEM, of all nodes that may come; asked again whenever a
            run is started. None where nodes register themselves, over plaintext.
          tell: told when the connection is lost or found again.
          life_seconds: how long a message waits for its reply.
        """
        self._address = address
        self._secret = secret
        self._node_keys = node_keys
        self._tell = tell
        self._life = life_seconds
        self._backoff = Backoff()
        self._seat: Seat | None = None
        self._keeper: SeatKeeper | None = None
        self._waiting: dict[str, _Pushed] = {}  # by message id, pushed in this run
        self._placed: dict[int, str] = {}  # when each node took its place, as was last told
        self._is_in_doubt = False  # whether replies may have been handed out and not come
        self._unwanted: deque[str] = deque(maxlen=_MOST_UNWANTED)  # reported as failed already
        self._announced: list[Incoming] = []  # handed out, not yet fetched
        self._lost = itertools.count()

    @property
    def is_connected(self) -> bool:
        """Whether the last call was answered, and there is a run to serve."""
        return self._seat is not None and self._backoff.num_failures == 0

    def nodes(self) -> Mapping[int, bytes]:
        """Who is connected now: node id to public key in PEM; nobody without a SuperLink."""
        with self._attempt() as seat:
            if seat is not None:
                found = seat.client.GetNodes(GetNodesRequest()).nodes
                self._placed = {node.node_id: node.last_activated_at for node in found}
                return {node.node_id: node.public_key for node in found}
        return {}

    def push(self, node: int, body: bytes) -> str:
        """Leaves one message for a node and returns its id.

        Where the SuperLink is away or does not know the node, the reply to that id is None.
        """
        with self._attempt() as seat:
            if seat is not None:
                message, tree = sealed(self._message(seat.run, node, body))
                answer = seat.client.PushMessages(
                    PushAppMessagesRequest(
                        messages_list=[message_to_proto(remove_content_from_message(message))],
                        message_object_trees=[tree],
                    )
                )
                upload(
                    seat.client,
                    message,
                    node=_ME,
                    run=seat.run,
                    session=answer.session_id,
                    wanted=set(answer.objects_to_push),
                )
                if list(answer.message_ids) == [message.metadata.message_id]:
                    pushed = _Pushed(node, self._placed.get(node, ""))
                    self._waiting[message.metadata.message_id] = pushed
                    return message.metadata.message_id
        return f"lost-{next(self._lost)}"

    def replies(self, message_ids: Sequence[str]) -> dict[str, bytes | None]:
        """The replies that arrived for these ids, taken out; None: it failed or expired.

        A reply that no node of ours could have written comes as empty bytes: it is an answer, and
        a wrong one.
        """
        found: dict[str, bytes | None] = {}
        announced = {reply.question for reply in self._announced}
        asked = [each for each in message_ids if each in self._waiting and each not in announced]
        if asked or announced:
            with self._attempt() as seat:
                if seat is not None:
                    self._collect(seat, asked, found)
                    self._give_up_in_vain(seat, asked)
        # What a lost run or another process pushed has no reply and never will.
        found |= {
            each: None for each in message_ids if each not in self._waiting and each not in found
        }
        return found

    def admit(self) -> None:
        """Registers who joined the roster since, and turns away who left it."""
        with self._attempt() as seat:
            if seat is not None and self._node_keys is not None:
                admit_nodes(self._address, self._node_keys())

    def close(self, *, is_complete: bool = False) -> None:
        """Ends the run and deletes its messages, if the SuperLink can be reached."""
        if self._seat is None:
            return
        seat, self._seat = self._seat, None
        if self._keeper is not None:
            self._keeper.stop()
        leave_seat(seat, self._address, is_complete=is_complete)
        with contextlib.suppress(Unreachable, Refused):
            end_runs(self._address)

    def __enter__(self) -> FlowerServerPost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _collect(self, seat: Seat, asked: list[str], found: dict[str, bytes | None]) -> None:
        """A SuperLink hands a reply out once, so a download that broke off is taken up again."""
        if asked:
            answer = self._fetched(seat, [*asked, *self._unwanted])
            pairs = zip(answer.messages_list, answer.message_object_trees, strict=True)
            self._announced += [Incoming(message_from_proto(each), tree) for each, tree in pairs]
        for reply in list(self._announced):
            if reply.question in self._unwanted:
                reply.discard(seat.client, node=_ME, run=seat.run)
                self._unwanted.remove(reply.question)
                self._announced.remove(reply)
                continue
            body = _read(seat, reply)
            if reply.is_waiting and not reply.is_given_up:
                continue  # others need not wait for it
            if reply.is_waiting:
                reply.discard(seat.client, node=_ME, run=seat.run)
            found[reply.question] = body
            self._waiting.pop(reply.question, None)
            self._announced.remove(reply)

    def _fetched(self, seat: Seat, wanted: list[str]) -> PullAppMessagesResponse:
        try:
            return seat.client.PullMessages(PullAppMessagesRequest(message_ids=wanted))
        except httpx.TransportError as error:
            self._is_in_doubt |= may_have_arrived(error)
            raise

    def _give_up_in_vain(self, seat: Seat, asked: list[str]) -> None:
        """Waits no longer for replies that may never come; their senders are asked again.

        The questions are deleted, so that who has not fetched one yet never will. A reply that
        comes all the same is fetched, so that it does not stay where it is, and thrown away.
        """
        for each, pushed in list(self._waiting.items()):
            has_moved = pushed.placed not in ("", self._placed.get(pushed.node, pushed.placed))
            if has_moved or (self._is_in_doubt and each in asked):
                self._give_up(seat, each)
        self._is_in_doubt = False

    def _give_up(self, seat: Seat, question: str) -> None:
        discard(seat.client, question, node=_ME, run=seat.run)
        begun = [reply for reply in self._announced if reply.question == question]
        for reply in begun:
            reply.discard(seat.client, node=_ME, run=seat.run)
            self._announced.remove(reply)
        del self._waiting[question]
        if not begun:
            self._unwanted.append(question)

    def _message(self, run: int, node: int, body: bytes) -> Message:
        return make_message(
            metadata=Metadata(
                run_id=run,
                message_id="",
                src_node_id=SUPERLINK_NODE_ID,
                dst_node_id=node,
                reply_to_message_id="",
                group_id="",
                created_at=now().timestamp(),
                ttl=self._life,
                message_type=MESSAGE_TYPE,
            ),
            content=content_of(body),
        )

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[Seat | None]:
        """The seat, or None if it cannot be had now; notes what becomes of the block."""
        if self._backoff.is_waiting:
            yield None
            return
        try:
            with told_apart(self._address):
                yield self._seated()
        except Unreachable as error:
            for reply in self._announced:
                reply.doubt()
            self._failed(str(error))
        except Lost:
            pass
        except Refused as error:
            if error.status < 500:  # else it is the SuperLink's own trouble, and may pass
                self._give_up_seat()
            self._failed(str(error))
        else:
            if self._backoff.num_failures:
                self._tell(f"the SuperLink at {self._address.text} answers again")
            self._backoff.succeeded()

    def _seated(self) -> Seat:
        if self._seat is None:
            if self._node_keys is not None:
                admit_nodes(self._address, self._node_keys())
            end_runs(self._address)
            run = start_run(self._address)
            self._seat = take_seat(self._address, run=run, secret=self._secret)
            self._keeper = SeatKeeper(self._seat, self._address)
        return self._seat

    def _give_up_seat(self) -> None:
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._seat is not None:
            self._seat.client.close()
            self._seat = None
        self._waiting.clear()
        self._announced.clear()
        self._unwanted.clear()
        self._is_in_doubt = False

    def _failed(self, sentence: str) -> None:
        if self._backoff.num_failures == 0:
            self._tell(f"{sentence}; trying again until it does")
        self._backoff.failed()


def _read(seat: Seat, reply: Incoming) -> bytes | None:
    """What a reply says; None: a failure, or not whole yet; empty if no node of ours wrote it."""
    try:
        return reply.fetch(seat.client, node=_ME, run=seat.run)
    except MalformedLetter:
        return b""
    except Lost:
        return None
