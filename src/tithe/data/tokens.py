"""From text to token numbers, by a vocabulary that is fixed before anyone's text was read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

VOCABULARY = 8192
LENGTH = 64
PADDING = 0

_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[^\w\s]")


def token_rows(texts: Iterable[str], *, length: int = LENGTH) -> Tensor:
    """One row of token numbers a text, int64 ``(n, length)``; what is longer is cut off.

    A word's number is its hash, so that a text's row depends on that text alone: a vocabulary of
    the words that occur would tell everybody who wrote which of them, and no noise covers that.
    Different words may share a number: in a text of a hundred words, about one of them does.

    Args:
      texts: any; case is ignored. A token is a word or a single sign.
      length: tokens kept of each.
    Source: Weinberger et al. 2009, Feature hashing for large scale multitask learning.
    """
    numbers = [[token_number(word) for word in words_of(text)[:length]] for text in texts]
    rows = np.full((len(numbers), length), PADDING, dtype=np.int64)
    for row, found in zip(rows, numbers, strict=True):
        row[: len(found)] = found
    return torch.from_numpy(rows)


def words_of(text: str) -> list[str]:
    """Its words and signs in order, in small letters."""
    return _TOKEN.findall(text.lower())


@lru_cache(maxsize=2**17)
def token_number(word: str) -> int:
    """The number of a word, in ``[1, VOCABULARY)``; the same for ever and everywhere."""
    digest = hashlib.blake2b(word.encode(), digest_size=8, person=b"tithe-words").digest()
    return 1 + int.from_bytes(digest, "big") % (VOCABULARY - 1)
