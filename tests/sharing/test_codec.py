"""Updates come back from their bytes, and no bytes whatever do harm."""

from __future__ import annotations

import math
import struct
import tracemalloc
import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sharing.sample_updates import NUM_PARAMETERS, layered_update, random_update, updates
from tithe.sharing.codec import LARGEST_SIZE, decode, encode
from tithe.sharing.update import MalformedUpdate, SparseUpdate, require_well_formed

HEAD = struct.Struct("<2sBBBII")  # written down again, so that a changed layout is noticed
FRAME_BYTES = HEAD.size + 4


def sealed(body):
    """The bytes with a checksum that fits, so that what lies behind the checksum is reached."""
    return body + struct.pack("<I", zlib.crc32(body))


def frame(
    *,
    size=64,
    count=2,
    indices=b"",
    values=b"",
    magic=b"\xd7T",
    version=1,
    value_format=0,
    index_format=0,
):
    head = HEAD.pack(magic, version, value_format, index_format, size, count)
    return sealed(head + indices + values)


def decodes_or_refuses(data, *, size, max_entries=None):
    try:
        update = decode(data, size=size, max_entries=max_entries)
    except MalformedUpdate:
        return
    require_well_formed(update, size=size)
    assert max_entries is None or len(update) <= max_entries


# --- properties


@given(updates())
def test_float32_comes_back_bit_for_bit(update):
    data = encode(update, values="float32", rng=None)
    back = decode(data, size=update.size, max_entries=len(update))
    require_well_formed(back, size=update.size)
    assert torch.equal(back.indices, update.indices)
    assert back.values.numpy().tobytes() == update.values.numpy().tobytes()


@given(updates())
def test_encoding_is_a_function(update):
    first = encode(update, values="float32", rng=None)
    assert encode(update, values="float32", rng=None) == first


@pytest.mark.parametrize("indices", [[], [0], [LARGEST_SIZE - 1], [0, 5, LARGEST_SIZE - 1]])
def test_the_largest_size_works(indices):
    update = SparseUpdate(
        torch.tensor(indices, dtype=torch.int64), torch.ones(len(indices)), LARGEST_SIZE
    )
    back = decode(encode(update, values="float32", rng=None), size=LARGEST_SIZE)
    assert back.indices.tolist() == indices


@pytest.mark.parametrize("values", ["float32", "float16", "int8"])
def test_an_empty_vector_works(values, rng):
    empty = SparseUpdate(torch.zeros(0, dtype=torch.int64), torch.zeros(0), 0)
    assert len(decode(encode(empty, values=values, rng=rng), size=0)) == 0


def test_a_claim_of_privacy_does_not_travel():
    update = SparseUpdate(torch.tensor([3]), torch.ones(1), 8, is_private=True)
    assert not decode(encode(update, values="float32", rng=None), size=8).is_private


# --- golden values


def test_a_small_update_by_hand():
    # Gaps 10 and 39; r = 4 costs least: 2 * (1 + 4) + 0 + 2 = 12 bits. Chunk 2^4, planes of r: 3.
    # r = 4: 0 0 1; low bits 1010 and 0111 by planes: 01 11 01 10; quotients 0 and 2: 1 001.
    update = SparseUpdate(torch.tensor([10, 50]), torch.tensor([1.0, -2.0]), 100)
    expected = bytes.fromhex(
        "d754 01 00 00 64000000 02000000"  # magic, version, float32, Rice, size, count
        "23 2ed2"  # 4 << 3 | 3, 0010 1110 1101 0010
        "0000803f 000000c0"
    )
    assert encode(update, values="float32", rng=None) == sealed(expected)


def test_all_and_none_need_no_index_byte():
    for count in (0, 50):
        update = random_update(50, count)
        assert len(encode(update, values="float32", rng=None)) == FRAME_BYTES + 4 * count


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("values", ["float32", "float16", "int8"])
def test_a_value_that_is_not_finite_is_refused(value, values, rng):
    with pytest.raises(MalformedUpdate, match="finite"):
        encode(SparseUpdate(torch.tensor([1]), torch.tensor([value]), 4), values=values, rng=rng)


@pytest.mark.parametrize("indices", [[2, 1], [1, 1], [-1, 2], [1, 4]])
def test_wrong_indices_are_refused(indices):
    with pytest.raises(MalformedUpdate, match="indices must be"):
        encode(SparseUpdate(torch.tensor(indices), torch.ones(2), 4), values="float32", rng=None)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="values must be one of float32, float16, int8"):
        encode(random_update(10, 3), values="int4", rng=None)


def test_a_size_or_limit_out_of_range_is_the_callers_slip():
    with pytest.raises(ValueError, match="size must be in"):
        decode(b"", size=LARGEST_SIZE + 1)
    with pytest.raises(ValueError, match="max_entries must be"):
        decode(b"", size=4, max_entries=-1)


# --- what decode refuses

TWO_ONES = struct.pack("<2f", 1.0, 1.0)
GOOD_INDICES = bytes([0b00100000, 0b01001000])  # one parameter, 0; gaps 1 and 2


