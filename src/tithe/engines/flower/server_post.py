"""The server's side of the post office: single messages over a SuperLink, never rounds."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from flwr.app import Message
from flwr.app.message import make_message, remove_content_from_message
from flwr.app.metadata import Metadata
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.common.serde import message_to_proto
from flwr.proto.runtime_pb2 import (
    GetNodesRequest,
    PushAppMessagesRequest,
)
from flwr.supercore.date import now

from tithe.engines.flower.calls import Address, Refused, Unreachable, told_apart
from tithe.engines.flower.carrying import Lost, Tell, upload
from tithe.engines.flower.control import admit_nodes, end_runs, start_run
from tithe.engines.flower.letters import MESSAGE_TYPE, content_of, sealed
from tithe.engines.flower.outstanding import SERVER_NODE, Outstanding
from tithe.engines.flower.patience import Backoff
from tithe.engines.flower.seat import Seat, SeatKeeper, leave_seat, take_seat

_LIFE_SECONDS = 12 * 3600.0


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
        self._outstanding = Outstanding()  # of what was pushed in this run
        self._placed: dict[int, str] = {}  # when each node took its place, as was last told
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
                    node=SERVER_NODE,
                    run=seat.run,
                    session=answer.session_id,
                    wanted=set(answer.objects_to_push),
                )
                if list(answer.message_ids) == [message.metadata.message_id]:
                    message_id = message.metadata.message_id
                    placed = self._placed.get(node, "")
                    self._outstanding.add(message_id, node=node, placed=placed)
                    return message_id
        return f"lost-{next(self._lost)}"

    def replies(self, message_ids: Sequence[str]) -> dict[str, bytes | None]:
        """The replies that arrived for these ids, taken out; None: it failed or expired.

        A reply that no node of ours could have written comes as empty bytes: it is an answer, and
        a wrong one.
        """
        found: dict[str, bytes | None] = {}
        waiting = self._outstanding
        announced = waiting.announced
        asked = [each for each in message_ids if each in waiting and each not in announced]
        if asked or announced:
            with self._attempt() as seat:
                if seat is not None:
                    waiting.collect(seat, asked, found)
                    waiting.give_up_in_vain(seat, asked, placed=self._placed)
        # What a lost run or another process pushed has no reply and never will.
        found |= {each: None for each in message_ids if each not in waiting and each not in found}
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
            self._outstanding.doubt()
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
        self._outstanding.forget()

    def _failed(self, sentence: str) -> None:
        if self._backoff.num_failures == 0:
            self._tell(f"{sentence}; trying again until it does")
        self._backoff.failed()
