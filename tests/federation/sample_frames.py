"""Frames of every kind, for the tests of what reads them."""

from __future__ import annotations

from hypothesis import strategies as st

from tithe.federation.frames import (
    Acknowledgement,
    Agreed,
    Download,
    LedgerMark,
    Offer,
    Refusal,
    RefusalCode,
    Stop,
    Upload,
)

NUMBERS = st.integers(0, 2**32 - 2)
RUNS = st.binary(min_size=16, max_size=16)
DIGESTS = st.binary(min_size=32, max_size=32)
MARKS = st.builds(LedgerMark, st.integers(0, 2**64 - 1), DIGESTS)
ACKNOWLEDGEMENTS = st.builds(Acknowledgement, st.integers(-1, 2**32 - 2), MARKS)
PAYLOADS = st.binary(max_size=100)
FRAMES = st.one_of(
    st.builds(Offer, RUNS, DIGESTS, NUMBERS, st.text(max_size=50)),
    st.builds(Agreed, RUNS, DIGESTS),
    st.builds(
        Download, RUNS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, ACKNOWLEDGEMENTS, PAYLOADS
    ),
    st.builds(
        Upload,
        RUNS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        MARKS,
        PAYLOADS,
        st.binary(min_size=64, max_size=64),
    ),
    st.builds(Refusal, RUNS, NUMBERS, NUMBERS, st.sampled_from(RefusalCode)),
    st.builds(Stop, RUNS),
)


def damaged(body, draws):
    """The bytes cut, lengthened, flipped somewhere, or others; ``draws`` is a random.Random."""
    way = draws.randrange(5)
    if way == 0:
        return body[: draws.randrange(len(body))]
    if way == 1:
        return body + draws.randbytes(draws.randrange(1, 30))
    if way == 2:
        return draws.randbytes(draws.randrange(300))
    if way == 3:
        return body[:4] + draws.randbytes(draws.randrange(300))
    places = [draws.randrange(len(body)) for _ in range(draws.randrange(1, 4))]
    changed = bytearray(body)
    for place in places:
        changed[place] ^= 1 << draws.randrange(8)
    return bytes(changed)
