"""Damaged bytes at a daemon's two doors: its socket for a relay, and the objects of a letter."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from flwr.app.message import make_message
from flwr.app.metadata import Metadata
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects

from tests.federation.sample_frames import damaged
from tests.federation.small_federation import Federation
from tithe.engines.flower.daemon import attend
from tithe.engines.flower.letters import (
    MESSAGE_TYPE,
    PART_BYTES,
    MalformedLetter,
    content_of,
    objects_in,
    opened,
    sealed,
)
from tithe.engines.flower.patience import Pace
from tithe.engines.flower.relay import RelayPost
from tithe.federation.frames import Refusal, Upload, read_frame

MOST_GROWTH = 64 << 20  # bytes; one message that was believed its length would take more


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def first_download(federation):
    """The first download for participant 0, not yet answered."""
    federation.open_server()
    while federation.central.places[0].outstanding is None:
        for number in federation.sites:
            federation.attend(number)
        federation.coordinator.step()
    return [body for body in federation.office.everything if body[3] == 3][-1]


def said_to(path, message):
    """What the socket answers to these bytes, sent as they are; nothing if it hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(60)
        line.connect(str(path))
        with contextlib.suppress(OSError):  # hung up on with bytes on the way
            line.sendall(message)
            line.shutdown(socket.SHUT_WR)
        came = b""
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(1 << 16):
                came += part
    return came[8:]


def with_some_length(body, draws):
    """A body behind a length: the true one more often than not, else a wrong or a huge one."""
    length = draws.choice([len(body)] * 3 + [len(body) + 1, 2**33, 2**64 - 1])
    return struct.pack(">Q", length) + body


def storm(path, asked, num_messages, seed):
    """Sends damaged messages one after another; what came back, and how the process grew."""
    draws = random.Random(seed)
    before, answers = resident_bytes(), []
    for _ in range(num_messages):
        # The head has fields that may be anything, so the payload is always cut off as well.
        broken = damaged(asked[:88], draws) + asked[88:][: draws.randrange(200)]
        answers.append(said_to(path, with_some_length(broken, draws)))
    return [each for each in answers if each], resident_bytes() - before


def storm_at_the_socket(tmp_path, num_messages, seed):
    path, is_over = Path("daemon.socket"), threading.Event()
    with (
        closing(Federation(tmp_path)) as federation,
        RelayPost(path) as post,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        asked = first_download(federation)
        threads = threading.active_count()
        answers = elsewhere.submit(storm, path, asked, num_messages, seed)
        answers.add_done_callback(lambda _: is_over.set())
        pace = Pace(shortest=0.0005, longest=0.002)
        attend(post, federation.sites[0].handle, is_over=is_over, pace=pace)
        came, growth = answers.result()
        assert len(came) > num_messages // 4
        assert all(isinstance(read_frame(each, most_payload=1 << 20), Refusal) for each in came)
        assert growth < MOST_GROWTH
        assert threading.active_count() <= threads + 2  # the asker, and a line just closing
        assert isinstance(
            read_frame(federation.sites[0].handle(asked), most_payload=1 << 20), Upload
        )


@pytest.fixture
def short_path(tmp_path, monkeypatch):
    """The path of a socket may be about a hundred bytes long."""
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    return tmp_path


def test_damaged_messages_at_the_socket_are_refused_and_the_true_one_is_answered(short_path):
    storm_at_the_socket(short_path, 300, seed=5)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_messages_at_the_socket_change_nothing(short_path):
    storm_at_the_socket(short_path, 100_000, seed=6)


def test_no_more_messages_are_held_than_four(short_path):
    path, body = Path("daemon.socket"), struct.pack(">Q", 1) + b"x"
    with RelayPost(path) as post, contextlib.ExitStack() as lines:
        hung_up = 0
        for _ in range(20):
            line = lines.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            line.settimeout(0.2)
            line.connect(str(path))
            with contextlib.suppress(OSError):
                line.sendall(body)
            try:
                hung_up += line.recv(1) == b""
            except ConnectionResetError:
                hung_up += 1
            except TimeoutError:
                pass
        assert hung_up == 16
        held = 0
        while (found := post.pull()) is not None:
            held += 1
            post.answer(found[0], b"")
        assert held == 4


def letter_of(body):
    """A letter as a node gets it: its id, its objects, and their order."""
    about = Metadata(
        run_id=1,
        message_id="",
        src_node_id=1,
        dst_node_id=2,
        reply_to_message_id="",
        group_id="",
        created_at=0.0,
        ttl=60.0,
        message_type=MESSAGE_TYPE,
    )
    message, tree = sealed(make_message(metadata=about, content=content_of(body)))
    objects = {key: each.deflate() for key, each in get_all_nested_objects(message).items()}
    return message.object_id, objects, objects_in(tree)


def storm_of_objects(num_letters, seed):
    draws = random.Random(seed)
    message_id, whole, order = letter_of(draws.randbytes(500))
    assert len(opened(message_id, dict(whole), order=order)) == 500
    before, num_refused = resident_bytes(), 0
    for _ in range(num_letters):
        some = dict(whole)
        hit = draws.choice(order)
        way = draws.randrange(3)
        if way == 0:
            del some[hit]
        else:
            some[hit] = damaged(some[hit], draws) if way == 1 else some[draws.choice(order)]
        try:
            assert len(opened(message_id, some, order=order)) <= PART_BYTES
        except MalformedLetter:
            num_refused += 1
    assert num_refused > num_letters // 2
    assert resident_bytes() - before < MOST_GROWTH


def test_damaged_objects_are_a_letter_or_refused():
    storm_of_objects(2_000, seed=7)


@pytest.mark.slow
def test_a_hundred_thousand_letters_of_damaged_objects_crash_nothing():
    storm_of_objects(100_000, seed=8)
