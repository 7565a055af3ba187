"""Updates the tests of ``sharing`` draw: random, clustered as in training, and for Hypothesis."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from tithe.sharing.update import SparseUpdate

NUM_PARAMETERS = 105_506  # the paper's CNN for MNIST
FLOAT32_MAX = float(np.finfo(np.float32).max)


def random_update(size, count, seed=0):
    draws = np.random.default_rng(seed)
    indices = np.sort(draws.choice(size, count, replace=False))
    values = draws.standard_normal(count).astype(np.float32)
    return SparseUpdate(torch.from_numpy(indices), torch.from_numpy(values), size)


def layered_update(theta, seed=0):
    """The largest of a change whose scale differs by layer and by row, as in a trained CNN."""
    draws = np.random.default_rng(seed)
    layers = {(32, 25): 3.0, (64, 800): 1.0, (200, 256): 0.5, (10, 200): 2.0, (1, 306): 2.0}
    change = np.concatenate(
        [
            (scale * draws.lognormal(0, 0.7, (rows, 1)) * draws.standard_normal((rows, columns)))
            for (rows, columns), scale in layers.items()
        ],
        axis=None,
    )
    assert change.size == NUM_PARAMETERS
    count = round(theta * change.size)
    indices = np.sort(np.argsort(-np.abs(change))[:count])
    values = change[indices].astype(np.float32)
    return SparseUpdate(torch.from_numpy(indices), torch.from_numpy(values), change.size)


@st.composite
def supports(draw, max_size=3000):
    """Which coordinates an update has: any density, in clusters or not; (size, indices)."""
    size = draw(st.integers(0, max_size))
    seed = draw(st.integers(0, 2**32 - 1))
    density = draw(st.sampled_from([0.0, 0.001, 0.03, 0.3, 0.5, 0.7, 0.99, 1.0]))
    run = draw(st.sampled_from([1, 7, 90]))
    draws = np.random.default_rng(seed)
    densities = np.repeat(draws.beta(0.3, 0.3, size // run + 1), run)[:size]
    is_in = draws.random(size) < (density if run == 1 else densities * density)
    return size, np.flatnonzero(is_in)


@st.composite
def updates(draw, limit=FLOAT32_MAX):
    size, indices = draw(supports())
    scale = draw(st.sampled_from([1e-42, 1e-9, 1e-3, 1.0, limit]))
    draws = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = (scale * draws.uniform(-1, 1, indices.size)).astype(np.float32)
    if indices.size:
        special = st.sampled_from([0.0, -0.0, limit, -limit, 1e-45])
        values[draw(st.integers(0, indices.size - 1))] = draw(special)
    return SparseUpdate(torch.from_numpy(indices), torch.from_numpy(values), size)
