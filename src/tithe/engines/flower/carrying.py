"""How the objects of a letter get to a SuperLink and from it, for both sides alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flwr.app import Message
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    ObjectTree,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_pull_object_fn_protobuf,
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    ObjectPushError,
    pull_objects,
    push_objects,
)

from tithe.engines.flower.letters import MalformedLetter, objects_in, opened

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_MOST_SECONDS = 300.0  # a sender that stops in the middle is given up by the SuperLink after 180 s


class ObjectClient(Protocol):
    """What Flower's clients for server and node have in common."""

    def PushObject(self, request: PushObjectRequest) -> PushObjectResponse: ...  # noqa: D102, N802

    def PullObject(self, request: PullObjectRequest) -> PullObjectResponse: ...  # noqa: D102, N802

    def ConfirmMessageReceived(  # noqa: D102, N802
        self, request: ConfirmMessageReceivedRequest
    ) -> ConfirmMessageReceivedResponse: ...


class Lost(Exception):
    """The SuperLink has not, or no longer, what belongs to a message."""


def upload(
    client: ObjectClient, message: Message, *, node: Node, run: int, session: str, wanted: set[str]
) -> None:
    """Pushes the objects of a message that the SuperLink was told of.

    Args:
      client: of either side.
      message: sealed.
      node: who speaks.
      run: which the message belongs to.
      session: as the SuperLink answered to the announcement.
      wanted: the ids that it lacks.
    Raises:
      Lost: the SuperLink does not want them any more.
      httpx.HTTPError: as the client does.
    """
    push = make_push_object_fn_protobuf(client.PushObject, node, run, session)
    try:
        push_objects(get_all_nested_objects(message), push, object_ids_to_push=wanted)
    except ObjectPushError as error:
        raise Lost("the message is not wanted any more") from error


def download(client: ObjectClient, tree: ObjectTree, *, node: Node, run: int) -> bytes:
    """Pulls a letter, has the SuperLink delete it, and opens it.

    A letter is announced before its objects are there, so the first try often comes too early;
    Flower's own clients then wait a second, and we a fiftieth.

    Args:
      client: of either side.
      tree: the objects of the message.
      node: who speaks.
      run: which the message belongs to.
    Raises:
      Lost: an object is gone, or did not come.
      MalformedLetter: it was pulled and deleted, but is no letter.
      httpx.HTTPError: as the client does.
    """
    try:
        order = objects_in(tree)
    except MalformedLetter:
        _confirm(client, tree, node=node, run=run)
        raise
    try:
        contents = pull_objects(
            order,
            make_pull_object_fn_protobuf(client.PullObject, node, run),
            initial_backoff=_FIRST_PAUSE_SECONDS,
            backoff_cap=_LONGEST_PAUSE_SECONDS,
            max_time=_MOST_SECONDS,
            max_tries_per_object=None,
        )
    except ObjectPullError as error:
        raise Lost("the message's objects are not there") from error
    _confirm(client, tree, node=node, run=run)
    return opened(tree.object_id, contents, order=order)


def discard(client: ObjectClient, tree: ObjectTree, *, node: Node, run: int) -> None:
    """Has the SuperLink delete a message unread."""
    _confirm(client, tree, node=node, run=run)


def _confirm(client: ObjectClient, tree: ObjectTree, *, node: Node, run: int) -> None:
    client.ConfirmMessageReceived(
        ConfirmMessageReceivedRequest(node=node, run_id=run, message_object_id=tree.object_id)
    )


Tell = Callable[[str], None]
"""Told one sentence whenever a connection is lost or found again."""
