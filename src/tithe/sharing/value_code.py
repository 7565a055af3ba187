"""The values of an update as bytes, in 4, 2 or about 1 byte each.

=========  =============  ============================================  ===================
format     bytes for k    error of one value v                          bias
=========  =============  ============================================  ===================
float32    4k             none                                          none
float16    2k             at most max(2^-11 |v|, 2^-25): the nearest    rounding, the same
                          half precision number                         every time
int8       k + 4 per 256  less than s = max |v| of its block of 256     none: mean of the
                          entries / 127; variance at most s^2 / 4       decoded value is v
=========  =============  ============================================  ===================

The int8 figures hold up to one rounding to float32 and the 2^-24 resolution of the draws. A block's
scale s comes before the codes; blocks keep one large layer from coarsening the small ones.

Source: stochastic rounding as in Alistarh et al. 2017 (QSGD), with the maximum as the norm.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tithe.sharing.update import MalformedUpdate

ValueFormat = Literal["float32", "float16", "int8"]
Floats = NDArray[np.float32]

BLOCK = 256  # entries that share one int8 scale
_LEVELS = 127
_FLOAT16_LIMIT = 65520.0  # from here on the nearest half precision number is infinity


def num_value_bytes(values: ValueFormat, *, count: int) -> int:
    """How many bytes ``encode_values`` makes of count values."""
    if values == "int8":
        return count + 4 * _num_blocks(count)
    return count * (4 if values == "float32" else 2)


def encode_values(floats: Floats, *, values: ValueFormat, rng: torch.Generator | None) -> bytes:
    """Codes finite float32 values, shape ``(k,)``; only int8 draws from rng.

    Raises:
      ValueError: int8 without rng, or a value too large for the format.
    """
    if values == "int8":
        return _encode_int8(floats, rng=rng)
    if values == "float32":
        return floats.astype("<f4").tobytes()
    num_large = int(np.count_nonzero(np.abs(floats) >= _FLOAT16_LIMIT))
    if num_large:
        raise _too_large("float16", f"{_FLOAT16_LIMIT:.0f}", num_large, floats.size)
    return floats.astype("<f2").tobytes()


def decode_values(data: bytes | memoryview, *, values: ValueFormat, count: int) -> Floats:
    """The values, shape ``(count,)``, from exactly ``num_value_bytes`` bytes.

    Raises:
      MalformedUpdate: a value is not finite, or an int8 code or scale is one no encoder makes.
    """
    if values == "int8":
        floats = _decode_int8(data, count=count)
    else:
        floats = np.frombuffer(data, dtype="<f4" if values == "float32" else "<f2")
        floats = floats.astype(np.float32)
    if not np.isfinite(floats).all():
        raise MalformedUpdate("values must be finite, got one that is not")
    return floats


def _encode_int8(floats: Floats, *, rng: torch.Generator | None) -> bytes:
    if rng is None:
        raise ValueError("rng must be a torch.Generator for values='int8', got None")
    if floats.size == 0:
        return b""
    largest = np.maximum.reduceat(np.abs(floats), np.arange(0, floats.size, BLOCK))
    scales = largest / np.float32(_LEVELS)
    too_small = scales.astype(np.float64) * _LEVELS < largest
    scales = np.where(too_small, np.nextafter(scales, np.float32(np.inf)), scales)
    with np.errstate(over="ignore"):
        num_large = int(np.isinf(scales * np.float32(_LEVELS)).sum())
    if num_large:
        raise _too_large("int8", "3.4e38", num_large, floats.size)
    each = np.repeat(scales, BLOCK)[: floats.size].astype(np.float64)  # (blocks,) -> (k,)
    steps = np.divide(floats, each, out=np.zeros_like(each), where=each > 0)
    draws = torch.rand(floats.size, generator=rng, device=rng.device).cpu().numpy()
    codes = np.minimum(np.floor(steps + draws), _LEVELS)  # P(round up) = fractional part
    return b"".join((scales.astype("<f4").tobytes(), codes.astype(np.int8).tobytes()))


def _decode_int8(data: bytes | memoryview, *, count: int) -> Floats:
    num_blocks = _num_blocks(count)
    scales = np.frombuffer(data, dtype="<f4", count=num_blocks).astype(np.float32)
    codes = np.frombuffer(data, dtype=np.int8, offset=4 * num_blocks)
    if not (np.isfinite(scales) & (scales >= 0)).all():
        raise MalformedUpdate("int8 scales must be finite and >= 0, got one that is not")
    if count and int(codes.min()) < -_LEVELS:
        raise MalformedUpdate(f"int8 codes must be in [-{_LEVELS}, {_LEVELS}], got -128")
    with np.errstate(over="ignore"):  # the caller refuses what overflows
        return codes * np.repeat(scales, BLOCK)[:count]


def _num_blocks(count: int) -> int:
    return -(-count // BLOCK)


def _too_large(values: str, limit: str, num_large: int, count: int) -> ValueError:
    return ValueError(
        f"values must be below {limit} in magnitude for values='{values}', got {num_large} of "
        f"{count} that are not; use values='float32'"
    )
