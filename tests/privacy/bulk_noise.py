"""Laplace noise drawn in bulk and handed out in small pieces, for tests of many tiny runs.

One draw of exact noise has a fixed price whatever its size. The law is that of
``tithe.privacy.noise.laplace``; only the order in which words are used up is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tithe.privacy.noise import laplace
from tithe.randomness import RandomBits

AT_ONCE = 1 << 15


def laplace_in_bulk() -> Callable[..., Tensor]:
    """A stand-in for ``laplace`` that keeps unit noise in store."""
    store, place = torch.empty(0, dtype=torch.float64), 0

    def draw(shape: Sequence[int], *, scale: float, bits: RandomBits) -> Tensor:
        nonlocal store, place
        (count,) = shape
        if place + count > len(store):
            store, place = laplace((max(AT_ONCE, count),), scale=1.0, bits=bits), 0
        place += count
        return scale * store[place - count : place]

    return draw
