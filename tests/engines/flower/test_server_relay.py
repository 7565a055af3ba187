"""The server's socket: a ServerApp carries messages, and what it loses is asked for again."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from flwr.app import Error

from tests.engines.flower.relay_app import relay_app
from tithe.checks import BadInput
from tithe.engines.flower import server_relay
from tithe.engines.flower.local_socket import listener_at, read_message, send_message
from tithe.engines.flower.server_relay import RelayServerPost

letter, server = relay_app("letter"), relay_app("server")
NODES = {7: b"key of seven", 8: b"key of eight"}


class Grid:
    """Takes messages for the nodes it knows, and answers with their bytes reversed."""

    def __init__(self):
        self.open = {}

    def get_nodes(self):
        return [SimpleNamespace(node_id=node, public_key=key) for node, key in NODES.items()]

    def push_messages(self, messages):
        (message,) = messages
        if message.metadata.dst_node_id not in NODES:
            return []
        number = f"flower-{len(self.open)}"
        self.open[number] = message
        return [number]

    def pull_messages(self, message_ids):
        return [self.reply(each) for each in message_ids if each in self.open]

    def reply(self, message_id):
        body = letter.body_of(self.open.pop(message_id).content)
        has_failed = body == b"fail"
        return SimpleNamespace(
            metadata=SimpleNamespace(reply_to_message_id=message_id),
            has_error=lambda: has_failed,
            error=Error(0, "") if has_failed else None,
            content=letter.content_of(body[::-1]),
        )


@pytest.fixture(autouse=True)
def identity(monkeypatch):
    """What Flower's own launcher sets before a ServerApp makes its first message."""
    from flwr.supercore.task_identity import TaskIdentity

    for name, number in (("_task_id", 1), ("_run_id", 2), ("_node_id", 3)):
        monkeypatch.setattr(TaskIdentity, name, number)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket may be about a hundred bytes long
    return tmp_path.relative_to(tmp_path) / "server.socket"


@pytest.fixture
def run(path):
    """Starts the app's main as Flower would; gives the thread."""

    def start():
        context = SimpleNamespace(run_config={"server-socket": str(path)})
        thread = threading.Thread(target=server.app, args=(Grid(), context), daemon=True)
        thread.start()
        return thread

    return start


def until(probe, seconds=20.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.01)
    raise AssertionError(f"nothing came within {seconds:.0f} s")


def test_messages_go_out_and_replies_come_back_once(path, run):
    body = os.urandom(5_000_000)
    with RelayServerPost(path) as post:
        thread = run()
        until(lambda: post.nodes() == NODES)
        sent = [post.push(7, body), post.push(8, b""), post.push(8, b"fail"), post.push(9, b"who?")]
        found = {}
        until(lambda: found.update(post.replies(sent[len(found) :])) or len(found) == 4)
        assert list(found.values()) == [body[::-1], b"", None, None]
        assert post.replies(sent[:1]) == {sent[0]: None}  # taken out already
    thread.join(10)
    assert not thread.is_alive()  # it was told that the training is over
    assert not path.exists()


def test_nobody_is_hung_up_on_without_a_word_that_it_is_over(path, monkeypatch):
    """Also if the end comes between what is said and the sending of it."""
    hello = json.dumps({"nodes": {}, "replies": []}).encode() + b"\0"
    with RelayServerPost(path) as post, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:

        def ends_while_sending(to, order):
            post._is_over.set()
            send_message(to, order)

        monkeypatch.setattr(server_relay, "send_message", ends_while_sending)
        line.connect(str(path))
        line.settimeout(10)
        said = [json.loads(letter.asked(line, hello).partition(b"\0")[0]) for _ in range(2)]
    assert [each["is_over"] for each in said] == [False, True]


def test_without_a_server_app_nobody_is_there_and_every_push_is_lost(path):
    with RelayServerPost(path) as post:
        assert post.nodes() == {}
        sent = post.push(7, b"question")
        assert post.replies([sent]) == {sent: None}


def test_what_a_lost_server_app_had_in_hand_is_reported_lost(path):
    told = []
    with RelayServerPost(path, tell=told.append) as post:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            hello = json.dumps({"nodes": {"7": b"key".hex()}, "replies": []}).encode() + b"\0"
            letter.asked(line, hello)
            sent = post.push(7, b"question")
            assert post.replies([sent]) == {}
            assert b"question" in letter.asked(line, hello)
            assert post.replies([sent]) == {}
        until(lambda: not post.nodes())
        assert post.replies([sent]) == {sent: None}
    assert [line.split()[2] for line in told] == ["carries", "is"]


@pytest.mark.parametrize(
    "junk", [b"", b"{}\0", b"[]\0", b'{"nodes": 3, "replies": []}\0', b"\xff\0"]
)
def test_junk_is_hung_up_on_and_the_next_is_served(path, run, junk):
    with RelayServerPost(path) as post:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            line.settimeout(10)
            with pytest.raises(ConnectionError):
                letter.asked(line, junk)
        assert post.nodes() == {}
        run()
        until(lambda: post.nodes() == NODES)


def test_a_reply_to_what_was_never_asked_is_not_kept(path):
    with RelayServerPost(path) as post, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(path))
        head = json.dumps({"nodes": {}, "replies": [["relay-0", 4]]}).encode()
        letter.asked(line, head + b"\0" + b"fake")
        sent = post.push(7, b"question")
        assert sent == "relay-0"
        assert post.replies([sent]) == {}


def test_the_app_goes_on_when_the_server_was_started_anew(path, run, monkeypatch):
    monkeypatch.setattr(server, "_TRIES_SECONDS", 0.05)
    with listener_at(path) as listener:
        run()
        line, _ = listener.accept()
        with line:
            read_message(line, most_bytes=1000)
    # A killed process says no word, and leaves its socket's file.
    assert path.exists()
    with RelayServerPost(path) as post:
        until(lambda: post.nodes() == NODES)


def test_the_app_without_a_socket_says_how_to_start_it():
    with pytest.raises(RuntimeError, match="tithe serve PLAN --dir DIR --relay SOCKET"):
        server.app(Grid(), SimpleNamespace(run_config={"server-socket": ""}))


def test_a_second_server_is_refused(path):
    with RelayServerPost(path), pytest.raises(BadInput, match="listens already"):
        RelayServerPost(path)
