"""Words that a test chose, for the corners that chance does not reach."""

from __future__ import annotations

import numpy as np

ALL_ONES = 2**64 - 1


class ScriptedBits:
    """Hands out exactly these words, in order, and fails when it runs out of them."""

    def __init__(self, *words):
        self._words = list(words)

    def words(self, count):
        assert count <= len(self._words)
        some, self._words = self._words[:count], self._words[count:]
        return np.array(some, dtype=np.uint64)
