"""What the messages promise: each comes back as it was, and nothing else is read."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.federation.sample_frames import FRAMES
from tests.sharing.sample_updates import random_update
from tithe.federation.frames import (
    LONGEST_PLAN,
    LedgerMark,
    MalformedFrame,
    OversizeFrame,
    Refusal,
    RefusalCode,
    Stop,
    Upload,
    longest_payload,
    read_frame,
    write_frame,
)
from tithe.federation.keys import public_bytes
from tithe.sharing.codec import encode

RUN = bytes(16)
UPLOAD = Upload(RUN, 3, 5, 6, LedgerMark(9, bytes(32)), b"payload")


@given(FRAMES)
def test_a_frame_comes_back_as_it_was(frame):
    assert read_frame(write_frame(frame), most_payload=100) == frame


@given(FRAMES, st.binary(min_size=1, max_size=5))
def test_no_frame_is_read_with_bytes_after_it(frame, more):
    with pytest.raises(MalformedFrame):
        read_frame(write_frame(frame) + more, most_payload=100)


@given(FRAMES, st.data())
def test_no_frame_is_read_that_was_cut_off(frame, data):
    body = write_frame(frame)
    with pytest.raises(MalformedFrame):
        read_frame(body[: data.draw(st.integers(0, len(body) - 1))], most_payload=100)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_refused(body):
    try:
        frame = read_frame(b"\xd7F\x01" + body, most_payload=100)
    except MalformedFrame:
        return
    assert write_frame(frame) == b"\xd7F\x01" + body  # one way to write each


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 0), (2, 2), (3, 0), (3, 7)],
    ids=["magic", "version", "no kind", "kind"],
)
def test_other_magic_versions_and_kinds_are_refused(place, value):
    body = bytearray(write_frame(Stop(RUN)))
    body[place] = value
    with pytest.raises(MalformedFrame):
        read_frame(bytes(body), most_payload=100)


def test_a_code_outside_the_list_is_refused():
    body = write_frame(Refusal(RUN, 0, 0, RefusalCode.LATER))
    with pytest.raises(MalformedFrame):
        read_frame(body[:-1] + bytes([len(RefusalCode) + 1]), most_payload=100)


def test_what_is_too_long_is_refused_before_it_is_read():
    with pytest.raises(OversizeFrame):
        read_frame(bytes(LONGEST_PLAN + 1000), most_payload=100)
    with pytest.raises(OversizeFrame):
        read_frame(write_frame(replace(UPLOAD, payload=bytes(101))), most_payload=100)


def test_a_signature_covers_every_byte():
    key = Ed25519PrivateKey.generate()
    body = write_frame(UPLOAD.signed_by(key))
    assert read_frame(body, most_payload=100).is_signed_by(public_bytes(key))
    for place in range(4, len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        try:
            frame = read_frame(bytes(changed), most_payload=100)
        except MalformedFrame:
            continue
        assert not frame.is_signed_by(public_bytes(key)), place


def test_an_upload_has_no_field_for_more_than_is_meant():
    assert [field.name for field in fields(Upload)] == [
        "run", "participant", "turn", "sequence", "mark", "payload", "signature",
    ]  # fmt: skip
    assert [field.name for field in fields(Refusal)] == ["run", "turn", "sequence", "code"]


@pytest.mark.parametrize("count", [0, 1, 10, 500, 1000])
def test_the_longest_payload_is_never_passed(count):
    payload = encode(random_update(1000, count), values="float32", rng=None)
    assert len(payload) <= longest_payload(size=1000, num_entries=count)
