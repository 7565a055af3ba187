"""A user's data from a function of hers."""

from __future__ import annotations

import sys

import pytest
import torch

from tithe.checks import BadInput
from tithe.data.function import call_function

MODULE = """
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset

from tithe.checks import BadInput
from tithe.data import Dataset as Rows, Splits

def arrays(num_rows=6):
    x, y = np.arange(2.0 * num_rows).reshape(num_rows, 2), np.arange(num_rows) % 2
    return x, y, torch.from_numpy(x[:2]), torch.from_numpy(y[:2])

def splits():
    data = Rows("mine", torch.zeros(2, 3), torch.tensor([0, 1]), ("a", "b"), (0.5,), (2.0,))
    return Splits(data, data, "made by hand.")

class Pictures(Dataset):
    classes = ["cat", "dog"]
    def __len__(self):
        return 4
    def __getitem__(self, row):
        return Image.fromarray(np.full((5, 6, 3), row, dtype=np.uint8)), row % 2

class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.tensor([1.0, 2.0]), 0), (torch.tensor([3.0, 4.0]), torch.tensor(1))])

class Ragged(Stream):
    def __iter__(self):
        return iter([(torch.zeros(2), 0), (torch.zeros(3), 1)])

class Empty(Stream):
    def __iter__(self):
        return iter([])

def pictures():
    return Pictures(), Pictures()

def streams():
    return Stream(), Stream()

def ragged():
    return Ragged(), Stream()

def empty():
    return Empty(), Stream()

def fails():
    raise KeyError("a private value")

def pair():
    return np.zeros((2, 2)), np.zeros(2)

def uneven():
    return np.zeros((3, 2)), np.arange(2), np.zeros((2, 2)), np.arange(2)

def bad_labels():
    return np.zeros((2, 2)), np.array([0, np.nan]), np.zeros((2, 2)), np.arange(2)

def refuses():
    raise BadInput("the ward's table is not there")

value = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A module in the current folder, which is not on the Python path."""
    (tmp_path / "ward_data.py").write_text(MODULE)
    (tmp_path / "broken_data.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(tmp_path)])
    yield
    sys.modules.pop("ward_data", None)


def call(name, **options):
    return call_function(f"ward_data:{name}", options=options)


def test_four_arrays_are_taken_as_train_and_test():
    splits = call("arrays", num_rows=8)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.features[1].tolist() == [2, 3]
    assert splits.train.name == "python:ward_data:arrays"


def test_splits_are_taken_as_they_are():
    splits = call("splits")
    assert (splits.note, splits.train.mean) == ("made by hand.", (0.5,))


def test_two_torch_data_sets_are_stacked():
    splits = call("pictures")
    assert splits.train.features.shape == (4, 3, 5, 6)
    assert splits.train.features[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert splits.train.class_names == ("cat", "dog")
    streams = call("streams")
    assert torch.equal(streams.train.features, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert streams.train.labels.tolist() == [0, 1]


def test_the_path_is_as_before():
    before = list(sys.path)
    call("arrays")
    assert sys.path == before


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("ward_data", "must have the form python:module:function"),
        ("ward_data:", "must have the form python:module:function"),
        (":arrays", "must have the form python:module:function"),
        ("no_such_module:f", "'no_such_module' must be importable .* raised ModuleNotFoundError"),
        ("broken_data:f", "'broken_data' must be importable from here, but raised ZeroDivision"),
        ("ward_data:nothing", "'nothing' must be a function of 'ward_data'"),
        ("ward_data:value", "'value' must be a function"),
        ("ward_data:fails", "must return data, but raised KeyError"),
        ("ward_data:pair", "or two torch data sets, got tuple"),
        ("ward_data:uneven", r"one row each per example, got shapes \(3, 2\) and \(2,\)"),
        ("ward_data:bad_labels", "got 1 of 4 that are NaN|got 1 of 2 that are NaN"),
        ("ward_data:ragged", "pairs .features, label. of one shape, got 2"),
        ("ward_data:empty", "one or more pairs"),
        ("ward_data:refuses", "^the ward's table is not there$"),
    ],
)
def test_what_gives_no_data_is_refused(place, said):
    with pytest.raises(BadInput, match=said) as caught:
        call_function(place, options={})
    assert "private" not in str(caught.value)


def test_an_option_the_function_does_not_take_is_refused():
    with pytest.raises(BadInput, match="raised TypeError"):
        call("arrays", num_row=8)
