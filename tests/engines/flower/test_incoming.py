"""What was announced is fetched over as many tries as it takes, and holds nobody up."""

from __future__ import annotations

import httpx
import pytest
from flwr.app.message import make_message
from flwr.app.metadata import Metadata
from flwr.proto.message_pb2 import ConfirmMessageReceivedResponse, PullObjectResponse
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects

from tithe.engines.flower.carrying import Lost, may_have_arrived
from tithe.engines.flower.incoming import Incoming
from tithe.engines.flower.letters import MESSAGE_TYPE, PART_BYTES, content_of, sealed

ME = Node(node_id=7)


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


class Link:
    """A SuperLink that has some objects of a message, and notes what it is asked."""

    def __init__(self, body):
        metadata = Metadata(
            run_id=1, message_id="", src_node_id=1, dst_node_id=7, reply_to_message_id="",
            group_id="", created_at=0.0, ttl=60.0, message_type=MESSAGE_TYPE,
        )  # fmt: skip
        self.message, self.tree = sealed(make_message(metadata=metadata, content=content_of(body)))
        objects = get_all_nested_objects(self.message)
        self.all = {name: each.deflate() for name, each in objects.items()}
        self.there = dict(self.all)
        self.known = set(self.all)
        self.pulled, self.confirmed, self.broken = [], [], 0

    def incoming(self, clock=None):
        return Incoming(self.message, self.tree, clock=clock or Clock())

    def fetch(self, incoming):
        return incoming.fetch(self, node=ME, run=1)

    def PullObject(self, request):  # noqa: N802
        self._break()
        self.pulled.append(request.object_id)
        return PullObjectResponse(
            object_found=request.object_id in self.known,
            object_available=request.object_id in self.there,
            object_content=self.there.get(request.object_id, b""),
        )

    def ConfirmMessageReceived(self, request):  # noqa: N802
        self._break()
        self.confirmed.append(request.message_object_id)
        self.known.clear()
        return ConfirmMessageReceivedResponse()

    def _break(self):
        if self.broken:
            self.broken -= 1
            raise httpx.ReadError("the connection broke")


def test_what_is_all_there_is_fetched_and_deleted():
    link = Link(b"body")
    assert link.fetch(link.incoming()) == b"body"
    assert link.confirmed == [link.tree.object_id]


def test_what_is_not_there_yet_is_not_waited_for():
    link = Link(b"body")
    link.there.clear()
    incoming = link.incoming()
    assert link.fetch(incoming) is None
    assert incoming.is_waiting
    assert len(link.pulled) == 1  # the object that its sender brings last
    link.there = dict(link.all)
    assert link.fetch(incoming) == b"body"
    assert not incoming.is_waiting


def test_a_sender_that_stopped_in_the_middle_is_given_up_after_a_minute():
    link, clock = Link(b"body"), Clock()
    del link.there[min(link.all)]
    incoming = link.incoming(clock)
    assert link.fetch(incoming) is None
    clock.seconds = 59.0
    assert not incoming.is_given_up
    clock.seconds = 61.0
    assert incoming.is_given_up


def test_what_was_not_there_when_the_superlink_came_back_is_given_up_at_once():
    link = Link(b"body")
    del link.there[min(link.all)]
    incoming = link.incoming()
    link.fetch(incoming)
    incoming.doubt()
    assert link.fetch(incoming) is None
    assert incoming.is_given_up
    link.there = dict(link.all)
    assert link.fetch(incoming) == b"body"
    assert not incoming.is_given_up


def test_a_broken_connection_costs_one_part():
    link = Link(bytes(3 * PART_BYTES))
    incoming = link.incoming()
    late = next(name for name in reversed(list(link.all)) if name != link.tree.object_id)
    del link.there[late]
    link.fetch(incoming)
    link.there = dict(link.all)
    link.broken = 1
    with pytest.raises(httpx.ReadError):
        link.fetch(incoming)
    assert link.fetch(incoming) == bytes(3 * PART_BYTES)
    assert sorted(set(link.pulled)) == sorted(link.all)
    assert len(link.pulled) == len(link.all) + 1  # the late one was asked for twice


def test_what_was_fetched_outlasts_a_deletion_that_nobody_answered():
    link = Link(b"body")
    incoming = link.incoming()
    confirm = link.ConfirmMessageReceived

    def done_but_not_told(request):
        confirm(request)
        link.ConfirmMessageReceived = confirm
        raise httpx.ReadError("the connection broke")

    link.ConfirmMessageReceived = done_but_not_told
    with pytest.raises(httpx.ReadError):
        link.fetch(incoming)
    assert link.fetch(incoming) == b"body"


def test_what_the_superlink_has_no_more_is_lost():
    link = Link(b"body")
    link.known.clear()
    with pytest.raises(Lost):
        link.fetch(link.incoming())


def test_only_a_call_that_was_never_made_cannot_have_arrived():
    request = httpx.Request("POST", "https://localhost/")
    for error in (httpx.ReadTimeout(""), httpx.ReadError(""), httpx.RemoteProtocolError("")):
        assert may_have_arrived(error)
    assert not may_have_arrived(httpx.ConnectError(""))
    assert not may_have_arrived(httpx.ConnectTimeout(""))
    for status, is_doubtful in ((502, True), (504, True), (403, False), (503, False)):
        response = httpx.Response(status, request=request)
        error = httpx.HTTPStatusError("", request=request, response=response)
        assert may_have_arrived(error) == is_doubtful
