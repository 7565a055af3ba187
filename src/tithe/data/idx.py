"""The IDX format of MNIST and its kin."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tithe.checks import BadInput

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Reads one IDX file of unsigned bytes, plain or gzip (told by its first bytes, not its name).

    The header is big-endian: two zero bytes, the type code, the number of dimensions, then one
    32-bit size per dimension. The sizes are believed only if the bytes that follow are exactly as
    many as they say.

    Raises:
      BadInput: unreadable or damaged file, wrong magic number, or a size that does not fit.
    Source: Y. LeCun, "The MNIST database of handwritten digits", section "File formats".
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise BadInput(
            f"{path}: an IDX file of bytes must start with 00 00 08, got "
            f"{content[:3].hex(' ') or 'nothing'}; this is another format or a damaged file"
        )
    num_dims = content[3]
    start = 4 + 4 * num_dims
    if num_dims == 0 or len(content) < start:
        raise BadInput(
            f"{path}: the IDX header must name its sizes, got {len(content)} bytes in all"
        )
    shape = struct.unpack(f">{num_dims}I", content[4:start])
    expected = math.prod(shape)
    if len(content) - start != expected:
        raise BadInput(
            f"{path}: shape {shape} needs {expected} bytes after the header, got "
            f"{len(content) - start}; fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    """All bytes of the file, unpacked if they are gzip."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == _GZIP_MAGIC else content
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{path}: could not be read as IDX ({error}); the file is damaged or cut short, "
            "fetch it again"
        ) from error
