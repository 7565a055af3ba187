"""A disk without room is known for one, by whatever it is met, on a real disk that is full."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import subprocess

import pytest

from tithe.checks import BadInput
from tithe.storage.disk import is_full
from tithe.storage.journal import Journal

ROW = {"text": "x" * 4000}


@contextlib.contextmanager
def small_disk(place, *, kilobytes):
    """A disk of its own with so little room; for root alone."""
    place.mkdir(mode=0o700)
    size = f"size={kilobytes}k,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root; max_page_count stands in for it elsewhere")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def filled(append):
    """How many rows there was room for, until the refusal that is returned with it."""
    for number in range(10_000):
        try:
            append()
        except BadInput as error:
            return number, str(error)
    raise AssertionError("the disk was never full")


def test_sqlite_and_files_and_quotas_are_told_from_other_trouble():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as found:
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
        assert is_full(found.value)
        with pytest.raises(sqlite3.OperationalError) as found:
            connection.execute("SELECT nothing FROM nowhere")
        assert not is_full(found.value)
    assert is_full(OSError(errno.ENOSPC, "no space"))
    assert is_full(OSError(errno.EDQUOT, "quota"))
    assert not is_full(OSError(errno.EACCES, "no"))
    assert not is_full(ValueError("full"))


def test_a_journal_without_room_says_so_and_keeps_every_row_it_took(tmp_path):
    path = tmp_path / "ledger.sqlite"
    journal = Journal.open(path, kind="ledger", fingerprint="f")
    journal._connection.execute("PRAGMA max_page_count = 20")
    taken, sentence = filled(lambda: journal.append(ROW))
    assert f"the disk of {path} is full; nothing was written" in sentence
    assert taken >= 5
    assert len(Journal.read(path, kind="ledger").rows) == taken


def test_on_a_disk_that_is_really_full_the_journal_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", kilobytes=300) as disk:
        path = disk / "ledger.sqlite"
        journal = Journal.open(path, kind="ledger", fingerprint="f")
        taken, sentence = filled(lambda: journal.append(ROW))
        assert "is full; nothing was written; make room and start again" in sentence
        subprocess.run(["mount", "-o", "remount,size=2000k", str(disk)], check=True)
        with Journal.open(path, kind="ledger", fingerprint="f") as again:
            assert len(again.rows()) == taken
            assert again.append(ROW) == taken + 1
