"""Values come back as promised: exact, the nearest half, or right on average."""

from __future__ import annotations

import math
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tests.sharing.sample_updates import random_update, updates
from tithe.sharing.codec import decode, encode
from tithe.sharing.update import SparseUpdate
from tithe.sharing.value_code import BLOCK, encode_values, num_value_bytes

FALSE_ALARM = 1e-6


@given(updates(limit=65_519.0))
def test_float16_comes_back_as_the_nearest(update):
    data = encode(update, values="float16", rng=None)
    back = decode(data, size=update.size)
    assert torch.equal(back.indices, update.indices)
    error = (back.values.double() - update.values.double()).abs()
    assert bool((error <= (update.values.double().abs() * 2**-11).clamp(min=2**-25)).all())
    assert encode(back, values="float16", rng=None) == data


@given(updates(limit=1e38), st.integers(0, 2**32 - 1))
def test_int8_errs_by_less_than_one_step_of_its_block(update, seed):
    data = encode(update, values="int8", rng=torch.Generator().manual_seed(seed))
    back = decode(data, size=update.size)
    assert torch.equal(back.indices, update.indices)
    for start in range(0, len(update), BLOCK):
        values = update.values[start : start + BLOCK].double()
        error = (back.values[start : start + BLOCK].double() - values).abs()
        step = float(values.abs().max()) / 127 * (1 + 2**-22) + 1.5e-45  # one float32 rounding
        assert float(error.max()) <= step
        assert bool((back.values[start : start + BLOCK][values == 0] == 0).all())


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
@pytest.mark.parametrize(("values", "expected"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_value_bytes_by_hand(count, values, expected, rng):
    scales = 4 * math.ceil(count / 256) if values == "int8" else 0
    data = encode_values(random_update(1000, count).values.numpy(), values=values, rng=rng)
    assert len(data) == num_value_bytes(values, count=count) == expected * count + scales


def test_int8_by_hand(rng):
    # 63.5 / 127 is exactly 1/2, a multiple of which each value is, so chance rounds nothing.
    values = torch.tensor([63.5, 0.0, -63.5, 1.5])
    data = encode_values(values.numpy(), values="int8", rng=rng)
    assert data == struct.pack("<f4b", 0.5, 127, 0, -127, 3)


def test_int8_rounding_is_unbiased(rng):
    values = torch.linspace(-1, 1, BLOCK)
    repeats = 2000
    update = SparseUpdate(torch.arange(BLOCK), values, BLOCK)
    back = torch.stack(
        [
            decode(encode(update, values="int8", rng=rng), size=BLOCK).values.double()
            for _ in range(repeats)
        ]
    )
    step = 1 / 127
    fraction = (values.double() / step) % 1
    stddev = step * (fraction * (1 - fraction)).sqrt()  # of one rounding
    is_random = stddev > 1e-4 * step
    weight = torch.sign(torch.randn(BLOCK, generator=rng)).double()

    def p_value(mean_error):
        """Two-sided, for signs drawn beforehand, so that no pattern of bias cancels out."""
        spread = float((stddev[is_random].square().sum() / repeats).sqrt())
        z = float((weight * mean_error)[is_random].sum()) / spread
        return 2 * norm.sf(abs(z))

    error = back.mean(dim=0) - values.double()
    nearest = torch.round(values.double() / step) * step - values.double()
    assert p_value(error) > FALSE_ALARM
    assert p_value(nearest) < FALSE_ALARM  # rounding to the nearest would be seen
    assert p_value(error + weight * 0.01 * step) < FALSE_ALARM  # and so would 1 % of a step
    observed = back.var(dim=0)[is_random].mean()
    assert float(observed / stddev[is_random].square().mean()) == pytest.approx(1, abs=0.05)


def test_int8_needs_a_stream():
    with pytest.raises(ValueError, match="rng must be"):
        encode(random_update(10, 3), values="int8", rng=None)


@pytest.mark.parametrize(("values", "limit"), [("float16", 65_520.0), ("int8", 3.4028235e38)])
def test_a_value_beyond_the_format_is_refused_not_clamped(values, limit, rng):
    update = SparseUpdate(torch.tensor([1, 2]), torch.tensor([1.0, -limit]), 4)
    with pytest.raises(ValueError, match="use values='float32'"):
        encode(update, values=values, rng=rng)
    below = update.with_values(update.values * 0.999)
    assert len(decode(encode(below, values=values, rng=rng), size=4)) == 2
