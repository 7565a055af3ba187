"""Bytes become a message's content and the same bytes again; anything else is refused."""

from __future__ import annotations

import pytest
from flwr.app import ArrayRecord, ConfigRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.engines.flower import letters
from tithe.engines.flower.letters import MalformedLetter, body_of, content_of, opened


@settings(max_examples=50)
@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_come_back_however_they_are_cut(body, part_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(letters, "PART_BYTES", part_bytes)
        assert body_of(content_of(body)) == body


def test_a_body_with_too_many_parts_is_refused_before_it_is_sent(monkeypatch):
    monkeypatch.setattr(letters, "PART_BYTES", 1)
    assert body_of(content_of(bytes(letters.MOST_PARTS)))
    with pytest.raises(ValueError, match="at most 256 bytes, got 257"):
        content_of(bytes(letters.MOST_PARTS + 1))


def test_two_messages_with_equal_bytes_share_no_object():
    first, second = content_of(b"same"), content_of(b"same")
    assert first["0000"].object_id != second["0000"].object_id


@pytest.mark.parametrize(
    "content",
    [
        RecordDict(),
        RecordDict({"0001": ConfigRecord({"salt": b"", "part": b""})}),
        RecordDict({"0000": ConfigRecord({"part": b""})}),
        RecordDict({"0000": ConfigRecord({"salt": b"", "part": b"", "more": 1})}),
        RecordDict({"0000": ConfigRecord({"salt": b"", "part": "text"})}),
        RecordDict({"0000": ConfigRecord({"salt": 1.0, "part": b""})}),
        RecordDict({"0000": ArrayRecord()}),
        RecordDict({"0000": ConfigRecord({"salt": b"", "part": bytes(letters.PART_BYTES + 1)})}),
    ],
)
def test_content_of_another_shape_is_refused(content):
    with pytest.raises(MalformedLetter):
        body_of(content)


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_no_bytes_in_place_of_an_object_crash_the_reader(junk):
    with pytest.raises(MalformedLetter):
        opened("ab" * 32, {"ab" * 32: junk}, order=["ab" * 32])
