"""Synthetic rows between real ones; where imbalanced-learn is not installed, what is said then."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch

from tithe.checks import BadInput
from tithe.data.synthetic import KINDS, synthetic_rows

needs_imblearn = pytest.mark.skipif(
    importlib.util.find_spec("imblearn") is None, reason="imbalanced-learn is not installed"
)
every_kind = pytest.mark.parametrize("kind", KINDS)


def clouds(num_rare=12, num_many=60):
    """Two classes that touch each other, in the plane."""
    rng = torch.Generator().manual_seed(4)
    rare = torch.randn(num_rare, 2, generator=rng) + 1
    many = torch.randn(num_many, 2, generator=rng)
    labels = torch.tensor([1] * num_rare + [0] * num_many)
    return torch.cat([rare, many]), labels


def grown(features, labels, *, kind="smote", wanted=None, neighbours=5, seed=3):
    return synthetic_rows(
        features,
        labels,
        kind=kind,
        wanted=wanted or {1: 40},
        neighbours=neighbours,
        seed=seed,
        name="clouds",
    )


@needs_imblearn
@every_kind
def test_new_rows_lie_between_rows_of_their_class(kind):
    features, labels = clouds()
    new, new_labels = grown(features, labels, kind=kind)
    rare = features[labels == 1]
    assert new.dtype == torch.float32 and new.shape[1:] == (2,)
    assert len(new) == len(new_labels) > 20 and set(new_labels.tolist()) == {1}
    low, high = rare.min(dim=0).values, rare.max(dim=0).values
    assert bool(((new >= low - 1e-6) & (new <= high + 1e-6)).all())
    for row in new[:10]:  # on the line between some two of them
        towards = rare[:, None] - row
        away = rare[None] - row
        crossed = towards[..., 0] * away[..., 1] - towards[..., 1] * away[..., 0]
        is_between = (towards * away).sum(dim=2) <= 1e-6
        assert bool((is_between & (crossed.abs() < 1e-4)).any())


@needs_imblearn
@every_kind
def test_the_seed_decides_the_new_rows(kind):
    features, labels = clouds()
    first, _ = grown(features, labels, kind=kind)
    assert torch.equal(first, grown(features, labels, kind=kind)[0])
    assert not torch.equal(first, grown(features, labels, kind=kind, seed=4)[0])


@needs_imblearn
def test_smote_makes_just_as_many_as_wanted_and_images_stay_bytes():
    images = torch.randint(256, (30, 1, 4, 4)).to(torch.uint8)
    labels = torch.tensor([0] * 20 + [1] * 7 + [2] * 3)
    new, new_labels = grown(images, labels, wanted={0: 0, 1: 13, 2: 17})
    assert new.dtype == torch.uint8 and new.shape == (30, 1, 4, 4)
    assert torch.bincount(new_labels).tolist() == [0, 13, 17]


@needs_imblearn
@every_kind
def test_a_single_row_has_no_neighbour_and_two_have_one(kind):
    features, labels = clouds(num_rare=1)
    assert len(grown(features, labels, kind=kind)[0]) == 0
    features, labels = clouds(num_rare=2)
    new, _ = grown(features, labels, kind=kind)
    assert len(new) in (0, 40) or kind == "adasyn"


@needs_imblearn
def test_adasyn_leaves_a_class_far_from_all_others_as_it_is():
    features, labels = clouds()
    features[labels == 1] += 1000
    assert len(grown(features, labels, kind="adasyn")[0]) == 0


def test_between_two_words_there_is_nothing():
    with pytest.raises(BadInput, match='"smote" needs rows of numbers, got tokens'):
        grown(torch.ones(4, 3, dtype=torch.int64), torch.tensor([0, 0, 1, 1]))


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(BadInput, match=r"pip install 'tithe\[imbalance\]'"):
        grown(*clouds())
