"""Morlet wavelets: oriented waves under a Gaussian window, as spectra on a periodic grid."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FREQUENCY = 3 * math.pi / 4  # radians a pixel, of the finest wavelet
_WIDTH = 0.8  # pixels along the wave: standard deviation of the finest wavelet's window
_PERIODS = (-2, -1, 0, 1, 2)  # of the spectrum of a sampled function; further ones are below 1e-15
_GRID = (128, 128)  # frequencies at which the largest gain is looked for


def wavelet_spectra(shape: tuple[int, int], *, scale: int, angles: int) -> Tensor:
    """The Fourier transforms of one scale's wavelets, sampled on a grid that repeats.

    The transform is real, ``exp(-q(omega - xi) / 2) - kappa * exp(-q(omega) / 2)``: a Gaussian bump
    around the wave's frequency ``xi``, minus as much of one around 0 as makes the wavelet vanish on
    constants. The window is ``angles / 4`` times as wide across the wave as along it.

    Args:
      shape: height and width of the grid, pixels.
      scale: the octave; the wave has ``3 * pi / 4 / 2**scale`` radians a pixel.
      angles: number of directions in half a turn; the first wave runs along the width.
    Returns:
      Shape ``(angles, height, width)``, float64; 0 at frequency 0.
    Source: Bruna & Mallat 2013, section 2.1; Oyallon & Mallat 2015, section 2.
    """
    spectra = []
    for number in range(angles):
        angle = math.pi * number / angles
        along = (math.sin(angle), math.cos(angle))
        sides = (_WIDTH * 2**scale, _WIDTH * 2**scale * angles / 4)
        bump = _gaussian(shape, along=along, sides=sides, frequency=_FREQUENCY / 2**scale)
        blur = _gaussian(shape, along=along, sides=sides, frequency=0.0)
        spectra.append(bump - bump[0, 0] / blur[0, 0] * blur)
    return torch.stack(spectra)


def largest_gain(*, scales: int, angles: int) -> float:
    """The least number by which all wavelets must be divided so that they add no energy.

    Divided so, the wavelets and the blur together give back at most the energy of a real image, at
    every frequency: ``|phi|^2 + sum (|psi(omega)|^2 + |psi(-omega)|^2) / 2 <= 1``.
    Source: Mallat 2012, proposition 2.1.
    """
    total = torch.zeros(_GRID, dtype=torch.float64)
    for scale in range(scales):
        energy = wavelet_spectra(_GRID, scale=scale, angles=angles).square().sum(dim=0)
        mirrored = energy.flip(0, 1).roll((1, 1), dims=(0, 1))  # omega -> -omega
        total += (energy + mirrored) / 2
    width = blur_width(scales)
    blur = _gaussian(_GRID, along=(0.0, 1.0), sides=(width, width), frequency=0.0)
    room = 1 - (blur / blur[0, 0]).square()
    room[0, 0] = 1.0  # where there is no room, and no wavelet either
    return math.sqrt(float((total / room).max()))


def blur_width(scales: int) -> float:
    """The standard deviation in pixels of the Gaussian that goes with so many scales."""
    return math.ldexp(_WIDTH, scales - 1)


def _gaussian(
    shape: tuple[int, int],
    *,
    along: tuple[float, float],
    sides: tuple[float, float],
    frequency: float,
) -> Tensor:
    """The spectrum of a sampled Gaussian window, moved to a frequency in the direction ``along``.

    Sampling a function repeats its spectrum with the period of 2 pi; the repetitions add up.
    """
    rows, columns = (2 * math.pi * torch.fft.fftfreq(side, dtype=torch.float64) for side in shape)
    total = torch.zeros(shape, dtype=torch.float64)
    for down in _PERIODS:
        for right in _PERIODS:
            y = (rows + 2 * math.pi * down)[:, None]
            x = (columns + 2 * math.pi * right)[None, :]
            parallel = y * along[0] + x * along[1] - frequency
            crosswise = x * along[0] - y * along[1]
            distance = (parallel * sides[0]).square() + (crosswise * sides[1]).square()
            total += torch.exp(-distance / 2)
    return total
