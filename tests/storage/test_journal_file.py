"""The file of a journal: whatever was done to it from outside is found."""

from __future__ import annotations

import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.sample_journals import changed, opened, written
from tithe.checks import BadInput
from tithe.storage.journal import DamagedJournal
from tithe.storage.journal_file import hash_of


@settings(max_examples=150)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_changed_nothing(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "flipped"
    if not folder.exists():
        folder.mkdir()
        written(folder / "whole", num_rows=40)
    with opened(folder / "whole") as journal:
        rows, last = journal.rows(), journal.last
    content = bytearray((folder / "whole").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "flipped").write_bytes(content)
    (folder / "flipped.lock").unlink(missing_ok=True)
    try:
        with opened(folder / "flipped") as journal:
            assert (journal.rows(), journal.last) == (rows, last)
    except BadInput:
        pass  # one sentence, and nothing was taken from it
    finally:
        for name in ("flipped-wal", "flipped-shm"):
            (folder / name).unlink(missing_ok=True)


@settings(max_examples=40)
@given(fraction=st.floats(0, 1))
def test_a_file_that_was_cut_is_refused(fraction, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "cut"
    if not folder.exists():
        folder.mkdir()
        written(folder / "whole", num_rows=40)
    whole = (folder / "whole").read_bytes()
    (folder / "cut").write_bytes(whole[: int(fraction * (len(whole) - 1))])
    (folder / "cut.lock").unlink(missing_ok=True)
    with pytest.raises(BadInput):
        opened(folder / "cut")


@settings(max_examples=40)
@given(fraction=st.floats(0, 1))
def test_a_power_cut_within_a_write_leaves_whole_rows(fraction, tmp_path_factory):
    # What a process that dies leaves: the file and the log that was not folded in; the end of the
    # log may not have reached the disk.
    folder = tmp_path_factory.getbasetemp() / "torn"
    if not folder.exists():
        folder.mkdir()
        with opened(folder / "whole") as journal:
            for number in range(20):
                journal.append({"number": number})
            for name in ("whole", "whole-wal"):
                shutil.copy(folder / name, folder / f"{name}.copy")
    log = (folder / "whole-wal.copy").read_bytes()
    shutil.copy(folder / "whole.copy", folder / "torn")
    (folder / "torn-wal").write_bytes(log[: int(fraction * len(log))])
    (folder / "torn.lock").unlink(missing_ok=True)
    with opened(folder / "torn") as journal:
        rows = journal.rows()
        assert rows == [{"number": number} for number in range(len(rows))]
        assert fraction < 1 or len(rows) == 20


def test_the_chain_by_hand(tmp_path):
    # SHA-256 over the hash before, eight bytes of the sequence number, and the text.
    _, (sequence, digest) = written(tmp_path / "a", num_rows=2)
    found = (
        sqlite3.connect(tmp_path / "a").execute("SELECT * FROM entry ORDER BY sequence").fetchall()
    )
    previous = bytes(32)
    for number, text, stored in found:
        previous = hash_of(previous, number, text)
        assert stored == previous
    assert [number for number, _, _ in found] == [0, 1, 2]
    assert (sequence, digest) == (2, previous.hex())
    # printf '%064d%016x' 0 0 | xxd -r -p | sha256sum
    assert hash_of(bytes(32), 0, "").hex() == (
        "2c34ce1df23b838c5abf2a7f6437cca3d3067ed509ff25f11df6b11b582b51eb"
    )


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE entry SET text = replace(text, '0.1', '0.0') WHERE sequence = 2"],
        ["UPDATE entry SET text = CAST(text AS BLOB) WHERE sequence = 2"],
        ["UPDATE entry SET text = CAST(x'ff00ff' AS TEXT) WHERE sequence = 2"],
        ["UPDATE entry SET hash = zeroblob(32) WHERE sequence = 5"],
        ["UPDATE entry SET text = replace(text, 'these', 'other') WHERE sequence = 0"],
        ["DELETE FROM entry WHERE sequence = 3"],
        ["DELETE FROM entry WHERE sequence = 5"],
        ["DELETE FROM entry WHERE sequence = 0"],
        ["DELETE FROM entry"],
        [
            "DELETE FROM entry WHERE sequence = 2",
            "UPDATE entry SET sequence = 2 WHERE sequence = 5",
        ],
        [
            "UPDATE entry SET sequence = 99 WHERE sequence = 2",
            "UPDATE entry SET sequence = 2 WHERE sequence = 3",
            "UPDATE entry SET sequence = 3 WHERE sequence = 99",
        ],
        ["INSERT INTO entry VALUES (6, '{}', zeroblob(32))"],
        ["INSERT INTO entry VALUES (-1, '{}', zeroblob(32))"],
        ["UPDATE tip SET sequence = 4"],
        ["DELETE FROM tip"],
        ["DROP TABLE tip"],
        ["CREATE TABLE other (x)"],
        ["CREATE TRIGGER quiet AFTER INSERT ON entry BEGIN DELETE FROM entry; END"],
    ],
)
def test_rows_that_were_edited_removed_or_moved_are_found(tmp_path, statements):
    written(tmp_path / "a")
    changed(tmp_path / "a", *statements)
    with pytest.raises(DamagedJournal, match=r"a is (damaged|no journal)") as caught:
        opened(tmp_path / "a")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"junk", b"SQLite format 3\0" + b"\x10" * 500])
def test_a_file_that_is_no_journal_is_one_clear_sentence_and_stays_as_it_is(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DamagedJournal, match=r"a is (damaged|no journal)"):
        opened(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


def test_another_database_is_refused_and_stays_as_it_is(tmp_path):
    changed(tmp_path / "a", "CREATE TABLE song (title)", "INSERT INTO song VALUES ('one')")
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(DamagedJournal, match="its tables are others"):
        opened(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before


def test_a_journal_of_other_data_or_another_kind_is_refused(tmp_path):
    written(tmp_path / "a")
    with pytest.raises(BadInput, match="is a ledger of other data"):
        opened(tmp_path / "a", fingerprint="those data")
    with pytest.raises(BadInput, match="must be a diary, got a ledger"):
        opened(tmp_path / "a", kind="diary")


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tithe.storage.journal_file._FORMAT", 2)
    written(tmp_path / "a")
    monkeypatch.undo()
    with pytest.raises(DamagedJournal, match="written in format 2 and this version reads 1"):
        opened(tmp_path / "a")
