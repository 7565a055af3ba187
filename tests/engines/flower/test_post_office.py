"""The contract with Flower: a real SuperLink over TLS carries our letters, and only ours."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest
from flwr.supernode import node_auth_http_interceptor as interceptor

from tests.engines.flower.conftest import until
from tests.engines.flower.test_trouble import clock_at
from tithe.checks import BadInput
from tithe.engines.flower import calls, node_post
from tithe.engines.flower.calls import Address
from tithe.engines.flower.certificates import make_certificates
from tithe.engines.flower.incoming import Incoming
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.superlink import SuperLink, answers, free_port
from tithe.engines.flower.traces import bytes_in_clear


def joined(office, key):
    """The node with this key, once the SuperLink knows that it is there."""
    post = office.node(key)
    until(lambda: post.pull() is None and post.is_connected)
    return post


def node_of(office, key):
    """The number under which the server finds a key connected."""
    public = node_public_bytes(key)
    found = until(lambda: [n for n, k in office.post.nodes().items() if k == public])
    return found[0]


def test_two_nodes_get_their_own_messages_and_their_answers_come_back(office):
    with joined(office, office.keys[0]) as first, joined(office, office.keys[1]) as second:
        bodies = [os.urandom(10_000), os.urandom(5_000_000)]  # the second in two parts
        ids = [
            office.post.push(node_of(office, key), body)
            for key, body in zip(office.keys, bodies, strict=True)
        ]
        assert office.post.replies(ids) == {}
        for post, body in zip((first, second), bodies, strict=True):
            message_id, came = until(post.pull)
            assert came == body
            post.answer(message_id, came[::-1])
            with pytest.raises(ValueError, match="answered already"):
                post.answer(message_id, b"again")
        replies = {}
        until(lambda: replies.update(office.post.replies(ids)) or len(replies) == 2)
        assert replies == {i: body[::-1] for i, body in zip(ids, bodies, strict=True)}
        assert first.pull() is None


def test_what_was_fetched_lies_in_the_database_no_more(office):
    database = office.link.folder.database
    with joined(office, office.keys[0]) as post:
        message_id = office.post.push(node_of(office, office.keys[0]), bytes(100_000))
        assert bytes_in_clear(database) > 100_000  # so that the zero below means something
        post.answer(until(post.pull)[0], b"answer")
        until(lambda: office.post.replies([message_id]))
    assert bytes_in_clear(database) == 0
    with sqlite3.connect(database) as connection:
        for table in ("message_ins", "message_res"):
            assert connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("side", ["node", "server"])
def test_a_download_that_breaks_off_is_taken_up_again(office, monkeypatch, side):
    """A SuperLink hands every message out once; a broken connection must not lose it."""
    with joined(office, office.keys[0]) as post:
        sent = office.post.push(node_of(office, office.keys[0]), b"question")
        fetch, broken = Incoming.fetch, []

        def breaking(self, *arguments, **named):
            if not broken and bool(self.question) == (side == "server"):
                broken.append(True)
                raise httpx.ReadError("the connection broke")
            return fetch(self, *arguments, **named)

        monkeypatch.setattr(Incoming, "fetch", breaking)
        message_id, body = until(post.pull)
        post.answer(message_id, body + b"?")
        assert until(lambda: office.post.replies([sent])) == {sent: b"question?"}
        assert broken


def test_a_key_that_is_not_registered_is_refused(office, tmp_path):
    with (
        office.node(create_node_key(tmp_path / "stranger.key")) as stranger,
        pytest.raises(BadInput, match="does not know this node's key"),
    ):
        until(stranger.pull)


def test_a_node_whose_clock_is_ahead_is_told_so(office, monkeypatch):
    true_now = interceptor.now
    monkeypatch.setattr(interceptor, "now", lambda: true_now() + timedelta(seconds=60))
    monkeypatch.setattr(calls, "datetime", clock_at(timedelta(seconds=60)))
    with (
        office.node(office.keys[0]) as post,
        pytest.raises(BadInput, match=r"clock is 6\d s ahead of the server's"),
    ):
        post.pull()


def test_a_server_with_another_authority_is_refused(office, tmp_path):
    others = make_certificates(tmp_path / "others", hosts=[])
    address = Address("127.0.0.1", office.link.address.port, others.authority)
    with (
        FlowerNodePost(address, key=office.keys[0]) as post,
        pytest.raises(BadInput, match=r"shows no certificate that .*ca\.crt vouches for"),
    ):
        until(post.pull)


def test_a_push_to_nobody_is_reported_as_failed(office):
    message_id = office.post.push(12345, b"body")
    assert office.post.replies([message_id, "of another run"]) == {
        message_id: None,
        "of another run": None,
    }


_NODE = """
import sys, time
from pathlib import Path
from tithe.engines.flower.calls import Address
from tithe.engines.flower.node_keys import read_node_key
from tithe.engines.flower.node_post import FlowerNodePost
port, authority, key, number = sys.argv[1:]
address = Address("127.0.0.1", int(port), Path(authority))
key = read_node_key(Path(key))
with FlowerNodePost(address, key=key, number_file=Path(number)) as post:
    while (found := post.pull()) is None:
        time.sleep(0.02)
    print("pulled", flush=True)
    time.sleep(600)