def test_the_frame_of_these_tests_is_valid():
    update = decode(frame(indices=GOOD_INDICES, values=TWO_ONES), size=64)
    assert update.indices.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"magic": b"PK"}, "no update"),
        ({"version": 2}, "version must be 1, got 2"),
        ({"value_format": 3}, "value format"),
        ({"index_format": 1}, "index format"),
        ({"size": 65}, "size must be 64, the receiver's, got 65"),
        ({"count": 65}, "count must be at most 64, got 65"),
        ({"count": 2**32 - 1}, "count must be at most 64"),
        ({"count": 9}, "cut off"),
        ({"count": 1}, "index code must hold 1"),
        ({"values": TWO_ONES + b"\0"}, "index"),
        ({"values": TWO_ONES[:-1]}, "index"),
        ({"indices": b""}, "index bytes must be 2 to 11"),
        ({"indices": GOOD_INDICES + bytes(1)}, "index code must hold 2 quotients and end"),
        ({"indices": GOOD_INDICES + bytes(99)}, "too many"),
        ({"indices": bytes([0b00100110, 0xFF])}, "parameters of 6 bits"),
        ({"indices": bytes([0b00100101, 0xFF])}, "2\\^r <= size"),
        ({"indices": bytes([0b00100011, 0b00100000])}, "cut off in bit plane 2"),
        ({"indices": bytes([0b00100000, 0b11100000])}, "must hold 2 quotients"),
        ({"indices": bytes([0b00100000, 0b00000000])}, "must hold 2 quotients"),
        ({"indices": bytes([0b00100000]) + bytes(8) + b"\xc0"}, r"indices must be in \[0, 64\)"),
        ({"values": struct.pack("<2f", 1.0, math.nan)}, "finite"),
        ({"values": struct.pack("<2f", -math.inf, 1.0)}, "finite"),
        ({"value_format": 1, "values": struct.pack("<2e", 1.0, math.inf)}, "finite"),
        ({"value_format": 2, "values": struct.pack("<f2b", math.nan, 1, 1)}, "scales"),
        ({"value_format": 2, "values": struct.pack("<f2b", -1.0, 1, 1)}, "scales"),
        ({"value_format": 2, "values": struct.pack("<f2b", 1.0, 1, -128)}, "codes"),
        ({"value_format": 2, "values": struct.pack("<f2b", 3e38, 1, 2)}, "finite"),
        ({"count": 0, "values": b""}, "index bytes must be 0"),
        ({"count": 64, "values": bytes(256)}, "index bytes must be 0"),
    ],
)
def test_every_wrong_field_is_refused(wrong, message):
    with pytest.raises(MalformedUpdate, match=message):
        decode(frame(**{"indices": GOOD_INDICES, "values": TWO_ONES} | wrong), size=64)


def test_more_entries_than_the_receiver_takes_are_refused():
    data = encode(random_update(100, 10), values="float32", rng=None)
    assert len(decode(data, size=100, max_entries=10)) == 10
    with pytest.raises(MalformedUpdate, match="count must be at most 9, got 10"):
        decode(data, size=100, max_entries=9)


def test_every_cut_and_every_flipped_bit_is_refused():
    data = encode(layered_update(0.001), values="float16", rng=None)
    for stop in range(len(data)):
        with pytest.raises(MalformedUpdate):
            decode(data[:stop], size=NUM_PARAMETERS)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedUpdate):
            decode(bytes(flipped), size=NUM_PARAMETERS)


# --- fuzzing

FUZZ = settings(max_examples=500)
SIZES = st.sampled_from([0, 1, 2, 17, 64, 3000, 2**31 - 1])


@FUZZ
@given(st.binary(max_size=200), SIZES)
def test_random_bytes_never_harm(data, size):
    decodes_or_refuses(data, size=size)
    decodes_or_refuses(sealed(data), size=size)


@FUZZ
@given(st.binary(max_size=120), SIZES, st.integers(0, 70), st.integers(0, 2))
def test_random_bytes_behind_a_fitting_header_never_harm(body, size, count, value_format):
    data = frame(size=size, count=count, value_format=value_format, indices=body)
    decodes_or_refuses(data, size=size)
    decodes_or_refuses(data, size=size, max_entries=5)


@FUZZ
@given(updates(limit=1e4), st.data())
def test_damaged_updates_with_a_fitting_checksum_never_harm(update, data):
    values = data.draw(st.sampled_from(["float32", "float16", "int8"]))
    body = bytearray(encode(update, values=values, rng=torch.Generator())[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    damage = data.draw(st.sampled_from(["none", "cut", "longer"]))
    if damage == "cut":
        del body[data.draw(st.integers(0, len(body))) :]
    elif damage == "longer":
        body += data.draw(st.binary(max_size=40))
    decodes_or_refuses(sealed(bytes(body)), size=update.size)


# --- memory


def peak_bytes(data, *, size):
    tracemalloc.start()
    try:
        decodes_or_refuses(data, size=size)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [2**31 - 1, 2**31 - 2, 2**30, 10**6, 2])
@pytest.mark.parametrize("value_format", [0, 1, 2])
def test_a_huge_count_in_few_bytes_demands_no_memory(count, value_format):
    data = frame(size=2**31 - 1, count=count, value_format=value_format, indices=bytes(1000))
    assert peak_bytes(data, size=2**31 - 1) < 100_000


def test_a_huge_chunk_demands_no_memory():
    data = frame(indices=bytes([31 << 3, 0b01001000]), values=TWO_ONES)
    assert decode(data, size=64).indices.tolist() == [1, 4]
    assert peak_bytes(data, size=64) < 100_000


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x55", b"\x01"])
@pytest.mark.parametrize("head", [0b00100000, 0b00100001, 0b00100100, 0b11111100])
@pytest.mark.parametrize("density", [0.01, 0.5, 0.99])
def test_memory_stays_within_the_size_of_the_vector(fill, head, density):
    size = 200_000
    count = round(size * density)
    indices = bytes([head]) + fill * (size // 8)
    data = frame(
        size=size, count=count, value_format=2, indices=indices, values=bytes(4 * 782 + count)
    )
    assert peak_bytes(data, size=size) < 64 * size


def test_a_tail_without_end_is_not_even_read():
    data = frame(indices=GOOD_INDICES, values=TWO_ONES) + bytes(50_000_000)
    assert peak_bytes(data, size=64) < 100_000
