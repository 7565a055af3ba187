"""How the objects of a letter get to a SuperLink and from it, for both sides alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httpx
from flwr.app import Message
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPushError,
    push_objects,
)

_PROXY_LOST_IT = frozenset({502, 504})


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
    client: ObjectClient,
    message: Message,
    *,
    node: Node,
    run: int,
    session: str,
    wanted: set[str],
    at_once: int = 1,
) -> None:
    """Pushes the objects of a message that the SuperLink was told of.

    Args:
      client: of either side.
      message: sealed.
      node: who speaks.
      run: which the message belongs to.
      session: as the SuperLink answered to the announcement.
      wanted: the ids that it lacks.
      at_once: how many objects are under way together. More than one saves time where answers take
        long to come; beside the SuperLink they only wait for each other at its database.
    Raises:
      Lost: the SuperLink does not want them any more.
      httpx.HTTPError: as the client does.
    """
    push = make_push_object_fn_protobuf(client.PushObject, node, run, session)
    try:
        push_objects(
            get_all_nested_objects(message),
            push,
            object_ids_to_push=wanted,
            max_concurrent_pushes=at_once,
        )
    except ObjectPushError as error:
        raise Lost("the message is not wanted any more") from error


def discard(client: ObjectClient, message_id: str, *, node: Node, run: int) -> None:
    """Has the SuperLink delete a message's objects; one that is gone already is no error."""
    client.ConfirmMessageReceived(
        ConfirmMessageReceivedRequest(node=node, run_id=run, message_object_id=message_id)
    )


def may_have_arrived(error: httpx.HTTPError) -> bool:
    """Whether the SuperLink may have done what was asked, though no answer came but this error."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _PROXY_LOST_IT
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


Tell = Callable[[str], None]
"""Told one sentence whenever a connection is lost or found again."""
