"""The history: what was seen comes back, a torn line does not, and a full disk harms nobody."""

from __future__ import annotations

import stat

import torch

from tithe.federation.frames import LedgerMark, Upload
from tithe.federation.history import History, Measured, Seen, add_line, last_lines
from tithe.sharing.update import SparseUpdate


def note(history, *, turn=0):
    update = SparseUpdate(torch.tensor([1, 4]), torch.tensor([3.0, -4.0]), size=10)
    upload = Upload(bytes(16), 2, turn, turn + 1, LedgerMark(), b"payload")
    history.uploaded(upload, update, round_=5, staleness=1)


def test_an_upload_and_a_measurement_come_back_as_they_were(tmp_path):
    history = History(tmp_path, now=lambda: 100.0)
    note(history)
    history.measured(round_=5, uploads=1, accuracy=0.5, loss=0.7)
    assert history.uploads() == [
        Seen(100.0, 2, 0, round=5, entries=2, bytes=7, length=5.0, staleness=1)
    ]
    assert history.measurements() == [Measured(100.0, 5, 1, 0.5, 0.7)]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_was_seen_yet(tmp_path):
    assert History(tmp_path).uploads() == []
    assert History(tmp_path).measurements() == []


def test_a_line_that_was_torn_is_left_out_and_the_next_one_is_not(tmp_path):
    history = History(tmp_path)
    note(history, turn=0)
    path = tmp_path / "uploads.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at": 1')
    assert [each.turn for each in history.uploads()] == [0]
    note(history, turn=1)  # lands on the torn line
    note(history, turn=2)
    assert [each.turn for each in history.uploads()] == [0, 2]


def test_lines_of_another_version_are_left_out(tmp_path):
    add_line(tmp_path / "uploads.jsonl", {"at": 1.0, "who": 3})
    assert History(tmp_path).uploads() == []


def test_a_disk_that_refuses_costs_the_line_and_nothing_else(tmp_path):
    history = History(tmp_path / "is not there")
    note(history)
    history.measured(round_=0, uploads=0, accuracy=0.0, loss=0.0)
    assert history.uploads() == []


def test_of_a_long_file_only_the_end_is_read(tmp_path):
    path = tmp_path / "long"
    path.write_text("".join(f'{{"n": {n}, "filler": "{"x" * 100}"}}\n' for n in range(20_000)))
    found = last_lines(path)
    assert found[-1]["n"] == 19_999
    assert 5_000 < len(found) < 10_000
    assert [line["n"] for line in found] == list(range(20_000 - len(found), 20_000))
