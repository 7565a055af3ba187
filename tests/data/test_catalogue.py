"""The catalogue of published sets."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.data.catalogue import OFFICIAL_SETS, SET_NAMES, official_set
from tithe.plan.sections import DATA_SETS


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(BadInput, match="got 'minst'; did you mean 'mnist'"):
        official_set("minst")
    with pytest.raises(BadInput, match="npz:PATH, csv:PATH, images:PATH"):
        official_set("zzz")


CHANNELS = {
    "mnist": 1,
    "fashion-mnist": 1,
    "cifar10": 3,
    "svhn": 3,
    "pneumonia-mnist": 1,
    "wdbc": 30,
    "adult": 108,
    "sms-spam": 0,
    "sst2": 0,
    "ag-news": 0,
}
IMAGES = ("mnist", "fashion-mnist", "cifar10", "svhn", "pneumonia-mnist")


@pytest.mark.parametrize("name", OFFICIAL_SETS)
def test_every_set_names_different_classes_and_a_constant_per_channel(name):
    official = official_set(name)
    assert len(set(official.class_names)) == len(official.class_names) >= 2
    assert len(official.mean) == len(official.std) == CHANNELS[name]
    assert all(spread > 0 for spread in official.std)
    if name in IMAGES:
        assert all(0 < number < 1 for number in official.mean + official.std)


def test_a_file_has_an_address_and_a_digest_or_neither_address_nor_size():
    for official in OFFICIAL_SETS.values():
        for file in official.files:
            assert bool(file.addresses) == bool(file.num_bytes)
            assert not file.addresses or len(file.sha256) == 64


def test_digits_is_named_though_it_is_not_fetched():
    assert ("digits", *CHANNELS) == SET_NAMES
    assert set(SET_NAMES) == set(DATA_SETS)
