"""The IDX reader."""

from __future__ import annotations

import gzip
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.official_files import idx_bytes, images
from tithe.checks import BadInput
from tithe.data.idx import read_idx


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans())
def test_what_is_written_is_read(tmp_path_factory, shape, packed):
    array = images(*shape)
    path = tmp_path_factory.mktemp("idx") / "some-idx-ubyte"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert np.array_equal(read_idx(path), array)
    assert read_idx(path).shape == array.shape


def test_the_header_is_big_endian(tmp_path):
    # How the official train-labels-idx1-ubyte starts: 00 00 08 01, 60,000 = 00 00 ea 60.
    path = tmp_path / "labels"
    path.write_bytes(bytes.fromhex("000008010000ea60") + bytes(60_000))
    assert read_idx(path).shape == (60_000,)


WHOLE = idx_bytes(images(3, 4, 4))
BAD = {
    "empty": (b"", "must start with 00 00 08, got nothing"),
    "no idx": (b"PNG....", "must start with 00 00 08, got 50 4e 47"),
    "floats": (b"\0\0\x0d\1" + struct.pack(">I", 1) + bytes(4), "got 00 00 0d"),
    "no sizes": (b"\0\0\x08\0", "must name its sizes"),
    "cut header": (WHOLE[:9], "must name its sizes"),
    "cut body": (WHOLE[:-1], r"shape \(3, 4, 4\) needs 48 bytes after the header, got 47"),
    "too long": (WHOLE + b"\0", "needs 48 bytes after the header, got 49"),
    "huge": (b"\0\0\x08\3" + b"\xff" * 12, "bytes after the header, got 0"),
    "cut gzip": (gzip.compress(WHOLE)[:-9], "damaged or cut short"),
    "bad gzip": (gzip.compress(WHOLE)[:10] + b"\xff" * 30, "damaged or cut short"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_file_is_refused(tmp_path, case):
    content, said = BAD[case]
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "some"
    path.write_bytes(content)
    with suppress(BadInput):
        read_idx(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="could not be read"):
        read_idx(tmp_path / "none")
