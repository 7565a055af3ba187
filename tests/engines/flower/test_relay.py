"""The daemon's socket: messages of a ClientApp come in and are answered; junk is hung up on."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import threading
import time

import pytest

from tests.engines.flower.relay_app import relay_app
from tithe.checks import BadInput
from tithe.engines.flower.relay import RelayPost

letter = relay_app("letter")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket may be about a hundred bytes long
    tmp_path.chmod(0o700)
    return tmp_path.relative_to(tmp_path) / "daemon.socket"


def next_of(post, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := post.pull()) is not None:
            return found
        time.sleep(0.005)
    raise AssertionError("no message came")


def asking(path, body):
    answers = []

    def ask():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            answers.append(letter.asked(line, body))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def test_the_app_hands_bytes_over_and_gets_the_answer(path):
    body = os.urandom(3_000_000)
    with RelayPost(path) as post:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert post.pull() is None
        thread, answers = asking(path, body)
        message_id, came = next_of(post)
        post.answer(message_id, came[::-1])
        thread.join(10)
    assert answers == [body[::-1]]
    assert not path.exists()


def test_a_message_is_answered_at_most_once(path):
    with RelayPost(path) as post:
        thread, _ = asking(path, b"question")
        message_id, _ = next_of(post)
        post.answer(message_id, b"")
        with pytest.raises(ValueError, match="answered already"):
            post.answer(message_id, b"")
        thread.join(10)


@pytest.mark.parametrize(
    "junk",
    [b"", b"\0" * 7, struct.pack(">Q", 11) + b"too long...", struct.pack(">Q", 9) + b"short"],
)
def test_junk_is_hung_up_on_and_the_next_message_comes(path, junk):
    with RelayPost(path, most_bytes=10) as post:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            line.sendall(junk)
            line.shutdown(socket.SHUT_WR)
            line.settimeout(10)
            with contextlib.suppress(ConnectionResetError):  # hung up with bytes still unread
                assert line.recv(1) == b""
        assert post.pull() is None
        thread, answers = asking(path, b"question")
        post.answer(next_of(post)[0], b"answer")
        thread.join(10)
    assert answers == [b"answer"]


def test_an_asker_that_hung_up_gets_nothing_and_harms_nothing(path):
    with RelayPost(path) as post:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(path))
            line.sendall(struct.pack(">Q", 1) + b"x")
            message_id, _ = next_of(post)
        post.answer(message_id, bytes(1_000_000))


def test_a_socket_that_a_killed_daemon_left_is_replaced(path):
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    with RelayPost(path) as post:
        assert post.pull() is None


def test_a_second_daemon_is_refused(path):
    with RelayPost(path), pytest.raises(BadInput, match="listens already"):
        RelayPost(path)


def test_a_place_without_a_folder_is_refused(path):
    with pytest.raises(BadInput, match="cannot be a socket"):
        RelayPost(path.parent / "absent" / "daemon.socket")
