"""Wavelet scattering: features of an image that were fixed before anyone's data was seen.

A scattering transform is a convolutional network of two layers whose filters are not learned but
written down: oriented wavelets, the modulus, and a blur at the end. What it gives hardly moves when
the image is shifted or bent a little, and a linear classifier on it comes near a trained network.
For private training this is a gift. The filters are constants, so the features of a row are a
function of that row alone and cost no privacy; and a linear classifier gets with few noisy steps
where a deep network needs many.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from tithe.checks import BadInput
from tithe.data.wavelets import blur_width, largest_gain, wavelet_spectra

_CHUNK_VALUES = 2**18  # values of one layer's maps that are held at a time, to stay in the cache


def count_paths(*, scales: int = 2, angles: int = 8) -> int:
    """How many maps ``scatter`` makes of one channel: 81 for two scales and eight angles."""
    return 1 + angles * scales + angles**2 * scales * (scales - 1) // 2


def scatter(images: Tensor, *, scales: int = 2, angles: int = 8) -> Tensor:
    """The scattering coefficients of order 0, 1 and 2: one small map a path.

    With ``psi`` the wavelets, ``phi`` the blur and ``*`` the convolution, the maps of a channel
    ``x`` are ``x * phi``, ``|x * psi_1| * phi`` and ``||x * psi_1| * psi_2| * phi``, where
    ``psi_2`` is coarser than ``psi_1``. Beyond its border an image is mirrored. Of each map one
    value is kept for each square of ``2**scales`` pixels, at the square's middle.

    The wavelets are scaled so that together with the blur they enlarge no image's energy. Of an
    image of one colour all maps are zero but the first, which is that colour.

    Guarantee: a row of the result depends on the same row of ``images`` and on constants; whatever
    protects the result's rows protects the images.

    Args:
      images: shape ``(n, c, h, w)``, uint8 (taken as ``images / 255``), float32 or float64.
      scales: number of octaves, >= 1.
      angles: number of directions of the wavelets in half a turn, >= 1.
    Returns:
      Shape ``(n, c * count_paths(...), ceil(h / 2**scales), ceil(w / 2**scales))``, float32
      (float64 for float64). All maps of the first channel come first: order 0, then order 1 by
      scale and angle, then order 2 by first scale, first angle, second scale and second angle.
    Raises:
      BadInput: not images of one of these types, scales or angles below 1, or a side shorter than
        ``2 * 2**scales`` pixels, which cannot be mirrored.
    Source: Mallat 2012, Group invariant scattering, section 2; Bruna & Mallat 2013, sections 2 and
      3; Oyallon & Mallat 2015. In private learning: Tramer & Boneh 2021, section 3.
    """
    _check(images, scales, angles)
    num_images, num_channels, height, width = images.shape
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    bank = _bank(height, width, scales, angles, dtype)
    planes = images.reshape(-1, height, width)
    maps = torch.empty(
        len(planes), count_paths(scales=scales, angles=angles), *bank.shape_out, dtype=dtype
    )
    chunk = max(1, _CHUNK_VALUES // (angles * bank.shape[0] * bank.shape[1]))
    for start in range(0, len(planes), chunk):
        rows = slice(start, start + chunk)
        _scatter_planes(_mirrored(planes[rows], bank), bank, maps[rows])
    return maps.view(num_images, num_channels * maps.shape[1], *bank.shape_out)


@dataclass(frozen=True, eq=False)
class _Bank:
    """The constants for images of one shape.

    Attributes:
      shape: height and width with the mirrored border.
      border: mirrored pixels on the left, right, top and bottom.
      shape_out: height and width of a map.
      wavelets: spectra of shape ``(angles, h, w)`` by the octave of the samples that they meet and
        by their own scale; samples of octave ``s`` are ``2**s`` pixels apart.
      blurs: by octave, the matrices that blur and thin out the columns and the rows.
    """

    shape: tuple[int, int]
    border: tuple[int, int, int, int]
    shape_out: tuple[int, int]
    wavelets: dict[tuple[int, int], Tensor]
    blurs: tuple[tuple[Tensor, Tensor], ...]
    scales: int
    dtype: torch.dtype


@lru_cache(maxsize=4)
def _bank(height: int, width: int, scales: int, angles: int, dtype: torch.dtype) -> _Bank:
    step = 2**scales
    out = (-(-height // step), -(-width // step))
    # One square of mirrored pixels all round, and what the last square of the image lacks.
    shape = (step * (out[0] + 2), step * (out[1] + 2))
    gain = largest_gain(scales=scales, angles=angles)
    # Seen by samples 2^s pixels apart, the wavelet of scale j is the one of scale j - s.
    wavelets = {
        (octave, scale): wavelet_spectra(
            (shape[0] >> octave, shape[1] >> octave), scale=scale - octave, angles=angles
        )
        .div(gain)
        .to(dtype)
        for octave in range(scales)
        for scale in range(octave, scales)
    }
    blurs = tuple(
        (
            _blur_matrix(shape[0] >> octave, out[0], octave=octave, scales=scales).to(dtype),
            _blur_matrix(shape[1] >> octave, out[1], octave=octave, scales=scales).to(dtype),
        )
        for octave in range(scales)
    )
    border = (step, shape[1] - step - width, step, shape[0] - step - height)
    return _Bank(shape, border, out, wavelets, blurs, scales, dtype)


def _blur_matrix(num_in: int, num_out: int, *, octave: int, scales: int) -> Tensor:
    """Gaussian weights ``(num_out, num_in)`` around the squares' middles; every row sums to 1."""
    step = 2**scales
    middles = torch.arange(num_out, dtype=torch.float64) * step + (step - 1) / 2
    pixels = torch.arange(num_in, dtype=torch.float64) * 2**octave - step
    away = (middles[:, None] - pixels[None, :]) / blur_width(scales)
    weights = torch.exp(-away.square() / 2)
    return weights / weights.sum(dim=1, keepdim=True)


