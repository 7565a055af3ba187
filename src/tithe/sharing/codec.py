r"""An update as bytes: a checked frame around the index code, followed by the value code.

All integers little-endian::

    2  magic b"\xd7T"      1  version 1     1  value format (0 float32, 1 float16, 2 int8)
    1  index format (0)    4  size d        4  count k
    ?  indices (index_code)                 ?  values (value_code; length follows from k)
    4  CRC-32 of everything before it

The length of the index part is what is left, so no field can claim more bytes than arrived. The
checksum finds accidents; against forgery the transport must authenticate the sender.
"""

from __future__ import annotations

import struct
import zlib
from typing import get_args

import torch

from tithe.sharing.index_code import decode_indices, encode_indices
from tithe.sharing.update import MalformedUpdate, SparseUpdate, require_well_formed
from tithe.sharing.value_code import ValueFormat, decode_values, encode_values, num_value_bytes

MAGIC = b"\xd7T"
VERSION = 1
LARGEST_SIZE = 2**31 - 1

_HEAD = struct.Struct("<2sBBBII")
_CHECKSUM = struct.Struct("<I")
_RICE = 0  # the only index format so far
_FORMATS: tuple[ValueFormat, ...] = get_args(ValueFormat)  # the position is the code: append only


def encode(update: SparseUpdate, *, values: ValueFormat, rng: torch.Generator | None) -> bytes:
    """Turns an update into bytes for ``decode``.

    Guarantee: the indices come back exactly. Values: ``float32`` come back bit for bit; ``float16``
    within ``max(2^-11 |v|, 2^-25)``; ``int8`` with no bias and an error below 1/127 of the largest
    magnitude among the 256 neighbouring entries that share its scale.
    ``is_private`` does not travel: a receiver could not check such a claim.

    Args:
      update: well formed, of at most 2^31 - 1 parameters; on any device.
      values: the format of the values.
      rng: the rounding stream, advanced by k draws for ``int8``; the others draw nothing.
    Raises:
      MalformedUpdate: the update is not well formed, e.g. a value is not finite.
      ValueError: unknown format, size too large, ``int8`` without rng, or a value beyond the range
        of ``float16`` or ``int8`` (nothing is clamped).
    """
    if values not in _FORMATS:
        raise ValueError(f"values must be one of {', '.join(_FORMATS)}, got {values!r}")
    _require_size(update.size)
    require_well_formed(update, size=update.size)
    indices = update.indices.detach().cpu().numpy()
    floats = update.values.detach().cpu().numpy()
    frame = b"".join(
        (
            _HEAD.pack(MAGIC, VERSION, _FORMATS.index(values), _RICE, update.size, indices.size),
            encode_indices(indices, size=update.size),
            encode_values(floats, values=values, rng=rng),
        )
    )
    return frame + _CHECKSUM.pack(zlib.crc32(frame))


def decode(data: bytes, *, size: int, max_entries: int | None = None) -> SparseUpdate:
    """Turns bytes from anyone into a well-formed update, or refuses them.

    Memory is O(size), whatever the bytes claim: they are refused by their length and header before
    anything of their size is made.

    Args:
      data: any bytes.
      size: d, the receiver's own number of parameters, in ``[0, 2^31)``.
      max_entries: the most entries the receiver takes; None for size.
    Returns:
      int64 indices and float32 values on the CPU, never private.
    Raises:
      MalformedUpdate: anything at all is wrong with the bytes.
      ValueError: size or max_entries is out of range.
    """
    _require_size(size)
    limit = size if max_entries is None else max_entries
    if limit < 0:
        raise ValueError(f"max_entries must be >= 0, got {max_entries}")
    values, count = _read_head(data, size=size, limit=limit)
    stop = len(data) - _CHECKSUM.size
    values_start = stop - num_value_bytes(values, count=count)
    if values_start < _HEAD.size:
        raise MalformedUpdate(
            f"an update of {count} {values} entries is cut off: {len(data)} bytes"
        )
    if values_start - _HEAD.size > size // 8 + 3:  # before the checksum reads an endless tail
        raise MalformedUpdate(
            f"an update of {count} {values} entries has {len(data)} bytes, too many"
        )
    view = memoryview(data)
    if zlib.crc32(view[:stop]) != _CHECKSUM.unpack_from(data, stop)[0]:
        raise MalformedUpdate("checksum must match the bytes, it does not; send the update again")
    floats = decode_values(view[values_start:stop], values=values, count=count)
    indices = decode_indices(view[_HEAD.size : values_start], size=size, count=count)
    return SparseUpdate(torch.from_numpy(indices), torch.from_numpy(floats), size)


def _read_head(data: bytes, *, size: int, limit: int) -> tuple[ValueFormat, int]:
    """The value format and count, once every field of the header is one this receiver takes."""
    if len(data) < _HEAD.size + _CHECKSUM.size:
        raise MalformedUpdate(
            f"an update has at least {_HEAD.size + _CHECKSUM.size} bytes, got {len(data)}"
        )
    magic, version, value_format, index_format, told_size, count = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise MalformedUpdate("these bytes are no update: the first two are wrong")
    if version != VERSION:
        raise MalformedUpdate(
            f"version must be {VERSION}, got {version}; both sides need one release"
        )
    if value_format >= len(_FORMATS) or index_format != _RICE:
        raise MalformedUpdate(
            f"value format must be below {len(_FORMATS)} and index format {_RICE}, "
            f"got {value_format} and {index_format}"
        )
    if told_size != size:
        raise MalformedUpdate(f"size must be {size}, the receiver's, got {told_size}")
    if count > min(limit, size):
        raise MalformedUpdate(f"count must be at most {min(limit, size)}, got {count}")
    return _FORMATS[value_format], int(count)


def _require_size(size: int) -> None:
    if not 0 <= size <= LARGEST_SIZE:
        raise ValueError(f"size must be in [0, {LARGEST_SIZE}], got {size}")
