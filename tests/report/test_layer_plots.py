"""The report's layer plots: what it draws and what it says."""

from __future__ import annotations

import json

import numpy as np

from tithe.report.layer_plots import flat_vector, layer_by_layer
from tithe.report.layers import layers


def described(sizes: list[int], name: str = "blocks.{}.attention.projection.weight") -> list[dict]:
    stops = np.cumsum(sizes).tolist()
    return [
        {"name": name.format(i), "shape": [size], "start": stop - size, "stop": stop}
        for i, (size, stop) in enumerate(zip(sizes, stops, strict=True))
    ]


def test_layers_of_one_short_name_stay_rows_of_their_own() -> None:
    counts = np.arange(30, dtype=np.float32)
    names = "model.encoder.{}.a.very.long.name.indeed.weight"
    picture = layer_by_layer(counts, layers(counts, described([10] * 3, names)))
    assert len(set(picture.figure.data[0].y)) == 3


def test_a_deep_network_is_drawn_in_part_and_listed_whole() -> None:
    counts = np.ones(1000, dtype=np.float32)
    picture = layer_by_layer(counts, layers(counts, described([10] * 100)))
    assert len(picture.figure.data[0].y) == 80
    assert "The last 20 layers are only in the table." in picture.caption
    assert picture.table is not None
    assert len(picture.table.rows) == 100
    assert picture.height <= 3000


def test_a_large_vector_becomes_a_small_strip() -> None:
    counts = np.random.default_rng(0).poisson(3, 2_000_000).astype(np.float32)
    picture = flat_vector(counts, layers(counts, described([500_000] * 4)))
    assert len(picture.to_json()) < 60_000
    assert len(picture.figure.layout.shapes) == 3


def test_counters_that_are_all_zero_are_drawn_as_never_shared() -> None:
    counts = np.zeros(100, dtype=np.float32)
    picture = layer_by_layer(counts, layers(counts, described([60, 40])))
    assert picture.caption.startswith("100.0")
    assert "null" not in json.dumps(json.loads(picture.to_json())["data"][0]["z"])
