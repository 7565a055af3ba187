"""A message on its way to us: announced, then fetched over as many tries as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from flwr.app import Message
from flwr.proto.message_pb2 import ObjectTree
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_protobuf_utils import make_pull_object_fn_protobuf
from flwr.supercore.inflatable.inflatable_utils import ObjectPullError, ObjectUnavailableError

from tithe.engines.flower.carrying import Lost, ObjectClient, discard
from tithe.engines.flower.letters import MalformedLetter, objects_in, opened

_MOST_SECONDS = 60.0  # a sender that stops in the middle is given up by the SuperLink after 180 s


class Incoming:
    """A message that a SuperLink has announced to us, which it does once.

    Its objects come one after another and may come late: the announcement is there before they
    are. ``fetch`` takes what is there and never waits for more, so a sender that stops in the
    middle holds nobody up. What was fetched is kept; a connection that breaks costs one part.

    Args:
      message: as announced, without content.
      tree: of its objects.
      clock: seconds that only grow.
    """

    def __init__(
        self, message: Message, tree: ObjectTree, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.message = message
        self.is_waiting = False  # for objects that its sender has not brought yet
        self._tree = tree
        self._clock = clock
        self._contents: dict[str, bytes] = {}
        self._moved_at = clock()

    @property
    def question(self) -> str:
        """Id of the message that this one answers; empty if it answers none."""
        return str(self.message.metadata.reply_to_message_id)

    @property
    def is_given_up(self) -> bool:
        """Whether its sender has brought nothing for a minute, or is in doubt."""
        return self.is_waiting and self._clock() - self._moved_at > _MOST_SECONDS

    def doubt(self) -> None:
        """The SuperLink was away: what is not there when it is back will not come."""
        self._moved_at = float("-inf")

    def fetch(self, client: ObjectClient, *, node: Node, run: int) -> bytes | None:
        """The letter, once all of it is there and the SuperLink has deleted it; None until then.

        Raises:
          Lost: an object is gone, or it reports a failure and has none.
          MalformedLetter: it was deleted, but is no letter.
          httpx.HTTPError: as the client does; the next try goes on from there.
        """
        self.is_waiting = False
        if self.message.has_error():
            self.discard(client, node=node, run=run)
            raise Lost("the message reports a failure")
        try:
            order = objects_in(self._tree)
        except MalformedLetter:
            self.discard(client, node=node, run=run)
            raise
        pull = make_pull_object_fn_protobuf(client.PullObject, node, run)
        for each in reversed(order):  # ours bring the message's own object last
            if each in self._contents:
                continue
            try:
                self._contents[each] = pull(each)
            except ObjectUnavailableError:
                self.is_waiting = True
                return None
            except ObjectPullError as error:
                raise Lost("the message's objects are not there") from error
            self._moved_at = self._clock()
        self.discard(client, node=node, run=run)
        return opened(self._tree.object_id, self._contents, order=order)

    def discard(self, client: ObjectClient, *, node: Node, run: int) -> None:
        """Has the SuperLink delete it."""
        discard(client, self._tree.object_id, node=node, run=run)
