"""Layers: how the counters spread over the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tithe.checks import BadInput
from tithe.report.layers import binned, layers, read_counts


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.integers(1, 100))
def test_cells_are_means_of_their_stretches(counts: list[int], num_cells: int) -> None:
    vector = np.array(counts, dtype=np.float32)
    cells = binned(vector, num_cells=num_cells)
    assert cells.shape == (num_cells,)
    assert cells.min() >= vector.min() - 1e-6
    assert cells.max() <= vector.max() + 1e-6
    if num_cells == len(counts):
        assert np.allclose(cells, vector)
    if len(counts) % num_cells == 0:
        assert np.allclose(cells, vector.reshape(num_cells, -1).mean(1))


def test_a_short_layer_is_stretched() -> None:
    cells = binned(np.array([1.0, 5.0], dtype=np.float32), num_cells=6)
    assert cells.tolist() == [1, 1, 1, 5, 5, 5]


def test_layers_by_hand() -> None:
    counts = np.array([0, 0, 3, 1, 4], dtype=np.float32)
    described = [
        {"name": "weight", "shape": [3], "start": 0, "stop": 3},
        {"name": "nothing", "shape": [0], "start": 3, "stop": 3},
        {"name": "bias", "shape": [2], "start": 3, "stop": 5},
    ]
    weight, bias = layers(counts, described)
    assert (weight.mean, weight.highest, weight.never) == (1.0, 3.0, pytest.approx(2 / 3))
    assert (bias.name, bias.mean, bias.never, bias.num_parameters) == ("bias", 2.5, 0.0, 2)


def test_a_vector_without_described_layers_is_one_layer() -> None:
    (whole,) = layers(np.ones(7, dtype=np.float32), [])
    assert (whole.start, whole.stop, whole.mean) == (0, 7, 1.0)


def test_layers_of_another_run_are_refused() -> None:
    described = [{"name": "weight", "shape": [9], "start": 0, "stop": 9}]
    with pytest.raises(BadInput, match="different runs"):
        layers(np.ones(7, dtype=np.float32), described)


def test_counters_that_are_not_there_yet_are_none(tmp_path: Path) -> None:
    assert read_counts(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        {"other": np.ones(3, dtype=np.float32)},
        {"counts": np.ones((3, 3), dtype=np.float32)},
        {"counts": np.array([1, np.nan], dtype=np.float32)},
    ],
)
def test_damaged_counters_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "counters.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file(content, path)
    with pytest.raises(BadInput, match="is damaged"):
        read_counts(tmp_path)
