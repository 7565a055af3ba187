"""The report's palette: what it draws and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.report import palette

# How the colour-blind see, on linear RGB: Machado, Oliveira & Fernandes 2009, severity 1.
EYES = {
    "all cones": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TEXT = [
    palette.INK,
    palette.QUIET,
    palette.JOINT,
    palette.STANDALONE,
    palette.CENTRALISED,
    palette.ALARM,
]
LINES = [*TEXT, palette.UP, palette.DOWN, palette.OTHER, *palette.SERIES]


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return float((high + 0.05) / (low + 0.05))


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def by(scheme: str, colour: str) -> str:
    return colour if scheme == "day" else palette.DARK[colour]


@pytest.mark.parametrize("scheme", ["day", "night"])
@pytest.mark.parametrize("ground", [palette.GROUND, palette.SURFACE])
def test_text_and_lines_stand_out(scheme: str, ground: str) -> None:
    for colour in LINES:
        least = 4.5 if colour in TEXT else 3.0
        assert contrast(by(scheme, colour), by(scheme, ground)) >= least, colour


@pytest.mark.parametrize("scheme", ["day", "night"])
@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(
    "series", [(palette.JOINT, palette.STANDALONE, palette.CENTRALISED), palette.SERIES[:4]]
)
def test_series_stay_apart_for_every_eye(scheme: str, eyes: str, series: tuple[str, ...]) -> None:
    seen = [lab(np.array(EYES[eyes]) @ linear(by(scheme, colour))) for colour in series]
    nearest = min(float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[:i])
    assert nearest > 9  # CIE76; 2.3 is a just noticeable difference


@pytest.mark.parametrize("scheme", ["day", "night"])
def test_the_ramp_runs_one_way_for_every_eye(scheme: str) -> None:
    for eyes in EYES.values():
        light = [lab(np.array(eyes) @ linear(by(scheme, colour)))[0] for colour in palette.RAMP]
        steps = np.diff(light)
        assert (np.abs(steps) > 4).all()
        assert len(set(np.sign(steps))) == 1


def test_every_colour_has_one_double() -> None:
    used = {
        value for name, value in vars(palette).items() if name.isupper() and isinstance(value, str)
    }
    used |= {*palette.RAMP, *palette.SERIES, *palette.BANDS}
    assert used == set(palette.DARK)
    # A figure's colours are exchanged by value, so two of one value would not be told apart.
    assert len(palette.RAMP) + len(palette.SERIES) == len({*palette.RAMP, *palette.SERIES})