def _mirrored(planes: Tensor, bank: _Bank) -> Tensor:
    """(n, h, w) bytes or floats -> (n, *bank.shape) floats."""
    floats = planes.to(bank.dtype)
    if planes.dtype == torch.uint8:
        floats = floats / 255
    return functional.pad(floats[:, None], bank.border, mode="reflect")[:, 0]


def _scatter_planes(planes: Tensor, bank: _Bank, maps: Tensor) -> None:
    """Fills maps ``(n, m, h_out, w_out)`` with the coefficients of planes ``(n, *bank.shape)``."""
    maps[:, 0] = _blurred(planes, bank.blurs[0])
    spectrum = torch.fft.fft2(planes)[:, None]  # (n, 1, h, w)
    first = [_modulus(spectrum, bank, octave=0, scale=scale) for scale in range(bank.scales)]
    layers = [(scale, layer) for scale, layer in enumerate(first)]
    for octave in range(bank.scales - 1):  # of order 2, what is coarser than each of order 1
        spectra = torch.fft.fft2(first[octave])
        for angle in range(spectra.shape[1]):
            one = spectra[:, angle : angle + 1]
            layers += [
                (scale, _modulus(one, bank, octave=octave, scale=scale))
                for scale in range(octave + 1, bank.scales)
            ]
    begin = 1
    for scale, layer in layers:
        end = begin + layer.shape[1]
        maps[:, begin:end] = _blurred(layer, bank.blurs[scale])
        begin = end


def _modulus(spectrum: Tensor, bank: _Bank, *, octave: int, scale: int) -> Tensor:
    """|x * psi| for all angles, thinned out from samples of one octave to those of another.

    To keep every k-th sample of a signal is to average its spectrum over k shifted copies.
    Shape ``(n, 1, h, w)`` -> ``(n, angles, h >> (scale - octave), w >> (scale - octave))``.
    """
    product = spectrum * bank.wavelets[octave, scale]
    copies = 2 ** (scale - octave)
    if copies > 1:
        num, angles, height, width = product.shape
        product = product.view(num, angles, copies, height // copies, width)
        product = product.sum(dim=2).view(num, angles, height // copies, copies, width // copies)
        product = product.sum(dim=3) / copies**2
    filtered: Tensor = torch.fft.ifft2(product)
    return filtered.abs()


def _blurred(maps: Tensor, blur: tuple[Tensor, Tensor]) -> Tensor:
    """(..., h, w) -> (..., h_out, w_out)."""
    down, across = blur
    return down @ (maps @ across.T)


def _check(images: Tensor, scales: int, angles: int) -> None:
    for name, number in (("scales", scales), ("angles", angles)):
        if number < 1:
            raise BadInput(f"{name} must be at least 1, got {number}")
    if images.ndim != 4 or images.dtype not in (torch.uint8, torch.float32, torch.float64):
        raise BadInput(
            "scattering takes images of shape (n, c, h, w), uint8, float32 or float64, "
            f"got {images.dtype} of shape {tuple(images.shape)}"
        )
    least = 2 * 2**scales
    if min(images.shape[2:]) < least:
        raise BadInput(
            f"scattering at {scales} scales takes images of at least {least}x{least} pixels, "
            f"got {images.shape[2]}x{images.shape[3]}; take fewer scales"
        )
