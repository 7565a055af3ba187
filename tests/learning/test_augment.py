"""Augmentation: every image is one of its own shifts, all equally likely."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.learning.augment import Augmentation


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The slow way: every pixel shows the one ``down`` below and ``right`` of it, or the border."""
    height, width = image.shape[1:]
    rows = [min(max(i + down, 0), height - 1) for i in range(height)]
    columns = [min(max(j + right, 0), width - 1) for j in range(width)]
    return image[:, rows][:, :, columns]


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 0.5), st.booleans())
def test_every_image_is_one_of_its_own_shifts(height: int, width: int, shift: float, flip: bool):
    images = torch.arange(3 * 2 * height * width, dtype=torch.float32).view(3, 2, height, width)
    varied = Augmentation(shift, flip)(images, generator())
    assert varied.shape == images.shape
    up, left = int(shift * height + 1e-9), int(shift * width + 1e-9)
    for image, result in zip(images, varied, strict=True):
        shifts = [
            moved(image, down, right)
            for down in range(-up, up + 1)
            for right in range(-left, left + 1)
        ]
        possible = shifts + [each.flip(2) for each in shifts] if flip else shifts
        assert any(torch.equal(result, each) for each in possible)


def test_images_that_come_in_stay_as_they_are():
    images = torch.rand(4, 1, 8, 8)
    before = images.clone()
    varied = Augmentation(0.25, flip=True)(images, generator())
    assert torch.equal(images, before)
    assert varied.data_ptr() != images.data_ptr()


def test_every_shift_is_equally_likely():
    # One bright pixel in the middle of 5 x 5, shifted by up to 2: 25 places, 25,000 images.
    images = torch.zeros(25_000, 1, 5, 5)
    images[:, :, 2, 2] = 1
    seen = Augmentation(0.4)(images, generator())[:, 0].sum(0).flatten()
    assert seen.sum() == 25_000
    chi_square = float(((seen - 1000) ** 2 / 1000).sum())
    assert chi_square < 80  # 24 degrees of freedom: one false alarm in ten million


def test_half_of_the_images_are_mirrored():
    images = torch.arange(4.0).view(1, 1, 1, 4).expand(10_000, 1, 1, 4)
    mirrored = (Augmentation(0.0, flip=True)(images, generator())[:, 0, 0, 0] == 3).sum()
    assert 4_700 < int(mirrored) < 5_300


def test_the_same_stream_varies_the_same_way():
    images, vary = torch.rand(6, 3, 8, 8), Augmentation(0.25, flip=True)
    assert torch.equal(vary(images, generator(3)), vary(images, generator(3)))
    assert not torch.equal(vary(images, generator(3)), vary(images, generator(4)))


def test_nothing_to_vary_is_false():
    assert not Augmentation()
    assert Augmentation(0.1)
    assert Augmentation(flip=True)


@pytest.mark.parametrize("shift", [-0.1, 0.6, float("nan")])
def test_a_shift_out_of_range_is_refused(shift: float):
    with pytest.raises(ValueError, match=r"shift must be in \[0, 0.5\]"):
        Augmentation(shift)


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(ValueError, match="only images"):
        Augmentation(0.1)(torch.rand(3, 7), generator())
