"""The lock: one holder at a time, and none left behind."""

from __future__ import annotations

import os
import signal
import stat
import time

import pytest

from tithe.checks import BadInput
from tithe.storage.lock import FileLock


def test_the_second_who_asks_is_told_who_holds_it(tmp_path):
    held = FileLock.take(tmp_path / "a.lock")
    with pytest.raises(BadInput, match=f"held by process {os.getpid()}; wait for its end"):
        FileLock.take(tmp_path / "a.lock")
    held.release()
    FileLock.take(tmp_path / "a.lock").release()


def test_what_was_kept_is_there_for_the_next_holder(tmp_path):
    first = FileLock.take(tmp_path / "a.lock")
    assert first.note == ""
    first.keep("a long line that was kept first")
    first.keep("short")
    first.release()
    second = FileLock.take(tmp_path / "a.lock")
    assert second.note == "short"
    second.release()


def test_it_waits_as_long_as_it_is_told(tmp_path):
    held = FileLock.take(tmp_path / "a.lock")
    begun = time.monotonic()
    with pytest.raises(BadInput, match="held by"):
        FileLock.take(tmp_path / "a.lock", wait_seconds=0.1)
    assert time.monotonic() - begun >= 0.1
    held.release()


def in_child(work):
    """Forks a process that does the work and then sleeps; returns its id once the work is done."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            os.write(writer, b".")
            time.sleep(60)
        finally:
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    return child


def end(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_killed_holder_holds_nothing(tmp_path):
    kept = []
    child = in_child(lambda: kept.append(FileLock.take(tmp_path / "a.lock")))
    with pytest.raises(BadInput, match=f"held by process {child}"):
        FileLock.take(tmp_path / "a.lock")
    end(child)
    FileLock.take(tmp_path / "a.lock").release()


def test_a_forked_process_does_not_keep_the_lock_of_its_parent(tmp_path):
    held = FileLock.take(tmp_path / "a.lock")
    child = in_child(lambda: None)
    with pytest.raises(BadInput, match="held by"):
        FileLock.take(tmp_path / "a.lock")  # the child closed its copy, and ours still holds
    held.release()
    FileLock.take(tmp_path / "a.lock").release()
    end(child)


def test_a_lock_file_that_was_deleted_keeps_nobody_out_and_the_new_one_does(tmp_path):
    first = FileLock.take(tmp_path / "a.lock")
    (tmp_path / "a.lock").unlink()
    second = FileLock.take(tmp_path / "a.lock")
    with pytest.raises(BadInput, match="held by"):
        FileLock.take(tmp_path / "a.lock")
    first.release()
    second.release()


def test_it_is_for_its_owner_alone(tmp_path):
    FileLock.take(tmp_path / "a.lock").release()
    assert stat.S_IMODE((tmp_path / "a.lock").stat().st_mode) == 0o600


def test_a_place_that_cannot_be_opened_is_one_clear_sentence(tmp_path):
    with pytest.raises(BadInput, match="cannot be opened: Is a directory"):
        FileLock.take(tmp_path)
