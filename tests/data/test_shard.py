"""The rows of one participant."""

from __future__ import annotations

import pytest
import torch

from tests.data.official_files import images
from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard

HALF = Normalisation("constants", (0.5,), (0.5,))


@pytest.fixture
def data():
    features = torch.from_numpy(images(50, 1, 32, 32))
    return Dataset("own", features, torch.arange(50) % 10, tuple("0123456789"))


def test_tensors_are_the_rows_in_order(data):
    rows = torch.tensor([3, 40, 17])
    x, y = Shard(data, rows, HALF).tensors()
    assert x.shape == (3, 1, 32, 32)
    assert torch.allclose(x, data.features[rows] / 127.5 - 1, atol=1e-6)
    assert y.tolist() == [3, 0, 7]


def test_every_call_gives_fresh_tensors(data):
    shard = Shard(data, torch.tensor([1, 2]), HALF)
    x, y = shard.tensors()
    x.zero_()
    y.zero_()
    again, labels = shard.tensors()
    assert again.abs().max() > 0
    assert labels.tolist() == [1, 2]


def test_own_statistics_are_those_of_the_shard(data):
    x, _ = Shard(data, torch.arange(7), Normalisation("own")).tensors()
    assert float(x.mean()) == pytest.approx(0, abs=1e-5)
    assert float(x.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_shards_share_one_copy_of_the_data(data):
    shards = [Shard(data, torch.tensor([row]), HALF) for row in range(50)]
    assert {shard.data.features.data_ptr() for shard in shards} == {data.features.data_ptr()}
    assert [len(shard) for shard in shards] == [1] * 50


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (torch.tensor([], dtype=torch.int64), "at least one row, got none"),
        (torch.tensor([50]), r"in \[0, 50\), got 50\.\.50"),
        (torch.tensor([-1, 3]), r"got -1\.\.3"),
        (torch.tensor([0.0]), "int64 of shape"),
        (torch.tensor([[0]]), "int64 of shape"),
    ],
)
def test_rows_that_do_not_exist_are_refused(data, rows, said):
    with pytest.raises(ValueError, match=said):
        Shard(data, rows, HALF)


def fingerprint_of(data, *rows):
    return Shard(data, torch.tensor(rows), HALF).fingerprint()


def test_the_same_rows_have_the_same_fingerprint(data):
    copy = Dataset("another name", data.features.clone(), data.labels.clone(), data.class_names)
    assert fingerprint_of(data, 3, 40) == fingerprint_of(copy, 3, 40)
    assert len(fingerprint_of(data, 3)) == 64
    # How they are normalised is no part of them.
    assert Shard(data, torch.tensor([3]), Normalisation("own")).fingerprint() == fingerprint_of(
        data, 3
    )


def test_the_fingerprint_is_of_these_rows_wherever_they_stand_in_the_set(data):
    part = Dataset("part", data.features[[3, 40]], data.labels[[3, 40]], data.class_names)
    assert fingerprint_of(part, 0, 1) == fingerprint_of(data, 3, 40)


def test_other_rows_values_or_labels_have_another_fingerprint(data):
    features, labels = data.features.clone(), data.labels.clone()
    features[3, 0, 0, 0] += 1
    labels[3] = 9
    brighter = Dataset("own", features, data.labels, data.class_names)
    relabelled = Dataset("own", data.features, labels, data.class_names)
    as_floats = Dataset("own", data.features.float(), data.labels, data.class_names)
    reshaped = Dataset("own", data.features.view(50, 1, 16, 64), data.labels, data.class_names)
    prints = {
        fingerprint_of(each, 3, 40) for each in (data, brighter, relabelled, as_floats, reshaped)
    }
    prints |= {fingerprint_of(data, *rows) for rows in ((3,), (40, 3), (3, 41), (3, 3, 40))}
    assert len(prints) == 9
