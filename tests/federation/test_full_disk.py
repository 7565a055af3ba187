"""The disk is full: the server acknowledges nothing more, and a participant sends nothing more."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.federation.small_federation import Federation, in_one_process
from tests.storage.test_disk import small_disk
from tithe.checks import BadInput
from tithe.federation import site_state
from tithe.federation.own_ledger import KIND
from tithe.storage.journal import Journal


def test_a_server_without_room_stops_before_it_accepts_and_goes_on_when_there_is_room(tmp_path):
    with closing(Federation(tmp_path)) as federation:
        federation.open_server()
        pages = federation.store._connection.execute("PRAGMA page_count").fetchone()[0]
        federation.store._connection.execute(f"PRAGMA max_page_count = {pages + 8}")
        with pytest.raises(BadInput, match=r"disk of .*server is full; nothing was accepted"):
            federation.play()
        federation.open_server()  # another process, and there is room
        federation.play()
        expected = in_one_process()
        assert all(federation.state()[name].equal(expected[name]) for name in expected)


def test_a_server_on_a_disk_that_is_really_full_loses_nothing(tmp_path):
    with (
        small_disk(tmp_path / "server", kilobytes=160) as disk,
        closing(Federation(tmp_path)) as federation,
    ):
        with pytest.raises(BadInput, match="is full; nothing was accepted"):
            federation.play()
        accepted = federation.store.payload_digests()
        subprocess.run(["mount", "-o", "remount,size=8000k", str(disk)], check=True)
        federation.open_server()
        assert federation.store.payload_digests() == accepted
        federation.play()
        expected = in_one_process()
        assert all(federation.state()[name].equal(expected[name]) for name in expected)
        federation.close()


def charges_alone(federation, number):
    path = federation.folder / f"site-{number}" / "ledger.sqlite"
    return [row["turn"] for row in Journal.read(path, kind=KIND).rows]


def charges(federation, number):
    federation.close_site(number)
    found = charges_alone(federation, number)
    federation.open_site(number)
    return found


def play_for(federation, steps):
    for _ in range(steps):
        federation.turn_over()


class FullConnection:
    """A journal's connection to a disk that has room for reading alone."""

    def __init__(self, connection):
        self._connection = connection

    def execute(self, statement, *values):
        if statement.startswith("INSERT"):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._connection.execute(statement, *values)

    def close(self):
        self._connection.close()


def test_a_ledger_without_room_sends_nothing(tmp_path):
    with closing(Federation(tmp_path)) as federation:
        federation.open_server()
        while federation.sites[0]._turns is None:
            federation.turn_over()
        journal = federation.sites[0]._turns._ledger._journal
        journal._connection = FullConnection(journal._connection)
        with pytest.raises(BadInput, match=r"ledger\.sqlite is full; nothing was written"):
            play_for(federation, 50)
        assert 0 not in [who for who, _, _ in federation.store.payload_digests()]
        assert charges(federation, 0) == []  # by another process, and there is room
        federation.open_server()
        federation.play()
        assert charges(federation, 0) == [0, 1, 2]


def test_a_state_without_room_sends_nothing_though_it_was_charged(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with closing(Federation(tmp_path)) as federation:
        federation.open_server()
        with monkeypatch.context() as patched:
            patched.setattr(site_state, "save_tensors", full)
            with pytest.raises(OSError, match="No space left"):
                play_for(federation, 50)
        assert federation.store.payload_digests() == []
        assert charges(federation, 0) == [0]  # spent, and never refunded
        federation.open_server()
        federation.play()
        assert charges(federation, 0) == [0, 0, 1, 2]