"""


def test_a_node_that_was_killed_returns_under_its_number_and_gets_the_next_message(office):
    child = subprocess.Popen(
        [
            *(sys.executable, "-c", _NODE, str(office.link.address.port)),
            *(str(office.certificates.authority), str(office.folder / "node-0.key")),
            str(office.folder / "number-0"),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        node = node_of(office, office.keys[0])
        lost = office.post.push(node, b"lost with the process")
        assert child.stdout.readline() == b"pulled\n"
    finally:
        child.kill()
        child.wait()
    with joined(office, office.keys[0]) as post:  # a message is handed out once
        assert node_of(office, office.keys[0]) == node
        assert until(lambda: office.post.replies([lost])) == {lost: None}  # the server is told
        again = office.post.push(node, b"again")
        message_id, body = until(post.pull)
        assert body == b"again"
        post.answer(message_id, b"here")
        assert until(lambda: office.post.replies([again])) == {again: b"here"}


def test_a_message_that_may_have_been_handed_out_in_vain_is_reported_as_failed(office, monkeypatch):
    """The SuperLink notes it as delivered before the node has it; the answer may break off."""
    with joined(office, office.keys[0]) as post:
        node = node_of(office, office.keys[0])
        sent = office.post.push(node, b"handed out in vain")
        pull = post._client.PullMessages

        def breaking(request):
            pull(request)
            monkeypatch.setattr(post._client, "PullMessages", pull)
            raise httpx.ReadError("the connection broke")

        monkeypatch.setattr(post._client, "PullMessages", breaking)
        assert post.pull() is None
        until(lambda: post.pull() is None and post.is_connected)
        assert node_of(office, office.keys[0]) == node
        assert until(lambda: office.post.replies([sent])) == {sent: None}


def test_replies_that_may_have_been_handed_to_the_server_in_vain_are_asked_for_again(
    office, monkeypatch
):
    with joined(office, office.keys[0]) as post:
        node = node_of(office, office.keys[0])
        sent = office.post.push(node, b"question")
        post.answer(until(post.pull)[0], b"lost on its way")
        seat = office.post._seat
        pull = seat.client.PullMessages

        def breaking(request):
            pull(request)
            monkeypatch.setattr(seat.client, "PullMessages", pull)
            raise httpx.ReadError("the connection broke")

        monkeypatch.setattr(seat.client, "PullMessages", breaking)
        assert office.post.replies([sent]) == {}
        assert until(lambda: office.post.replies([sent])) == {sent: None}


def test_a_reply_that_never_comes_whole_holds_up_nobody_else(office, monkeypatch):
    with joined(office, office.keys[0]) as slow, joined(office, office.keys[1]) as quick:
        ids = [office.post.push(node_of(office, key), b"question") for key in office.keys]
        message_id, _ = until(slow.pull)
        with monkeypatch.context() as patch:
            patch.setattr(node_post, "upload", lambda *_, **__: None)  # announced, and no more
            slow.answer(message_id, b"never whole")
        until(lambda: office.post.replies(ids) or office.post._outstanding.announced)
        quick.answer(until(quick.pull)[0], b"here")
        assert until(lambda: office.post.replies(ids), seconds=20.0) == {ids[1]: b"here"}
        slow._place.renew()  # as when it was killed there and has come back
        assert slow.pull() is None
        node_of(office, office.keys[0])
        assert until(lambda: office.post.replies(ids[:1]), seconds=20.0) == {ids[0]: None}


def test_a_late_answer_to_what_was_given_up_is_fetched_and_thrown_away(office):
    before = bytes_in_clear(office.link.folder.database)
    with joined(office, office.keys[0]) as post:
        node = node_of(office, office.keys[0])
        late = office.post.push(node, b"late")
        message_id, _ = until(post.pull)
        post._place.renew()  # as after a broken connection
        assert post.pull() is None
        assert node_of(office, office.keys[0]) == node
        assert until(lambda: office.post.replies([late])) == {late: None}
        post.answer(message_id, b"here after all")
        again = office.post.push(node, b"again")
        post.answer(until(post.pull)[0], b"here")
        replies = {}
        until(lambda: replies.update(office.post.replies([late, again])) or again in replies)
        assert replies[again] == b"here"
        assert replies.get(late) is None
    assert bytes_in_clear(office.link.folder.database) == before


def test_a_superlink_that_was_killed_keeps_what_was_on_its_way(office):
    """The last test of the file: the SuperLink is another process afterwards."""
    with joined(office, office.keys[1]) as post:
        node = node_of(office, office.keys[1])
        sent = office.post.push(node, b"on its way")
        os.kill(office.link.pid, signal.SIGKILL)
        until(lambda: not office.link.is_alive())
        assert office.post.nodes() == {}
        assert office.post.replies([sent]) == {}
        assert post.pull() is None
        with (
            socket.create_server(("127.0.0.1", office.link.address.port)),
            pytest.raises(BadInput, match="cannot be had"),
        ):
            start_again(office)
        with start_again(office):
            message_id, body = until(post.pull)
            assert body == b"on its way"
            post.answer(message_id, b"arrived")
            assert until(lambda: office.post.replies([sent])) == {sent: b"arrived"}
            assert any("does not answer" in sentence for sentence in office.told)
            assert any("answers again" in sentence for sentence in office.told)
            office.post.close(is_complete=True)


def start_again(office):
    return SuperLink.start(
        office.link.folder.path, port=office.link.address.port, certificates=office.certificates
    )


def test_a_server_that_returns_takes_over_the_superlink_it_left(tmp_path):
    first = SuperLink.start(tmp_path / "link", port=free_port(), certificates=None)
    first.folder.process.unlink()  # killed before it had written the number down
    try:
        second = SuperLink.start(tmp_path / "link", port=first.address.port, certificates=None)
        assert second.pid == first.pid
        assert httpx.get(f"http://{first.address.text}/health").status_code == 200
    finally:
        first.stop()
    assert not answers(first.address)
