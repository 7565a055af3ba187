"""An exponential variable drawn exactly, by comparing uniform words and by nothing else.

No logarithm and no rounding decides any digit. In one trial, words u_1, u_2, ... are drawn for as
long as they fall. The number n of words that fell satisfies P(n >= j | u_1 = x) = x^(j-1)/(j-1)!,
so that P(n is odd | x) = 1 - x + x^2/2 - ... = exp(-x): a trial that ends after an odd number has
drawn its u_1 with density exp(-x) on [0, 1). A trial fails with probability 1/e, whatever came
before it, so the number of failures before a success is a geometric variable independent of u_1,
and (failures + u_1) is exponential with mean 1.

A trial's real u_1 is known to 64 binary digits. Two words that agree in all of them are told apart
by a fair coin; the law is then exact but for an event of probability below 2^-120 a value (three
words of one trial agree), far below what AES-256 itself promises.

The time a draw takes depends on the words, hence a little on the noise: this is not constant time.

Source: von Neumann 1951, "Various techniques used in connection with random digits"; the same
comparisons digit by digit are in Karney 2016, "Sampling exactly from the normal distribution".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tithe.randomness import RandomBits

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Truths = NDArray[np.bool_]

_TRIALS = 1 << 15  # at once, so that a trial's words stay in the processor's cache
_TRIALS_PER_VALUE = 1.6  # a little more than 1 / (1 - 1/e)


def exponentials(count: int, *, bits: RandomBits) -> tuple[Integers, Words]:
    """Independent exponential variables of mean 1: their whole parts and 64 digits of the rest.

    Value i lies in ``[whole[i] + rest[i] / 2^64, whole[i] + (rest[i] + 1) / 2^64)``; the m leading
    digits of the rest are exact for every m, so ``floor(2^m * value)`` has the law
    ``P(x) = (1 - q) q^x`` with ``q = exp(-2^-m)``.
    """
    wholes, rests = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    missing, failures = count, 0
    while missing:
        first, has_succeeded = _trials(min(_TRIALS, int(_TRIALS_PER_VALUE * missing) + 16), bits)
        at = np.flatnonzero(has_succeeded)[:missing]
        if at.size < missing:
            last = int(at[-1]) if at.size else -1 - failures
            carried = first.size - 1 - last
        else:
            carried = 0
        wholes.append(np.diff(at, prepend=-1 - failures) - 1)
        rests.append(first[at])
        missing, failures = missing - at.size, carried
    return np.concatenate(wholes), np.concatenate(rests)


def coins(count: int, *, bits: RandomBits) -> Truths:
    """Independent fair coins, shape ``(count,)``."""
    words = bits.words(-(-count // 64))
    return np.unpackbits(words.view(np.uint8), count=count).view(np.bool_)


def _trials(count: int, bits: RandomBits) -> tuple[Words, Truths]:
    """The first word of each trial, and whether the trial ended after an odd number of words."""
    first = bits.words(count)
    has_succeeded = np.ones(count, dtype=np.bool_)
    still = np.arange(count)
    last = first
    while still.size:
        word = bits.words(still.size)
        falls = _falls(word, last, bits)
        still, last = still[falls], word[falls]
        has_succeeded[still] ^= True
    return first, has_succeeded


def _falls(word: Words, last: Words, bits: RandomBits) -> Truths:
    falls = word < last
    tied = np.flatnonzero(word == last)
    if tied.size:
        falls[tied] = coins(tied.size, bits=bits)
    return falls
