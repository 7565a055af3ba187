"""A user's arrays in one npz file."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.official_files import images
from tithe.checks import BadInput
from tithe.data.files import load_features, load_own
from tithe.data.npz import read_npz

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2


def saved(folder, **arrays):
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("keys", [("x", "y"), ("X", "y"), ("features", "labels")])
def test_one_pair_of_arrays_is_split(tmp_path, keys):
    path = saved(tmp_path, **{keys[0]: X, keys[1]: Y})
    splits = load_own("npz", str(path), options={"test_fraction": 0.4})
    assert (len(splits.train), len(splits.test)) == (6, 4)
    assert "no test part was given" in splits.note


@pytest.mark.parametrize("form", ["{}_images {}_labels", "x_{} y_{}"])
def test_train_and_test_are_taken_as_given(tmp_path, form):
    names = {part: form.format(part, part).split() for part in ("train", "test")}
    arrays = dict(zip(names["train"] + names["test"], [X, Y, X[:4], Y[:4]], strict=True))
    splits = load_own("npz", str(saved(tmp_path, **arrays)), options={})
    assert splits.train.features.tolist() == X.tolist()
    assert splits.test.features.tolist() == X[:4].tolist()
    assert splits.note == "npz:own.npz: 10 train and 4 test rows as given."


def medmnist(**rest):
    return {"train_images": images(10, 28, 28, 3), "train_labels": Y[:, None], **rest}


def test_a_medmnist_file_becomes_images(tmp_path):
    test = {"test_images": images(4, 28, 28, 3), "test_labels": Y[:4, None]}
    val = {"val_images": images(3, 28, 28, 3), "val_labels": Y[:3, None]}
    splits = load_own("npz", str(saved(tmp_path, **medmnist(**val, **test))), options={})
    assert splits.train.features.shape == (10, 3, 28, 28)
    assert splits.test.labels.tolist() == [0, 1, 0, 1]
    assert splits.note.endswith("Its 3 validation rows are not used.")


def test_validation_rows_serve_as_test_rows_where_there_are_none(tmp_path):
    val = {"val_images": images(3, 28, 28, 3), "val_labels": Y[:3, None]}
    splits = load_own("npz", str(saved(tmp_path, **medmnist(**val))), options={})
    assert len(splits.test) == 3
    assert splits.note.endswith("The test rows are its validation rows.")


def test_groups_are_kept(tmp_path):
    path = saved(tmp_path, x=X, y=Y, groups=np.repeat(["a", "b"], 5))
    train, _, _ = read_npz(path)
    assert train.groups.tolist() == ["a"] * 5 + ["b"] * 5


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"data": X}, "must hold x and y.*got keys data"),
        ({"x": X, "y": Y[:9]}, r"one row each per example, got shapes \(10, 2\) and \(9,\)"),
        ({"x": X, "y": np.array(1)}, "one row each per example"),
        ({"x": X, "y": np.array([{}] * 10)}, "without pickled objects"),
        ({"x": np.where(X == 3, np.nan, X), "y": Y}, "got 1 of 20 values that are NaN"),
        ({"x": X[:0], "y": Y[:0]}, r"at least one row, got shape \(0, 2\)"),
        ({"x": X, "y": Y, "groups": np.arange(9)}, "one entry in groups per row, got 9 for 10"),
    ],
)
def test_wrong_contents_are_refused(tmp_path, arrays, said):
    with pytest.raises(BadInput, match=said):
        load_own("npz", str(saved(tmp_path, **arrays)), options={})


@pytest.mark.parametrize("keep", [0, 4, 100, -30])
def test_a_cut_file_is_refused(tmp_path, keep):
    path = saved(tmp_path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"own\.npz: could not be read as npz"):
        read_npz(path)


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / "own.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(BadInput, match="several arrays, got a single one"):
        read_npz(path)


def test_rows_to_predict_need_no_labels(tmp_path):
    features = load_features(f"npz:{saved(tmp_path, x=X)}", options={})
    assert features.tolist() == X.tolist()
    with pytest.raises(BadInput, match="rows to predict must be under one of x, X"):
        load_features(f"npz:{saved(tmp_path, z=X)}", options={})


def test_the_real_pneumonia_images_are_read(data_root):
    path = data_root / "medmnist" / "pneumoniamnist.npz"
    if not path.is_file():
        pytest.skip("TITHE_DATA holds no PneumoniaMNIST")
    splits = load_own("npz", str(path), options={"classes": ["normal", "pneumonia"]})
    # The published counts: 1,214 and 3,494 to train on, 234 and 390 to test on.
    assert splits.train.labels.bincount().tolist() == [1214, 3494]
    assert splits.test.labels.bincount().tolist() == [234, 390]
    assert splits.train.features.shape == (4708, 1, 28, 28)
    assert splits.train.class_names == ("normal", "pneumonia")
