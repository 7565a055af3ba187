"""The bundled digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from tithe.data.digits import read_digits


def test_all_images_are_there_once_on_a_scale_of_bytes():
    splits = read_digits()
    pixels = load_digits(return_X_y=True)[0]
    both = torch.cat([splits.train.features, splits.test.features]).flatten(1).numpy()
    assert splits.train.features.shape == (1437, 1, 8, 8)
    assert splits.test.features.shape == (360, 1, 8, 8)
    assert both.dtype == np.uint8
    assert both.max() == 255
    back = np.rint(both * (16 / 255))
    assert np.array_equal(np.unique(back, axis=0), np.unique(pixels, axis=0))


def test_the_split_is_by_class_and_always_the_same():
    first, second = read_digits(), read_digits()
    assert torch.equal(first.test.features, second.test.features)
    for data, num_each in ((first.train, 143.7), (first.test, 36)):
        counts = torch.bincount(data.labels, minlength=10).float()
        assert ((counts - num_each).abs() <= 0.03 * num_each + 1).all()


def test_the_constants_are_those_of_the_images():
    pixels = load_digits(return_X_y=True)[0] / 16
    data = read_digits().train
    assert data.mean == pytest.approx((pixels.mean(),), abs=1e-4)
    assert data.std == pytest.approx((pixels.std(),), abs=1e-4)
