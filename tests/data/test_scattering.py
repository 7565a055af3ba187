"""Scattering: bounded, blind to small shifts, and the sums that its definition says."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.data.official_files import images
from tithe.checks import BadInput
from tithe.data.scattering import count_paths, scatter
from tithe.data.wavelets import largest_gain


def drawn(num, channels, height, width, *, seed=0):
    return torch.rand(
        num, channels, height, width, generator=torch.Generator().manual_seed(seed)
    ).double()


@given(st.integers(8, 21), st.integers(8, 21), st.integers(1, 2), st.integers(0, 3))
def test_every_side_gives_one_value_a_square_and_all_are_finite(height, width, channels, num):
    maps = scatter(drawn(num, channels, height, width), angles=2)
    squares = (math.ceil(height / 4), math.ceil(width / 4))
    assert maps.shape == (num, channels * 9, *squares)
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize(("scales", "angles", "paths"), [(1, 8, 9), (2, 8, 81), (3, 8, 217)])
def test_paths_are_counted_as_they_are_made(scales, angles, paths):
    assert count_paths(scales=scales, angles=angles) == paths
    assert scatter(drawn(1, 1, 16, 16), scales=scales, angles=angles).shape[1] == paths


@given(st.integers(8, 17), st.integers(0, 99), st.floats(0.01, 1.0))
def test_no_image_gains_energy(side, seed, contrast):
    rows = contrast * drawn(3, 1, side, side, seed=seed) - contrast / 2
    seen = functional.pad(rows, (7, 7, 7, 7), mode="reflect").square().sum(dim=(1, 2, 3))
    maps = scatter(rows).square().sum(dim=(1, 2, 3)) * 16  # a value stands for a square of 16
    assert (maps <= seen).all()


@given(st.floats(0.0, 1.0))
def test_an_image_of_one_colour_is_that_colour_and_nothing_else(colour):
    maps = scatter(torch.full((1, 1, 12, 12), colour, dtype=torch.float64), angles=4)
    assert maps[:, 0].numpy() == pytest.approx(colour, abs=1e-12)
    assert maps[:, 1:].abs().max() < 1e-12


def test_contrast_scales_the_maps():
    rows = drawn(2, 1, 16, 16)
    assert torch.allclose(scatter(3 * rows), 3 * scatter(rows))


def test_a_shift_by_half_a_pixel_moves_the_maps_less_than_the_image():
    # A smooth image known everywhere, so that half a pixel can be taken exactly.
    def picture(shift):
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        x = x.double() - shift
        y = y.double()
        wave = 1 + torch.cos(1.9 * x + 0.7 * y)
        return (wave * torch.exp(-((x - 16) ** 2 + (y - 16) ** 2) / 40))[None, None]

    def moved(function):
        here, there = function(picture(0.0)), function(picture(0.5))
        return float((there - here).norm() / here.norm())

    assert moved(lambda rows: rows) > 0.3
    assert moved(scatter) < 0.1


def test_a_row_depends_on_its_own_image_alone_and_always_in_the_same_way():
    rows = torch.from_numpy(images(70, 2, 16, 16))
    maps = scatter(rows)
    assert torch.equal(maps, scatter(rows))
    assert torch.allclose(scatter(rows[40:41]), maps[40:41], atol=1e-6)
    changed = rows.clone()
    changed[3] = 255 - changed[3]
    others = torch.arange(70) != 3
    assert torch.equal(scatter(changed)[others], maps[others])


def test_channels_are_scattered_one_by_one():
    rows = drawn(2, 3, 12, 12)
    each = [scatter(rows[:, k : k + 1], angles=2) for k in range(3)]
    assert torch.allclose(scatter(rows, angles=2), torch.cat(each, dim=1), atol=1e-14)


def test_bytes_are_parts_of_255_and_the_input_is_left_as_it_is():
    rows = torch.from_numpy(images(4, 1, 16, 16))
    before = rows.clone()
    maps = scatter(rows)
    assert maps.dtype == torch.float32
    assert torch.allclose(maps, scatter(rows.double() / 255).float(), atol=1e-5)
    assert torch.equal(rows, before)


def test_half_precision_is_enough_to_keep():
    maps = scatter(torch.from_numpy(images(4, 1, 32, 32)))
    error = (maps.half().float() - maps).norm() / maps.norm()
    assert error < 5e-4


def test_a_tiny_image_by_direct_sums():
    """Every coefficient again, by sums over pixels with wavelets written down in space."""
    image = drawn(1, 1, 8, 12, seed=7)
    angles = 2
    gain = largest_gain(scales=2, angles=angles)
    grid = functional.pad(image, (4, 4, 4, 4), mode="reflect")[0, 0]
    first = {
        (scale, angle): wavelet_modulus(grid, scale=scale, stride=2**scale, angle=angle) / gain
        for scale in range(2)
        for angle in range(angles)
    }
    expected = [blurred(grid, spacing=1)]
    expected += [blurred(values, spacing=2**scale) for (scale, _), values in first.items()]
    for one in range(angles):
        for two in range(angles):
            again = wavelet_modulus(first[0, one], scale=1, stride=2, angle=two) / gain
            expected.append(blurred(again, spacing=2))
    assert torch.allclose(scatter(image, angles=angles)[0], torch.stack(expected), atol=1e-10)


def wavelet_modulus(grid, *, scale, stride, angle, angles=2):
    """|x * psi| at every stride-th sample of a grid that repeats, by plain sums."""
    height, width = grid.shape
    rise, run = math.sin(math.pi * angle / angles), math.cos(math.pi * angle / angles)
    along, across = 0.8 * 2**scale, 0.8 * 2**scale * angles / 4
    y = torch.arange(-4 * height, 4 * height, dtype=torch.float64)[:, None]
    x = torch.arange(-4 * width, 4 * width, dtype=torch.float64)[None, :]
    parallel, crosswise = y * rise + x * run, x * rise - y * run
    window = torch.exp(-((parallel / along).square() + (crosswise / across).square()) / 2)
    window = window / (2 * math.pi * along * across)
    wave = torch.polar(torch.ones_like(parallel), 3 * math.pi / 4 / 2**scale * parallel)
    wavelet = window * (wave - (window * wave).sum() / window.sum())
    wavelet = wavelet.view(8, height, 8, width).sum(dim=(0, 2))
    result = torch.zeros(height // stride, width // stride, dtype=torch.float64)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            total = 0j
            for k in range(height):
                for l in range(width):  # noqa: E741
                    back = wavelet[(i * stride - k) % height, (j * stride - l) % width]
                    total += float(grid[k, l]) * complex(back)
            result[i, j] = abs(total)
    return result


def blurred(grid, *, spacing):
    """The Gaussian mean, of width 1.6 pixels, around the middle of each square of four pixels."""
    result = torch.zeros(2, 3, dtype=torch.float64)
    y = (torch.arange(grid.shape[0]) * spacing - 4).double()[:, None]
    x = (torch.arange(grid.shape[1]) * spacing - 4).double()[None, :]
    for i in range(2):
        for j in range(3):
            away = (y - 4 * i - 1.5) ** 2 + (x - 4 * j - 1.5) ** 2
            weights = torch.exp(-away / (2 * 1.6**2))
            result[i, j] = (weights * grid).sum() / weights.sum()
    return result


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (torch.zeros(2, 1, 8), {}, r"shape \(n, c, h, w\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.int64), {}, "got torch.int64"),
        (torch.zeros(2, 1, 8, 7), {}, "at least 8x8 pixels, got 8x7; take fewer scales"),
        (torch.zeros(2, 1, 8, 8), {"scales": 3}, "at 3 scales takes images of at least 16x16"),
        (torch.zeros(2, 1, 8, 8), {"scales": 0}, "scales must be at least 1, got 0"),
        (torch.zeros(2, 1, 8, 8), {"angles": 0}, "angles must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_scattered_is_refused(rows, settings, said):
    with pytest.raises(BadInput, match=said):
        scatter(rows, **settings)
