"""SVHN from its official MATLAB files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.io import savemat

from tests.data.official_files import images, write_svhn
from tithe.checks import BadInput
from tithe.data.catalogue import official_set
from tithe.data.svhn import find_part, hold_svhn, read_svhn

SVHN = official_set("svhn")


def write_both(folder, train="train_32x32.mat", test="test_32x32.mat"):
    return write_svhn(folder / train, 20, seed=1), write_svhn(folder / test, 10, seed=2)


def test_small_official_files_are_read(tmp_path):
    written = write_both(tmp_path)
    splits = read_svhn(SVHN, tmp_path)
    for data, (pixels, y) in zip((splits.train, splits.test), written, strict=True):
        assert data.features.dtype == torch.uint8
        assert np.array_equal(data.features.permute(0, 2, 3, 1).numpy(), pixels)
        assert np.array_equal(data.labels.numpy(), y % 10)
    assert splits.train.features.is_contiguous()
    assert "official files: 20 train and 10 test" in splits.note
    assert hold_svhn(SVHN, tmp_path).state == "present"


def test_label_ten_is_the_digit_zero(tmp_path):
    (_, y), _ = write_both(tmp_path)
    data = read_svhn(SVHN, tmp_path).train
    assert (data.labels[torch.from_numpy(y == 10)] == 0).all()
    assert data.class_names[0] == "0"


def test_first_parts_are_used_and_the_note_says_so(tmp_path):
    write_both(tmp_path, "train_32x32_first20.mat", "test_32x32_first10.mat")
    write_svhn(tmp_path / "train_32x32_first5.mat", 5)
    holding = hold_svhn(SVHN, tmp_path)
    assert (holding.state, holding.is_usable) == ("partial", True)
    splits = read_svhn(SVHN, tmp_path)
    assert len(splits.train) == 20
    assert "in part only (train_32x32_first20.mat and test_32x32_first10.mat)" in splits.note


def test_the_whole_file_comes_before_its_part(tmp_path):
    write_both(tmp_path)
    write_svhn(tmp_path / "train_32x32_first5.mat", 5)
    assert find_part(tmp_path, "train_32x32.mat").name == "train_32x32.mat"


def test_extra_images_come_after_the_training_images(tmp_path):
    (train, _), _ = write_both(tmp_path)
    with pytest.raises(BadInput, match=r"extra_32x32\.mat: the file must be there"):
        read_svhn(SVHN, tmp_path, with_extra=True)
    extra, _ = write_svhn(tmp_path / "extra_32x32.mat", 30, seed=3)
    splits = read_svhn(SVHN, tmp_path, with_extra=True)
    assert len(splits.train) == 50
    assert np.array_equal(splits.train.features[20].permute(1, 2, 0).numpy(), extra[0])
    assert np.array_equal(splits.train.features[0].permute(1, 2, 0).numpy(), train[0])
    assert "50 train (with extra)" in splits.note


GOOD = {"X": images(32, 32, 3, 4), "y": np.array([[1], [2], [3], [10]], dtype=np.uint8)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"X": GOOD["X"]}, "must hold X and y"),
        ({**GOOD, "X": GOOD["X"][:31]}, r"uint8 of shape \(32, 32, 3, n\), got uint8 \(31,"),
        ({**GOOD, "X": GOOD["X"].astype(float)}, "got float64"),
        ({**GOOD, "y": GOOD["y"][:3]}, "one label per image, got 3 for 4"),
        ({**GOOD, "y": GOOD["y"] + 1}, r"labels must be in 1\.\.10 .* got 1 of 4 outside"),
        ({**GOOD, "y": GOOD["y"] - 1}, "got 1 of 4 outside"),
        ({"X": GOOD["X"][..., :0], "y": GOOD["y"][:0]}, "must be uint8 of shape|at least one row"),
    ],
)
def test_wrong_contents_are_refused(tmp_path, content, said):
    write_both(tmp_path)
    savemat(tmp_path / "train_32x32.mat", content)
    with pytest.raises(BadInput, match=said):
        read_svhn(SVHN, tmp_path)


@pytest.mark.parametrize("keep", [0, 50, 400, -100])
def test_a_cut_file_is_refused(tmp_path, keep):
    write_both(tmp_path)
    path = tmp_path / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"test_32x32\.mat"):
        read_svhn(SVHN, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"train_32x32\.mat: the file must be there"):
        read_svhn(SVHN, tmp_path)


def test_the_official_images_are_read(data_root):
    if find_part(data_root / "svhn", "train_32x32.mat") is None:
        pytest.skip("TITHE_DATA holds no SVHN")
    splits = read_svhn(SVHN, data_root / "svhn")
    # The first training images of the official file show 1, 9, 2, 3, 2, 5, 9, 3, 3, 1.
    assert splits.train.labels[:10].tolist() == [1, 9, 2, 3, 2, 5, 9, 3, 3, 1]
    assert splits.test.labels[:5].tolist() == [5, 2, 1, 0, 6]
    assert splits.train.features.shape[1:] == (3, 32, 32)
