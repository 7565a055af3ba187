"""Indices come back exactly, in few bits: near the entropy bound, or below it in clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from scipy.special import gammaln

from tests.sharing.sample_updates import NUM_PARAMETERS, layered_update, random_update, supports
from tithe.sharing.index_code import decode_indices, encode_indices

FRAME_BYTES = 17  # what the codec adds: header and checksum


@given(supports())
def test_indices_come_back(support):
    size, indices = support
    data = encode_indices(indices, size=size)
    back = decode_indices(data, size=size, count=indices.size)
    assert back.dtype == np.int64
    assert np.array_equal(back, indices)


@given(supports())
def test_indices_never_need_more_than_a_bitmap(support):
    size, indices = support
    assert len(encode_indices(indices, size=size)) <= size // 8 + 3


def bound_in_bits(size, count):
    """log2 C(size, count): what the indices of a random update need on average at least."""
    nats = gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1)
    return nats / math.log(2)


def index_bits(update):
    return 8 * len(encode_indices(update.indices.numpy(), size=update.size))


@pytest.mark.parametrize("theta", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("seed", range(5))
def test_random_indices_lie_within_5_percent_of_the_bound(theta, seed):
    count = round(theta * NUM_PARAMETERS)
    bits = index_bits(random_update(NUM_PARAMETERS, count, seed))
    bound = bound_in_bits(NUM_PARAMETERS, count)
    assert bits <= 1.05 * bound
    if theta >= 0.01:
        assert bits + 8 * FRAME_BYTES <= 1.05 * bound


@pytest.mark.parametrize("density", [0.02, 0.25, 0.36, 0.382, 0.5, 0.64, 0.9, 0.99])
def test_dense_indices_lie_within_3_percent_of_the_bound(density):
    count = round(density * NUM_PARAMETERS)
    bits = index_bits(random_update(NUM_PARAMETERS, count))
    assert bits <= 1.03 * bound_in_bits(NUM_PARAMETERS, count)


@pytest.mark.parametrize(("theta", "share"), [(0.1, 1.0), (0.01, 0.8), (0.001, 0.8)])
def test_clustered_indices_need_less_than_the_bound_of_random_ones(theta, share):
    update = layered_update(theta)
    assert index_bits(update) <= share * bound_in_bits(NUM_PARAMETERS, len(update))
