"""Named streams of random numbers, so that adding a draw in one place moves no draw in another."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, *, purpose: str, participant: int = -1, turn: int = -1) -> torch.Generator:
    """A CPU generator whose state depends on exactly these names.

    The engines, the examples and a resumed run agree because they ask for the same names, not
    because they draw in the same order. For simulation only: who knows the seed knows the draws.

    Args:
      seed: the run's seed, any integer.
      purpose: what the draws are for, e.g. ``"batches"`` or ``"mask"``.
      participant: whose draws; -1 if nobody's in particular.
      turn: that participant's turn; -1 if none in particular.
    """
    names = f"tithe|{seed}|{purpose}|{participant}|{turn}".encode()
    digest = hashlib.sha256(names).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
