"""A data set is checked when it is made."""

from __future__ import annotations

import pytest
import torch

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits

NAMES = ("no", "yes")


def floats(num_rows=4, labels=(0, 1, 0, 1), **rest):
    return Dataset("ward", torch.zeros(num_rows, 3), torch.tensor(labels), NAMES, **rest)


def test_a_good_set_tells_its_size():
    data = floats(groups=torch.tensor([5, 5, 6, 6]))
    assert (len(data), data.num_classes) == (4, 2)


def test_taken_rows_are_a_copy_in_the_order_asked_for():
    data = Dataset("ward", torch.arange(8.0).view(4, 2), torch.tensor([0, 1, 0, 1]), NAMES)
    taken = data.take(torch.tensor([3, 0]))
    taken.features.zero_()
    assert taken.labels.tolist() == [1, 0]
    assert data.features[3].tolist() == [6, 7]


def test_taken_rows_keep_their_groups():
    taken = floats(groups=torch.tensor([5, 5, 6, 7])).take(torch.tensor([3, 0]))
    assert taken.groups.tolist() == [7, 5]


@pytest.mark.parametrize(
    ("features", "labels", "groups", "said"),
    [
        (
            torch.zeros(2, 3, dtype=torch.float64),
            [0, 1],
            None,
            "uint8 or float32, got torch.float64",
        ),
        (torch.zeros(2), [0, 1], None, "two or more dimensions"),
        (torch.zeros(2, 3, dtype=torch.uint8), [0, 1], None, r"\(n, c, h, w\) if uint8"),
        (torch.zeros(0, 3), [], None, r"at least one row, got shape \(0, 3\)"),
        (torch.zeros(2, 0), [0, 1], None, "at least one row"),
        (torch.tensor([[0.0, torch.nan], [torch.inf, 0]]), [0, 1], None, "got 2 of 4 values"),
        (torch.zeros(2, 3), [0], None, "one entry in labels per row, got 1 for 2 rows"),
        (torch.zeros(2, 3), [0, 2], None, r"in \[0, 2\), got 1 of 2 rows outside"),
        (torch.zeros(2, 3), [-1, 0], None, "got 1 of 2 rows outside"),
        (torch.zeros(2, 3), [[0], [1]], None, "int64 of shape"),
        (torch.zeros(2, 3), [0.0, 1.0], None, "int64 of shape"),
        (torch.zeros(2, 3), [0, 1], [1], "one entry in groups per row"),
    ],
)
def test_a_bad_set_is_refused_in_one_sentence(features, labels, groups, said):
    with pytest.raises(BadInput, match=said) as caught:
        Dataset(
            "ward",
            features,
            torch.tensor(labels, dtype=torch.int64 if labels == [] else None),
            NAMES,
            groups=None if groups is None else torch.tensor(groups),
        )
    assert str(caught.value).startswith("ward: ")
    assert "\n" not in str(caught.value)


def test_parts_that_one_model_cannot_serve_are_refused():
    train = floats()
    wide = Dataset("ward", torch.zeros(1, 4), torch.tensor([0]), NAMES)
    other = Dataset("ward", torch.zeros(1, 3), torch.tensor([0]), ("yes", "no"))
    image = Dataset("ward", torch.zeros(1, 3, 2, 2), torch.tensor([0]), NAMES)
    byte_image = Dataset("ward", image.features.to(torch.uint8), torch.tensor([0]), NAMES)
    for left, right, said in [
        (train, wide, "one shape"),
        (train, other, "same classes"),
        (image, byte_image, "one type"),
    ]:
        with pytest.raises(BadInput, match=said):
            Splits(left, right, "")
