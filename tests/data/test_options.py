"""What may be said about one's own files."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.data.options import OwnOptions, read_options


def test_nothing_said_is_the_defaults():
    assert read_options("csv", "csv:a.csv", {}) == OwnOptions()


def test_every_option_is_read():
    options = read_options(
        "csv",
        "csv:a.csv",
        {
            "classes": ["no", "yes"],
            "test_fraction": 0.3,
            "split_seed": 7,
            "label": 1,
            "group": "site",
            "drop": ["id"],
            "categories": {"sex": ["f", "m"], "stage": [1, 2]},
            "header": False,
            "delimiter": ";",
            "test": "b.csv",
        },
    )
    assert options == OwnOptions(
        classes=("no", "yes"),
        test_fraction=0.3,
        split_seed=7,
        label="1",
        group="site",
        drop=("id",),
        categories={"sex": ("f", "m"), "stage": ("1", "2")},
        header=False,
        delimiter=";",
        test="b.csv",
    )
    read = read_options("images", "images:a", {"size": [28, 30], "channels": 3, "classes": [4, 2]})
    assert (read.size, read.channels, read.classes) == ((28, 30), 3, (4, 2))
    assert read_options("csv", "csv:a", {"categories": "infer"}).categories == "infer"


@pytest.mark.parametrize(
    ("scheme", "key", "said"),
    [
        ("csv", "labels", "did you mean 'label'"),
        ("csv", "size", "options are classes, test_fraction"),
        ("npz", "label", "options are classes, test_fraction, split_seed, got 'label'"),
        ("images", "chanels", "did you mean 'channels'"),
    ],
)
def test_an_option_that_does_not_exist_there_is_refused(scheme, key, said):
    with pytest.raises(BadInput, match=said):
        read_options(scheme, "own", {key: 1})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("classes", ["a"], "two or more different names"),
        ("classes", ["a", "a"], "two or more different names"),
        ("classes", ["a", 1], "or of whole numbers"),
        ("classes", "ab", "got 'ab'"),
        ("test_fraction", 1, r"a number in \(0, 1\), got 1"),
        ("test_fraction", 0.0, "got 0.0"),
        ("test_fraction", True, "got True"),
        ("test_fraction", float("nan"), "got nan"),
        ("test_fraction", "0.2", "got '0.2'"),
        ("split_seed", 1.5, "a whole number, got 1.5"),
        ("label", None, "name of a column, got None"),
        ("group", True, "name of a column, got True"),
        ("drop", "id", "list of column names"),
        ("categories", "guess", "or \"infer\", got 'guess'"),
        ("categories", {"sex": []}, "table of lists"),
        ("categories", {"sex": ["f", "f"]}, "table of lists"),
        ("header", "no", "true or false"),
        ("delimiter", "--", "one character"),
        ("delimiter", "\n", "one character"),
        ("test", 3.5, "path of a file"),
    ],
)
def test_a_value_an_option_cannot_have_is_refused(key, value, said):
    with pytest.raises(BadInput, match=f"csv:a.csv: option {key} must be .*{said}"):
        read_options("csv", "csv:a.csv", {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [("size", [28]), ("size", [0, 5]), ("size", 28), ("size", [1.5, 2]), ("channels", 2)],
)
def test_an_image_option_out_of_range_is_refused(key, value):
    with pytest.raises(BadInput, match=f"option {key} must be"):
        read_options("images", "images:a", {key: value})
