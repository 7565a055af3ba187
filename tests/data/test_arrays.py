"""From a user's arrays to a data set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.official_files import images
from tithe.checks import BadInput
from tithe.data.arrays import Part, as_features, make_splits


def splits_of(labels, test_labels=None, classes=None, groups=None, **rest):
    def part(some, groups=None):
        return Part(np.zeros((len(some), 2)), np.asarray(some), groups)

    return make_splits(
        "own",
        part(labels, groups),
        None if test_labels is None else part(test_labels),
        classes=classes,
        **{"test_fraction": 0.5, "split_seed": 0, **rest},
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 9), (5, 1, 8, 9)),
        ((5, 8, 9, 3), (5, 3, 8, 9)),
        ((5, 8, 9, 1), (5, 1, 8, 9)),
        ((5, 3, 8, 9), (5, 3, 8, 9)),
        ((5, 1, 8, 3), (5, 1, 8, 3)),
    ],
)
def test_bytes_become_images_with_channels_first(shape, expected):
    features = as_features(images(*shape), name="own")
    assert features.dtype == torch.uint8
    assert features.shape == expected
    assert features.is_contiguous()


def test_channels_last_are_moved_and_not_reshaped():
    array = images(2, 4, 5, 3)
    features = as_features(array, name="own")
    assert np.array_equal(features[1, 2].numpy(), array[1, :, :, 2])


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.float16, bool, np.uint8])
def test_other_numbers_become_float32_rows(dtype):
    features = as_features(np.array([[0, 1], [1, 0]], dtype=dtype), name="own")
    assert features.dtype == torch.float32
    assert features.tolist() == [[0, 1], [1, 0]]


def test_one_number_a_row_is_a_column():
    assert as_features(np.arange(3.0), name="own").shape == (3, 1)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([["a"]]), "features must be numbers, got <U1"),
        (np.array([[1j]]), "must be numbers, got complex"),
        (np.array([[None]]), "must be numbers, got object"),
        (np.zeros((0, 3)), r"at least one row, got shape \(0, 3\)"),
        (np.array(1.0), r"at least one row, got shape \(\)"),
        (images(2, 4, 4, 5), r"1 or 3 channels.*got shape \(2, 4, 4, 5\)"),
    ],
)
def test_what_is_no_row_of_numbers_is_refused(array, said):
    with pytest.raises(BadInput, match=said):
        as_features(array, name="own")


def test_a_number_too_large_for_float32_is_refused():
    part = Part(np.array([[1e300], [0.0]]), np.array([0, 1]))
    with pytest.raises(BadInput, match="got 1 of 2 values that are NaN, infinite or too large"):
        make_splits("own", part, part, classes=None, test_fraction=0.5, split_seed=0)


@pytest.mark.parametrize(
    ("labels", "classes", "names", "numbers"),
    [
        ([0, 2, 1], None, ("0", "1", "2"), [0, 2, 1]),
        ([0.0, 1.0], None, ("0", "1"), [0, 1]),
        ([True, False], None, ("0", "1"), [1, 0]),
        ([[1], [0]], None, ("0", "1"), [1, 0]),
        (["b", "a", "b"], None, ("a", "b"), [1, 0, 1]),
        (["b", "a", "b"], ["b", "c", "a"], ("b", "c", "a"), [0, 2, 0]),
        ([1, 0, 1], ["ill", "well"], ("ill", "well"), [1, 0, 1]),
        ([7, 3, 7], [3, 7, 9], ("3", "7", "9"), [1, 0, 1]),
        ([1, 0, 1], ["1", "0"], ("1", "0"), [0, 1, 0]),
    ],
)
def test_labels_are_numbered_by_their_class(labels, classes, names, numbers):
    splits = splits_of(labels, labels, classes)
    assert splits.train.class_names == names
    assert splits.train.labels.tolist() == splits.test.labels.tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "test_labels", "classes", "said"),
    [
        ([0, 1, np.nan], [0], None, "got 1 of 3 that are NaN, infinite or fractions"),
        ([0, 1, np.inf], [0], None, "got 1 of 3 that are NaN"),
        ([0, 0.5], [0], None, "got 1 of 2 that are NaN"),
        ([1e300, 0], [0], None, "got 1 of 2 that are NaN"),
        ([[0, 1], [1, 0]], [0], None, r"one class a row, shape \(n,\) or \(n, 1\), got \(2, 2\)"),
        ([0, -1], [0], None, "without gaps, got some that are negative"),
        ([0, 10**12], [0], None, "at least 3, the number of rows"),
        ([1, 2, 1, 2], [1], None, "none for 1 of 3 .first: class '0'.; if that is meant"),
        (["a", "b"], ["c"], None, "none for 1 of 3 .first: class 'c'."),
        ([0, 0], [0], None, "at least two classes, got 1"),
        (["a", "b"], [0], None, "all text or all integers, got both"),
        (["a", "b"], ["c"], ["a", "b"], "one of 2 classes, got 1 of 3 rows with another"),
        ([0, 1], [2], ["ill", "well"], "one of 2 classes, got 1 of 3"),
        ([None, 1], [0], None, "whole numbers or text, got object"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, test_labels, classes, said):
    with pytest.raises(BadInput, match=said) as caught:
        splits_of(labels, test_labels, classes)
    assert str(caught.value).startswith("own: ")


def test_a_stated_class_may_have_no_row():
    assert splits_of([0, 1, 0, 1], classes=["a", "b", "c"]).train.num_classes == 3


def test_owners_are_numbered_in_sorted_order():
    groups = np.array(["york", "bath", "york", "bath"])
    train = splits_of([0, 1, 0, 1], [0], groups=groups).train
    assert train.groups.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("groups", [np.array([0.5, 1, 2, 3]), np.zeros((4, 2), dtype=int)])
def test_owners_that_are_no_column_are_refused(groups):
    with pytest.raises(BadInput, match="groups must be one whole number or text a row"):
        splits_of([0, 1, 0, 1], [0], groups=groups)


@given(st.integers(4, 60), st.integers(0, 5))
def test_a_missing_test_part_is_set_aside_and_said(num_rows, seed):
    labels = np.arange(num_rows) % 2
    splits = splits_of(labels, split_seed=seed, groups=np.arange(num_rows), test_fraction=0.25)
    assert len(splits.train) + len(splits.test) == num_rows
    assert f"{len(splits.test)} of {num_rows} rows were set aside by class" in splits.note
    assert f"split_seed {seed}" in splits.note
    # the owners tell which rows they are
    both = torch.cat([splits.train.groups, splits.test.groups])
    assert both.sort().values.tolist() == list(range(num_rows))


def test_a_set_too_small_to_set_rows_aside_is_refused():
    with pytest.raises(BadInput, match="own: test_fraction must leave a test row"):
        splits_of([0, 1])
