"""Synthetic rows between neighbours on a line, of which one record touches a number known before.

Ordinary SMOTE joins a row with the nearest of its class, and one record more can change whose
nearest is whose everywhere. Here the rows of a class stand in one order that no row decides for
another, and only rows next to each other are joined. So a record that comes takes away the rows
between its two neighbours and brings those beside itself, and that is all it does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.balance import Touched

_LARGEST_WEIGHT = 2**20  # times float32's 24 bits is exact in float64, and a row's sum in int64
_BLOCK = 1024  # rows that are widened at a time


def rows_between(counts: Sequence[float], *, most_times: int) -> tuple[int, ...]:
    """How many new rows stand between two neighbours of each class: c, a whole number >= 0.

    A class that may grow k times, k being the largest count over its own rounded down, at most
    ``most_times``, has k - 1 of them. So it grows to nearly k times its rows.

    Args:
      counts: rows of each class, or numbers in proportion to them, >= 0.
      most_times: >= 1.
    """
    largest = max(counts)
    rounding = 1e-9  # proportions such as 0.3 and 0.1 stand in it three times
    return tuple(
        min(most_times, math.floor(largest / count + rounding)) - 1 if count > 0 else 0
        for count in counts
    )


def touched_by_one(between: Sequence[int]) -> Touched:
    """How many rows one record touches at most, with so many new rows between neighbours.

    Guarantee: of any rows, and the same rows without one of them, grown by :func:`line_rows` with
    the same weights: those with the record have at most ``brought`` rows that those without
    it have not, and those without it at most ``taken`` that those with it have not. Proof: the
    order of a class is total and depends on two rows alone, so the record stands between the two
    that are next to each other without it, a and b. New rows depend on their two ends alone. So
    the c rows between a and b go, and the record comes with c rows on either side: 1 + 2c. At an
    end of the line it comes with c and takes none; with no other row of its class it comes alone.
    Other classes stay as they are. Which class a record has is hidden too, so c is the most of any.
    """
    most = max(between)
    return Touched(brought=1 + 2 * most, taken=most)


def line_rows(
    features: Tensor, labels: Tensor, *, between: Sequence[int], rng: torch.Generator, name: str
) -> tuple[Tensor, Tensor]:
    """New rows of each class, evenly spaced between each two rows that are neighbours on a line.

    The line is a direction with whole-number coordinates drawn from ``rng``; a row's place on it is
    its product with them. Rows at one place are in the order of their bytes. Between neighbours a
    and b are ``a + j / (c + 1) * (b - a)`` for j = 1 ... c; pixels are rounded.

    Guarantee: :func:`touched_by_one`. It needs that a row's place does not depend on any other row,
    not even in the last bit: products are exact, and their sum is exact for pixels and rounded once
    for others, whatever the order it was added up in. What is drawn depends on the size of a row
    alone, and nothing else is left to chance.

    Args:
      features: shape ``(n, ...)``, uint8 or float32.
      labels: shape ``(n,)``, int64.
      between: c of each class, >= 0.
      rng: of the direction, which may be public; advanced.
      name: how messages call the data.
    Returns:
      New features ``(m, ...)`` and labels ``(m,)``, m >= 0, of the same types; a class of n rows
      has c * (n - 1) of them.
    Raises:
      BadInput: rows that are no numbers.
    """
    if features.dtype == torch.int64:
        raise BadInput(
            f'{name}: balance.method = "line_smote" needs rows of numbers, got tokens, between '
            'which there is nothing; use "class_weights" or "oversample"'
        )
    rows = features.flatten(1)
    direction = torch.randint(
        -_LARGEST_WEIGHT, _LARGEST_WEIGHT + 1, (rows.shape[1],), generator=rng
    )
    parts, new_labels = [rows[:0]], [labels[:0]]
    for label, number in enumerate(between):
        own = rows[labels == label]
        if number and len(own) > 1:
            made = _between_neighbours(own[_order(own, direction)], number)
            parts.append(made)
            new_labels.append(torch.full((len(made),), label, dtype=torch.int64))
    return torch.cat(parts).reshape(-1, *features.shape[1:]), torch.cat(new_labels)


def _order(rows: Tensor, direction: Tensor) -> Tensor:
    """The numbers of the rows along the direction; rows at one place by their bytes."""
    place = places_on_line(rows, direction)
    order = np.argsort(place, kind="stable")
    is_new = place[order][1:] != place[order][:-1]
    ends = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(order)]
    stored = rows.numpy()
    for start, end in itertools.pairwise(ends):
        if end - start > 1:
            tied = sorted(order[start:end].tolist(), key=lambda row: stored[row].tobytes())
            order[start:end] = tied
    return torch.from_numpy(order)


def places_on_line(rows: Tensor, direction: Tensor) -> NDArray[np.int64] | NDArray[np.float64]:
    """The product of each row with the direction, by itself to the last bit.

    Args:
      rows: shape ``(n, d)``, uint8 or float32.
      direction: shape ``(d,)``, int64, each at most 2**20 in size.
    Returns:
      Shape ``(n,)``, int64 for pixels, else float64.
    """
    blocks = rows.split(_BLOCK)
    if rows.dtype == torch.uint8:
        return np.concatenate([(block.long() @ direction).numpy() for block in blocks])
    return np.array(
        [math.fsum(row) for block in blocks for row in (block.double() * direction).tolist()]
    )


def _between_neighbours(rows: Tensor, number: int) -> Tensor:
    """So many rows, evenly spaced, between each row and the next, shape ``(number * (n - 1), d)``.

    Every value is worked out by itself from the two values it lies between.
    """
    parts, gaps = [], number + 1
    for step in range(1, gaps):
        if rows.dtype == torch.uint8:
            whole = rows.int()
            mixed = (gaps - step) * whole[:-1] + step * whole[1:]
            parts.append(((mixed + gaps // 2) // gaps).to(torch.uint8))
        else:
            exact = rows.double()
            parts.append((exact[:-1] + step / gaps * (exact[1:] - exact[:-1])).to(rows.dtype))
    return torch.cat(parts)
