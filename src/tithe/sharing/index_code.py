"""A set of coordinates as bytes: Rice-coded gaps, with a parameter that follows the clusters.

The coordinates ``i_0 < i_1 < ...`` become the gaps ``g_j = i_j - i_{j-1} - 1`` (``i_{-1} = -1``).
A gap with parameter r is its quotient ``g >> r`` in unary and its r low bits as they are. For a
random set this lies less than 3 % above the entropy bound ``log2 C(d, k)`` at every density, plus
at most 20 bits. The sets that training picks are clustered, so every chunk of ``2^e`` gaps has its
own r; the encoder takes the e that costs least, and a real update of a small theta_u then needs
half to two thirds of that bound. If more than half of the coordinates are there, the absent ones
are coded instead; none or all of them need no byte. All of it is integer arithmetic.

Layout: one byte ``e << 3 | w``, then one run of bits, the first bit highest, zero-padded to whole
bytes: the parameters of the chunks as w bit planes, lowest first; the low bits of the gaps as bit
planes (plane b has one bit for each gap with r > b); the quotients in unary (zeros, then a one).

Source: Golomb 1966; Rice & Plaunt 1971. Figures: ``benchmarks/codec.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tithe.sharing.update import MalformedUpdate

Integers = NDArray[np.int64]
Bits = NDArray[np.uint8]

_SMALLEST_EXPONENT = 4  # chunks of 16 gaps: below that the parameters cost more than they save


def encode_indices(indices: Integers, *, size: int) -> bytes:
    """Codes strictly ascending indices in ``[0, size)``; size and count are the receiver's to know.

    Args:
      indices: shape ``(k,)``, int64, strictly ascending, in ``[0, size)``.
      size: d, below 2^31.
    """
    coded = _complement(indices, size) if 2 * indices.size > size else indices
    if coded.size == 0:
        return b""
    gaps = np.diff(coded, prepend=-1) - 1
    exponent, parameters = _cheapest_parameters(gaps)
    width = int(parameters.max()).bit_length()
    low_bits = _of_each_gap(parameters, exponent, gaps.size)
    ends = np.cumsum((gaps >> low_bits) + 1)
    unary = np.zeros(ends[-1], dtype=np.uint8)
    unary[ends - 1] = 1
    chunk_planes = [_plane(parameters, bit) for bit in range(width)]
    gap_planes = [_plane(gaps[low_bits > bit], bit) for bit in range(int(parameters.max()))]
    bits = np.concatenate([*chunk_planes, *gap_planes, unary])
    return bytes([exponent << 3 | width]) + np.packbits(bits).tobytes()


def decode_indices(data: bytes | memoryview, *, size: int, count: int) -> Integers:
    """The indices that ``encode_indices`` coded, shape ``(count,)``, using memory O(size).

    Args:
      data: any bytes.
      size: d, below 2^31.
      count: k, in ``[0, size]``.
    Raises:
      MalformedUpdate: these bytes are no code of ``count`` indices in ``[0, size)``.
    """
    num_coded = min(count, size - count)
    coded = _decode_gaps(data, size=size, count=num_coded) if num_coded else _none(data)
    return _complement(coded, size) if 2 * count > size else coded


def _decode_gaps(data: bytes | memoryview, *, size: int, count: int) -> Integers:
    if not 2 <= len(data) <= size // 8 + 3:  # the encoder never needs more than a bitmap
        raise MalformedUpdate(
            f"index bytes must be 2 to {size // 8 + 3} for size {size}, got {len(data)}"
        )
    exponent, width = data[0] >> 3, data[0] & 7
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8, offset=1))
    num_chunks = (count - 1 >> exponent) + 1
    if width > 5 or width * num_chunks > bits.size:
        raise MalformedUpdate(f"index code is cut off: {num_chunks} parameters of {width} bits")
    parameters = np.zeros(num_chunks, dtype=np.int64)
    for bit in range(width):
        parameters |= bits[bit * num_chunks : (bit + 1) * num_chunks].astype(np.int64) << bit
    most = int(parameters.max())
    if 1 << most > size:
        raise MalformedUpdate(f"index parameter must have 2^r <= size {size}, got r = {most}")
    low_bits = _of_each_gap(parameters, exponent, count)
    remainders, used = _remainders(bits, low_bits, parameters, start=width * num_chunks)
    ends = np.flatnonzero(bits[used:].view(np.bool_))  # as truth values they are found faster
    if ends.size != count or bits.size - used - (int(ends[-1]) + 1) >= 8:
        raise MalformedUpdate(f"index code must hold {count} quotients and end there, it does not")
    quotients = np.diff(ends, prepend=-1) - 1
    # No overflow: sum of quotients <= 8 * len(data), 2^r <= size < 2^31, count <= size / 2.
    indices = np.cumsum((quotients << low_bits) + remainders + 1) - 1
    if int(indices[-1]) >= size:
        raise MalformedUpdate(f"indices must be in [0, {size}), got one outside")
    return indices


def _remainders(
    bits: Bits, low_bits: Integers, parameters: Integers, *, start: int
) -> tuple[Integers, int]:
    """The low bits of every gap as numbers, from the planes at ``start``, and where these end."""
    least, most = int(parameters.min()), int(parameters.max())
    remainders = np.zeros(low_bits.size, dtype=np.int64)
    for bit in range(most):
        # A plane in which every gap has a bit needs no positions, and most planes are such.
        in_plane = slice(None) if bit < least else np.flatnonzero(low_bits > bit)
        num_bits = low_bits.size if isinstance(in_plane, slice) else in_plane.size
        plane = bits[start : start + num_bits]
        if plane.size < num_bits:
            raise MalformedUpdate(f"index code is cut off in bit plane {bit} of {most}")
        remainders[in_plane] |= plane.astype(np.int64) << bit
        start += num_bits
    return remainders, start


def _cheapest_parameters(gaps: Integers) -> tuple[int, Integers]:
    """The chunk exponent and the Rice parameter of each chunk that need the fewest bits."""
    starts = np.arange(0, gaps.size, 1 << _SMALLEST_EXPONENT)
    gaps_each = np.diff(starts, append=gaps.size)
    num_choices = max(1, int(gaps.max()).bit_length())  # beyond it every quotient is 0 anyway
    costs = np.empty((num_choices, starts.size), dtype=np.int64)
    shifted = gaps.copy()
    for r in range(num_choices):
        costs[r] = np.add.reduceat(shifted, starts) + (1 + r) * gaps_each
        shifted >>= 1
    exponent = _SMALLEST_EXPONENT
    best_cost, best = -1, (exponent, np.zeros(0, dtype=np.int64))
    while True:
        parameters = costs.argmin(axis=0)
        width = int(parameters.max()).bit_length()
        cost = int(costs.min(axis=0).sum()) + width * parameters.size
        if best_cost < 0 or cost < best_cost:
            best_cost, best = cost, (exponent, parameters)
        if parameters.size == 1:
            return best
        odd = costs.shape[1] % 2
        costs = np.pad(costs, ((0, 0), (0, odd))).reshape(num_choices, -1, 2).sum(axis=2)
        exponent += 1


def _plane(numbers: Integers, bit: int) -> Bits:
    return (numbers >> bit & 1).astype(np.uint8)


def _of_each_gap(parameters: Integers, exponent: int, count: int) -> Integers:
    each: Integers = parameters[np.arange(count) >> exponent]  # (chunks,) -> (count,)
    return each


def _complement(indices: Integers, size: int) -> Integers:
    absent = np.ones(size, dtype=np.bool_)
    absent[indices] = False
    return np.flatnonzero(absent)


def _none(data: bytes | memoryview) -> Integers:
    if len(data):
        raise MalformedUpdate(f"index bytes must be 0 for none or all indices, got {len(data)}")
    return np.zeros(0, dtype=np.int64)
