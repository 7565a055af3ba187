"""The journal: what was appended is there, on the disk, once, for one process at a time."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.sample_journals import changed, opened, written
from tithe.checks import BadInput
from tithe.storage.journal import DamagedJournal, Journal

json_rows = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=20)
@given(st.lists(st.lists(json_rows, max_size=3), max_size=3))
def test_what_is_appended_is_read_back_in_order_over_any_number_of_openings(sessions):
    with tempfile.TemporaryDirectory() as folder:
        path, before = Path(folder) / "journal", []
        for rows in sessions:
            with opened(path) as journal:
                assert journal.rows() == before
                for row in rows:
                    before.append(row)
                    assert journal.append(row) == len(before)
                assert journal.rows() == before
                assert journal.last[0] == len(before)


def test_an_older_copy_put_back_is_found_by_the_note_in_the_lock_file(tmp_path):
    written(tmp_path / "a", num_rows=3)
    shutil.copy(tmp_path / "a", tmp_path / "older")
    written(tmp_path / "a", num_rows=2)
    shutil.copy(tmp_path / "older", tmp_path / "a")
    with pytest.raises(DamagedJournal, match="ends at row 3, but row 5 was written once"):
        opened(tmp_path / "a")


def test_a_journal_that_is_gone_is_not_begun_anew(tmp_path):
    written(tmp_path / "a")
    (tmp_path / "a").unlink()
    with pytest.raises(DamagedJournal, match=r"is gone, but a\.lock"):
        opened(tmp_path / "a")


def test_an_older_copy_of_everything_is_found_by_who_remembers(tmp_path):
    _, early = written(tmp_path / "now" / "a", num_rows=3)
    shutil.copytree(tmp_path / "now", tmp_path / "older")
    _, late = written(tmp_path / "now" / "a", num_rows=2)
    with opened(tmp_path / "now" / "a") as journal:
        journal.require_reached(*early)
        journal.require_reached(*late)
    with opened(tmp_path / "older" / "a") as journal:
        journal.require_reached(*early)
        with pytest.raises(DamagedJournal, match="an older copy was put back"):
            journal.require_reached(*late)


def test_a_journal_begun_anew_with_the_same_rows_is_not_the_same(tmp_path):
    _, last = written(tmp_path / "first" / "a")
    written(tmp_path / "second" / "a")
    with (
        opened(tmp_path / "second" / "a") as journal,
        pytest.raises(DamagedJournal, match="another journal was put in its place"),
    ):
        journal.require_reached(*last)


def test_one_at_a_time_has_it_open(tmp_path):
    with opened(tmp_path / "a"):
        with pytest.raises(BadInput, match=rf"a\.lock is held by process {os.getpid()}"):
            opened(tmp_path / "a")
        (tmp_path / "link").symlink_to(tmp_path / "a")
        with pytest.raises(BadInput, match=r"a\.lock is held by"):
            opened(tmp_path / "link")
    opened(tmp_path / "a", wait_seconds=1).close()


def test_an_opening_that_fails_lets_go(tmp_path):
    written(tmp_path / "a")
    with pytest.raises(BadInput):
        opened(tmp_path / "a", fingerprint="those data")
    opened(tmp_path / "a").close()


def test_a_commit_waits_for_the_disk_itself(tmp_path):
    with opened(tmp_path / "a") as journal:
        journal.append({})
        pragma = journal._connection.execute
        assert pragma("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
        assert pragma("PRAGMA fullfsync").fetchone() == (1,)


def test_all_its_files_are_for_the_owner_alone(tmp_path):
    written(tmp_path / "a")
    (tmp_path / "a").chmod(0o644)
    with opened(tmp_path / "a") as journal:
        journal.append({})
        files = list(tmp_path.iterdir())
        assert len(files) == 4  # with the log and its index
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_closing_folds_all_into_one_file(tmp_path):
    rows, _ = written(tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.lock"]
    shutil.copy(tmp_path / "a", tmp_path / "b")
    with opened(tmp_path / "b") as journal:
        assert journal.rows() == rows


def test_a_full_disk_closes_it_and_leaves_whole_rows(tmp_path):
    rows, last = written(tmp_path / "a")
    journal = opened(tmp_path / "a")
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(BadInput, match="is full; nothing was written; make room"):
        journal.append({"long": "x" * 100_000})
    with pytest.raises(ValueError, match="is closed"):
        journal.append({})
    with opened(tmp_path / "a") as again:
        assert (again.rows(), again.last) == (rows, last)


def test_a_change_from_outside_while_it_is_open_is_refused(tmp_path):
    journal = opened(tmp_path / "a")
    journal.append({})
    changed(tmp_path / "a", "UPDATE tip SET sequence = 0")
    with pytest.raises(DamagedJournal, match="changed by another program"):
        journal.append({})


def test_a_file_replaced_while_it_is_open_takes_no_more_rows(tmp_path):
    written(tmp_path / "a", num_rows=1)
    shutil.copy(tmp_path / "a", tmp_path / "older")
    with opened(tmp_path / "a") as journal:
        (tmp_path / "older").replace(tmp_path / "a")
        with pytest.raises(DamagedJournal, match="moved or replaced"):
            journal.append({})
        (tmp_path / "a").unlink()
        with pytest.raises(DamagedJournal, match="moved or replaced"):
            journal.rows()


def test_a_forked_process_may_not_append_and_harms_nothing(tmp_path):
    journal = opened(tmp_path / "a")
    journal.append({"by": "parent"})
    child = os.fork()
    if child == 0:
        status = 1
        try:
            journal.append({"by": "child"})
        except RuntimeError:
            journal.close()
            status = 0
        finally:
            del journal
            gc.collect()
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    journal.append({"by": "parent again"})
    journal.close()
    with opened(tmp_path / "a") as journal:
        assert journal.rows() == [{"by": "parent"}, {"by": "parent again"}]


def test_a_row_that_json_cannot_hold_is_refused_and_changes_nothing(tmp_path):
    with opened(tmp_path / "a") as journal:
        with pytest.raises(ValueError, match="not JSON compliant"):
            journal.append({"epsilon": float("inf")})
        with pytest.raises(TypeError):
            journal.append({"what": object()})
        assert journal.append({"epsilon": 1.0}) == 1


def test_a_place_that_cannot_hold_it_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot hold a journal"):
        opened(tmp_path / "file" / "a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="cannot be used"):
        opened(tmp_path / "folder")


def test_its_rows_can_be_read_with_any_sqlite(tmp_path):
    rows, _ = written(tmp_path / "a")
    with opened(tmp_path / "a"):  # also while it is open
        connection = sqlite3.connect(tmp_path / "a")
        texts = connection.execute("SELECT text FROM entry WHERE sequence > 0").fetchall()
        connection.close()
    assert [json.loads(text) for (text,) in texts] == rows


def test_reading_needs_no_fingerprint_and_changes_nothing(tmp_path):
    rows, last = written(tmp_path / "a")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    reading = Journal.read(tmp_path / "a", kind="ledger")
    assert (list(reading.rows), reading.last) == (rows, last)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_who_reads_a_copy_leaves_nothing_next_to_it(tmp_path):
    rows, _ = written(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "a", tmp_path / "elsewhere" / "a")
    assert list(Journal.read(tmp_path / "elsewhere" / "a", kind="ledger").rows) == rows
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["a"]


def test_a_journal_without_rows_is_read_too(tmp_path):
    opened(tmp_path / "a").close()
    reading = Journal.read(tmp_path / "a", kind="ledger")
    assert (reading.rows, reading.last[0]) == ((), 0)


def test_reading_counts_what_a_killed_process_had_not_folded_in(tmp_path):
    with opened(tmp_path / "a") as journal:
        journal.append({"number": 1})
        for name in ("a", "a-wal"):
            shutil.copy(tmp_path / name, tmp_path / name.replace("a", "killed", 1))
        last = journal.last
    assert (tmp_path / "killed-wal").stat().st_size > 0
    assert Journal.read(tmp_path / "killed", kind="ledger").last == last
    assert Journal.read(tmp_path / "killed", kind="ledger").last == last


def test_reading_refuses_what_opening_refuses(tmp_path):
    written(tmp_path / "a")
    with pytest.raises(BadInput, match="must be a record, got a ledger"):
        Journal.read(tmp_path / "a", kind="record")
    with (
        opened(tmp_path / "a"),
        pytest.raises(BadInput, match=rf"is held by process {os.getpid()}"),
    ):
        Journal.read(tmp_path / "a", kind="ledger")
    changed(tmp_path / "a", "UPDATE entry SET text = '{}' WHERE sequence = 3")
    with pytest.raises(DamagedJournal, match="is damaged at row 3"):
        Journal.read(tmp_path / "a", kind="ledger")
    (tmp_path / "b").write_text("no journal")
    with pytest.raises(BadInput, match="is damaged or no journal"):
        Journal.read(tmp_path / "b", kind="ledger")
    assert not (tmp_path / "b.lock").exists()


def test_reading_finds_an_older_copy_by_the_note_and_by_who_remembers(tmp_path):
    _, early = written(tmp_path / "a", num_rows=3)
    shutil.copy(tmp_path / "a", tmp_path / "older")
    _, late = written(tmp_path / "a", num_rows=2)
    reading = Journal.read(tmp_path / "older", kind="ledger")
    reading.require_reached(*early)
    with pytest.raises(DamagedJournal, match="ends at row 3, but row 5 was written once"):
        reading.require_reached(*late)
    shutil.copy(tmp_path / "older", tmp_path / "a")
    with pytest.raises(DamagedJournal, match="ends at row 3, but row 5 was written once"):
        Journal.read(tmp_path / "a", kind="ledger")


def test_reading_where_there_is_none_makes_none(tmp_path):
    with pytest.raises(BadInput, match="there is no ledger at"):
        Journal.read(tmp_path / "a", kind="ledger")
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "a")
    (tmp_path / "a").unlink()
    with pytest.raises(DamagedJournal, match=r"is gone, but a\.lock"):
        Journal.read(tmp_path / "a", kind="ledger")


def test_a_journal_is_read_without_waiting_for_pytorch():
    code = "import sys, tithe.storage.journal; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
