"""The catalogue of published sets."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.data.catalogue import OFFICIAL_SETS, SET_NAMES, official_set


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(BadInput, match="got 'minst'; did you mean 'mnist'"):
        official_set("minst")
    with pytest.raises(BadInput, match="npz:PATH, csv:PATH, images:PATH"):
        official_set("zzz")


@pytest.mark.parametrize("name", OFFICIAL_SETS)
def test_every_set_names_ten_classes_and_a_constant_per_channel(name):
    official = official_set(name)
    channels = 3 if name in ("cifar10", "svhn") else 1
    assert len(set(official.class_names)) == 10
    assert len(official.mean) == len(official.std) == channels
    assert all(0 < number < 1 for number in official.mean + official.std)


def test_digits_is_named_though_it_is_not_fetched():
    assert SET_NAMES == ("digits", "mnist", "fashion-mnist", "cifar10", "svhn")
