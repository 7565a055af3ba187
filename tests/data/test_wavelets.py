"""Wavelets see no constant, look one way, and add no energy."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.data.wavelets import blur_width, largest_gain, wavelet_spectra


@given(st.integers(4, 20), st.integers(4, 20), st.integers(0, 2), st.integers(1, 8))
def test_a_wavelet_vanishes_on_constants(height, width, scale, angles):
    spectra = wavelet_spectra((height, width), scale=scale, angles=angles)
    assert spectra.shape == (angles, height, width)
    assert spectra[:, 0, 0].abs().max() < 1e-15


@pytest.mark.parametrize(("scales", "angles"), [(1, 1), (1, 8), (2, 4), (2, 8), (3, 8)])
def test_wavelets_and_blur_together_give_back_at_most_the_energy(scales, angles):
    gain = largest_gain(scales=scales, angles=angles)
    shape = (48, 40)  # not the grid on which the gain was looked for
    blur = gaussian_by_hand(shape, blur_width(scales))
    total = blur.square()
    for scale in range(scales):
        energy = (wavelet_spectra(shape, scale=scale, angles=angles) / gain).square().sum(dim=0)
        total += (energy + energy.flip(0, 1).roll((1, 1), dims=(0, 1))) / 2
    assert total.max() < 1 + 2e-3
    assert total.max() > 0.99  # and no smaller gain would do


def gaussian_by_hand(shape, width):
    """The spectrum of a sampled Gaussian, by summing it up in space; 1 at frequency 0."""
    lines = []
    for side in shape:
        pixels = torch.arange(-40, 41, dtype=torch.float64)
        weights = torch.exp(-(pixels / width).square() / 2)
        omega = 2 * math.pi * torch.fft.fftfreq(side, dtype=torch.float64)
        lines.append((torch.cos(omega[:, None] * pixels) * weights).sum(dim=1) / weights.sum())
    return lines[0][:, None] * lines[1][None, :]


@pytest.mark.parametrize(("scale", "line"), [(0, 24), (1, 12), (2, 6)])
def test_a_wavelet_is_strongest_near_its_own_frequency_and_direction(scale, line):
    # 3 pi / 4 radians a pixel are 24 of 64 lines; what vanishes on constants peaks a little above.
    across, _, down, _ = wavelet_spectra((64, 64), scale=scale, angles=4)
    assert divmod(int(across.argmax()), 64) in {(0, line), (0, line + 1)}
    assert divmod(int(down.argmax()), 64) in {(line, 0), (line + 1, 0)}


def test_a_wavelet_by_hand_in_space():
    # exp(-u^T S^-1 u / 2) (exp(i xi u) - kappa) / (2 pi sqrt(det S)): width 0.8 along, 1.6 across.
    shape, angles, number = (12, 16), 8, 3
    angle = math.pi * number / angles
    y = torch.arange(-36, 36, dtype=torch.float64)[:, None]
    x = torch.arange(-48, 48, dtype=torch.float64)[None, :]
    parallel = y * math.sin(angle) + x * math.cos(angle)
    crosswise = x * math.sin(angle) - y * math.cos(angle)
    window = torch.exp(-((parallel / 0.8).square() + (crosswise / 1.6).square()) / 2)
    window = window / (2 * math.pi * 0.8 * 1.6)
    wave = torch.polar(torch.ones_like(parallel), 3 * math.pi / 4 * parallel)
    kappa = (window * wave).sum() / window.sum()
    folded = (window * (wave - kappa)).view(6, 12, 6, 16).sum(dim=(0, 2))  # repeats with the grid
    spectrum = torch.fft.fft2(folded)
    assert spectrum.imag.abs().max() < 1e-12
    expected = wavelet_spectra(shape, scale=0, angles=angles)[number]
    assert torch.allclose(spectrum.real, expected, atol=1e-12)
