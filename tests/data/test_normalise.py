"""Zero mean and unit spread, with numbers that may be known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.official_files import images
from tithe.checks import BadInput
from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation, choose_normalisation, normalise

OWN, NONE = Normalisation("own"), Normalisation("none")


def pictures(channels=3, mean=(), std=()):
    features = torch.from_numpy(images(6, channels, 4, 5))
    return Dataset("own", features, torch.zeros(6, dtype=torch.int64), ("a",), mean, std)


@given(st.integers(1, 5), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_own_statistics_give_mean_zero_and_spread_one(num_rows, channels, is_bytes, seed):
    features = torch.from_numpy(images(num_rows, channels, 4, 5, seed=seed))
    features = features if is_bytes else features * 0.37 - 40
    x = normalise(features, OWN).double()
    assert x.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (x.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_the_statistics_of_bytes_are_those_of_the_same_floats():
    features = torch.from_numpy(images(6, 3, 4, 5))
    assert torch.allclose(normalise(features, OWN), normalise(features / 255, OWN), atol=1e-5)


def test_constants_by_hand():
    features = torch.tensor([[[[0, 255]], [[51, 102]]]], dtype=torch.uint8)
    x = normalise(features, Normalisation("constants", (0.5, 0.2), (0.25, 0.1)))
    # (0 - 0.5) / 0.25, (1 - 0.5) / 0.25, (0.2 - 0.2) / 0.1, (0.4 - 0.2) / 0.1
    assert x.flatten().tolist() == pytest.approx([-2, 2, 0, 2], abs=1e-6)


def test_one_constant_serves_all_channels():
    features = torch.from_numpy(images(6, 3, 4, 5))
    one = normalise(features, Normalisation("constants", (0.5,), (0.25,)))
    three = normalise(features, Normalisation("constants", (0.5,) * 3, (0.25,) * 3))
    assert torch.equal(one, three)


def test_none_divides_bytes_by_255_and_leaves_floats():
    features = torch.from_numpy(images(6, 3, 4, 5))
    assert torch.allclose(normalise(features, NONE), features / 255)
    floats = torch.randn(4, 3)
    assert torch.equal(normalise(floats, NONE), floats)


@pytest.mark.parametrize("how", [OWN, NONE, Normalisation("constants", (0.5,), (2.0,))])
@pytest.mark.parametrize("features", [torch.from_numpy(images(6, 3, 4, 5)), torch.randn(4, 3)])
def test_the_input_is_left_as_it_is(how, features):
    before = features.clone()
    x = normalise(features, how)
    x.zero_()
    assert torch.equal(features, before)
    assert x.dtype == torch.float32


@pytest.mark.parametrize("value", [0.1, 0.0, -1e9, 1e-20, 16_777_216.0])
def test_a_channel_without_spread_becomes_zero(value):
    features = torch.stack([torch.full((7,), value), torch.arange(7.0)], dim=1)
    x = normalise(features, OWN)
    assert (x[:, 0] == 0).all()
    assert float(x[:, 1].std(correction=0)) == pytest.approx(1)


def test_bytes_without_spread_become_zero():
    features = torch.full((3, 1, 4, 4), 77, dtype=torch.uint8)
    assert normalise(features, OWN).abs().max() < 1e-6


def test_a_single_row_of_numbers_is_all_zero():
    assert torch.equal(normalise(torch.tensor([[3.0, 5.0]]), OWN), torch.zeros(1, 2))


def test_a_large_mean_does_not_swallow_the_spread():
    features = (1.6e9 + 86_400 * torch.arange(100)).view(-1, 1)
    x = normalise(features, OWN)
    assert float(x.std(correction=0)) == pytest.approx(1, rel=1e-3)


def test_the_plans_constants_come_before_the_sets():
    data = pictures(mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0))
    chosen = choose_normalisation(data, kind="constants")
    assert chosen == Normalisation("constants", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    chosen = choose_normalisation(data, kind="constants", mean=[0.5], std=[0.5])
    assert chosen == Normalisation("constants", (0.5,), (0.5,))


@pytest.mark.parametrize("kind", ["own", "none"])
def test_other_kinds_take_no_constants(kind):
    data = pictures(mean=(0.1,), std=(1.0,))
    assert choose_normalisation(data, kind=kind) == Normalisation(kind)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "owns"}, "one of constants, own, none, got 'owns'; did you mean 'own'"),
        ({}, "own: normalise = 'constants' needs public numbers and this data has none; state"),
        ({"mean": [0.5]}, "given together, got 1 and 0 numbers"),
        ({"mean": [0.5] * 2, "std": [0.5] * 2}, r"one per channel \(3\), got 2"),
        ({"mean": [0.5], "std": [0.0]}, r"std must be finite and > 0, got \[0.0\]"),
        ({"mean": [float("nan")], "std": [1.0]}, r"mean must be finite, got \[nan\]"),
        ({"mean": [0.5], "std": [float("inf")]}, "std must be finite and > 0"),
    ],
)
def test_constants_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(BadInput, match=said):
        choose_normalisation(pictures(), **{"kind": "constants", **changes})
