"""A node's place at a SuperLink: connected under its own number, and alive."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    RegisterNodeFleetRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from tithe.checks import BadInput
from tithe.engines.flower.calls import Address, Refused, Unreachable, told_apart
from tithe.engines.flower.node_keys import NodeKey, node_public_bytes
from tithe.record import write_atomically

_HEARTBEAT_SECONDS = 30.0  # a node that was silent for two of them is gone
_NOT_KNOWN = frozenset({401, 404, 412})


class NodePlace:
    """Connects a node when it is first needed, and keeps it connected.

    A SuperLink takes a killed node for connected until it was silent for a minute, and refuses to
    connect it meanwhile, in the same words as a node that it does not know. A node that remembers
    its number gives that place up first. By the new place the server sees that whatever was handed
    out before it is lost, and says it again.

    Args:
      address: of the SuperLink or the proxy before it.
      key: by which the SuperLink knows this node; over plaintext the node registers itself.
      number_file: keeps the number that the SuperLink gave this node, for the next process.
    """

    def __init__(self, address: Address, *, key: NodeKey, number_file: Path | None) -> None:
        self.client = FleetHttpClient.from_server_address(
            address.text,
            address.is_plaintext,
            address.root_certificates,
            [
                RuntimeVersionHttpInterceptor(component_name="tithe"),
                NodeAuthHttpInterceptor(key, key.public_key()),
            ],
        )
        self._address = address
        self._public = node_public_bytes(key)
        self._number_file = number_file
        self._node: Node | None = None
        self._was_known = False
        self._perhaps_known_until = float("-inf")
        self._is_over = threading.Event()
        self._heartbeats: threading.Thread | None = None

    @property
    def is_held(self) -> bool:
        """Whether the SuperLink knows the node, as far as the last call told."""
        return self._node is not None

    def node(self) -> Node:
        """The node as the SuperLink knows it; connects it first where that is needed.

        Raises:
          Unreachable, Refused, httpx.HTTPError: it cannot be connected now.
        """
        if self._node is None:
            try:
                with told_apart(self._address):
                    self._leave_earlier()
                    self._node = self._anew()
            except Unreachable:  # perhaps only the answer was lost, and it is connected already
                self._perhaps_known_until = time.monotonic() + 2 * _HEARTBEAT_SECONDS + 5
                raise
            self._was_known = True
            if self._number_file is not None:
                write_atomically(self._number_file, str(self._node.node_id).encode())
            if self._heartbeats is None:
                self._heartbeats = threading.Thread(target=self._beat, daemon=True, name="beat")
                self._heartbeats.start()
        return self._node

    def renew(self) -> None:
        """Takes a new place before the next call: something may have been handed out in vain."""
        self._node = None

    def refused(self, error: Refused) -> None:
        """Takes note that a call was refused.

        A node that was known once waits to be known again, for a SuperLink may start empty.

        Raises:
          BadInput: the SuperLink has never known this node.
        """
        if error.status not in _NOT_KNOWN:
            return
        self._node = None
        if not self._was_known and time.monotonic() >= self._perhaps_known_until:
            raise BadInput(
                f"{self._address.text} does not know this node's key, or takes it for connected; "
                "see that it is enrolled there, and that no other process uses it"
            ) from error

    def leave(self, *, is_reachable: bool) -> None:
        """Ends the heartbeats and gives the place up, so that the server knows at once."""
        self._is_over.set()
        if self._heartbeats is not None:
            self._heartbeats.join(timeout=10)
        if self._node is not None and is_reachable:
            with contextlib.suppress(Unreachable, Refused, BadInput), told_apart(self._address):
                self.client.DeactivateNode(DeactivateNodeRequest(node_id=self._node.node_id))
        self.client.close()

    def _leave_earlier(self) -> None:
        """Gives up the place under the number that this node had before, in whichever process."""
        if self._number_file is None or not self._number_file.exists():
            return
        with contextlib.suppress(OSError, ValueError, Refused), told_apart(self._address):
            number = int(self._number_file.read_text())
            self.client.DeactivateNode(DeactivateNodeRequest(node_id=number))

    def _anew(self) -> Node:
        if self._address.is_plaintext:
            with contextlib.suppress(Refused), told_apart(self._address):  # registered already
                self.client.RegisterNode(RegisterNodeFleetRequest(public_key=self._public))
        answer = self.client.ActivateNode(
            ActivateNodeRequest(public_key=self._public, heartbeat_interval=_HEARTBEAT_SECONDS)
        )
        return Node(node_id=answer.node_id)

    def _beat(self) -> None:
        while not self._is_over.wait(_HEARTBEAT_SECONDS * 0.7):
            node = self._node
            if node is None:
                continue
            with (  # the next call meets the same trouble, and tells of it
                contextlib.suppress(Unreachable, Refused, BadInput),
                told_apart(self._address),
            ):
                self.client.SendNodeHeartbeat(_heartbeat_of(node))


def _heartbeat_of(node: Node) -> SendNodeHeartbeatRequest:
    return SendNodeHeartbeatRequest(node=node, heartbeat_interval=_HEARTBEAT_SECONDS)
