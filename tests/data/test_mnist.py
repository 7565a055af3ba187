"""MNIST and Fashion-MNIST from their official files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from tests.data.official_files import idx_bytes, images, labels, write_mnist
from tithe.checks import BadInput
from tithe.data.catalogue import official_set
from tithe.data.mnist import hold_mnist, read_mnist

MNIST, FASHION = official_set("mnist"), official_set("fashion-mnist")


@pytest.mark.parametrize("official", [MNIST, FASHION], ids=lambda official: official.name)
@pytest.mark.parametrize("packed", [True, False])
def test_small_official_files_are_read_and_padded(tmp_path, official, packed):
    written = write_mnist(tmp_path, packed=packed)
    splits = read_mnist(official, tmp_path)
    for data, pixels in ((splits.train, written["train"]), (splits.test, written["t10k"])):
        assert data.features.dtype == torch.uint8
        assert data.features.shape == (len(pixels), 1, 32, 32)
        assert np.array_equal(data.features[:, 0, 2:30, 2:30].numpy(), pixels)
        assert int(data.features.sum(dtype=torch.int64)) == int(pixels.sum(dtype=np.int64))
        assert data.labels.tolist() == labels(len(pixels)).tolist()
    assert splits.train.class_names == official.class_names
    assert "20 train and 10 test" in splits.note


def test_the_mean_and_spread_are_the_sets_own():
    assert (MNIST.mean, FASHION.mean) == ((0.1307,), (0.2860,))


def test_labels_of_another_number_are_refused(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(labels(19))))
    with pytest.raises(BadInput, match=r"one label per image, got shape \(19,\) for 20 images"):
        read_mnist(MNIST, tmp_path)


def test_images_of_another_size_are_refused(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(images(10, 27, 28))))
    with pytest.raises(BadInput, match=r"shape \(n, 28, 28\), got \(10, 27, 28\)"):
        read_mnist(MNIST, tmp_path)


def test_a_label_past_nine_is_refused(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.full(20, 10, dtype=np.uint8))))
    with pytest.raises(BadInput, match=r"labels must be in \[0, 10\), got 20 of 20 rows"):
        read_mnist(MNIST, tmp_path)


def test_files_without_rows_are_refused(tmp_path):
    write_mnist(tmp_path, num_test=0)
    with pytest.raises(BadInput, match="at least one row"):
        read_mnist(MNIST, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    holding = hold_mnist(MNIST, tmp_path)
    assert (holding.state, holding.is_usable) == ("partial", False)
    assert holding.missing == ("t10k-labels-idx1-ubyte.gz",)
    with pytest.raises(BadInput, match=r"t10k-labels-idx1-ubyte\.gz must be there"):
        read_mnist(MNIST, tmp_path)


def test_the_official_mnist_has_its_published_counts(data_root):
    folder = data_root / "mnist"
    if not folder.is_dir():
        pytest.skip("TITHE_DATA holds no mnist")
    splits = read_mnist(MNIST, folder)
    # Class counts as published with the official files.
    assert torch.bincount(splits.train.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert torch.bincount(splits.test.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    counts = torch.bincount(splits.train.features[:, :, 2:30, 2:30].flatten(), minlength=256)
    weights, values = counts / counts.sum(), torch.arange(256) / 255
    mean = (weights * values).sum()
    assert float(mean) == pytest.approx(MNIST.mean[0], abs=1e-4)
    std = (weights * (values - mean).square()).sum().sqrt()
    assert float(std) == pytest.approx(MNIST.std[0], abs=1e-4)
