"""The journal of what was sent: what comes back is what left, or one sentence says why not."""

from __future__ import annotations

import os
import stat

import pytest
import torch

from tithe.checks import BadInput
from tithe.storage.journal_file import DamagedJournal
from tithe.storage.uploads import (
    JOURNAL,
    UploadJournal,
    digest_of,
    parameters_path,
    payload_path,
    read_uploads,
)

VECTOR = torch.arange(5).float()


def note(journal, *, turn, payload=b"bytes", downloaded=VECTOR, **facts):
    journal.note(participant=3, turn=turn, payload=payload, downloaded=downloaded, facts=facts)


@pytest.fixture
def kept(tmp_path):
    """A journal of two turns that began from the same parameters."""
    folder = tmp_path / "sent"
    folder.mkdir(mode=0o700)
    journal = UploadJournal(folder, run="one")
    note(journal, turn=0, payload=b"first", epsilon="inf")
    note(journal, turn=1, payload=b"second")
    journal.close()
    return folder


def test_what_was_noted_comes_back_in_order(kept):
    first, second = read_uploads(kept, run="one")
    assert (first.participant, first.turn, first.payload) == (3, 0, b"first")
    assert (second.turn, second.payload) == (1, b"second")
    assert torch.equal(first.downloaded, VECTOR)
    assert first.facts["epsilon"] == "inf"
    assert first.facts["downloaded"] == digest_of(VECTOR)
    assert len(list(kept.glob("parameters-*"))) == 1  # kept once


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_every_file_is_for_its_owner_alone(kept):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_a_turn_taken_again_is_written_down_once_unless_it_comes_out_otherwise(kept):
    journal = UploadJournal(kept, run="one")
    note(journal, turn=1, payload=b"second")
    assert len(read_after(journal, kept)) == 2
    journal = UploadJournal(kept, run="one")
    note(journal, turn=1, payload=b"other noise")
    again = read_after(journal, kept)
    assert [upload.payload for upload in again] == [b"first", b"second", b"other noise"]
    assert [upload.turn for upload in again] == [0, 1, 1]


def read_after(journal, folder):
    journal.close()
    return read_uploads(folder)


def test_where_a_turn_began_may_be_lost_and_is_then_told_to_be(kept):
    journal = UploadJournal(kept, run="one")
    note(journal, turn=2, payload=b"third", downloaded=None)
    assert read_after(journal, kept)[-1].downloaded is None


def test_a_journal_of_another_run_is_refused_in_a_sentence(kept):
    with pytest.raises(BadInput, match="is of run one, and two was asked for"):
        read_uploads(kept, run="two")


@pytest.mark.parametrize("damage", ["payload", "no payload", "parameters", "no parameters", "row"])
def test_every_damage_is_named(kept, damage):
    payload, parameters = payload_path(kept, 1), parameters_path(kept, digest_of(VECTOR))
    if damage == "payload":
        payload.write_bytes(b"forged")
    elif damage == "no payload":
        payload.unlink()
    elif damage == "parameters":
        parameters.write_bytes(parameters.read_bytes()[:-1] + b"\x01")
    elif damage == "no parameters":
        parameters.unlink()
    else:
        journal = kept / JOURNAL
        journal.write_bytes(journal.read_bytes().replace(b'"turn": 1', b'"turn": 7'))
    with pytest.raises(DamagedJournal):
        read_uploads(kept)


def test_a_folder_without_a_journal_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="there is no journal of what was sent"):
        read_uploads(tmp_path)
