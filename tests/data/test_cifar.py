"""CIFAR-10 in its official binary version."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
import torch

from tests.data.official_files import CIFAR_BATCHES, cifar_records, write_cifar
from tithe.checks import BadInput
from tithe.data.catalogue import official_set
from tithe.data.cifar import find_batches, hold_cifar10, read_cifar10

CIFAR = official_set("cifar10")


@pytest.mark.parametrize("form", ["bin", "xz", "tarball"])
def test_the_official_split_is_read_in_order(tmp_path, form):
    records = write_cifar(tmp_path, form=form)
    splits = read_cifar10(CIFAR, tmp_path)
    train = np.concatenate([records[name] for name in CIFAR_BATCHES[:5]])
    for data, rows in ((splits.train, train), (splits.test, records["test_batch.bin"])):
        assert data.features.dtype == torch.uint8
        assert data.features.shape == (len(rows), 3, 32, 32)
        assert np.array_equal(data.features.flatten(1).numpy(), rows[:, 1:])
        assert np.array_equal(data.labels.numpy(), rows[:, 0])
    assert hold_cifar10(CIFAR, tmp_path).state == "present"
    assert "official binary version: 60 train and 12 test" in splits.note


def test_a_record_is_red_then_green_then_blue_row_by_row(tmp_path):
    # "The first 1024 bytes are the red channel values ... stored in row-major order" (CIFAR page).
    write_cifar(tmp_path)
    record = np.zeros((1, 3073), dtype=np.uint8)
    record[0, 0] = 6
    record[0, 1 + 1024 + 32 * 2 + 5] = 200  # green, row 2, column 5
    (tmp_path / "data_batch_1.bin").write_bytes(record.tobytes())
    train = read_cifar10(CIFAR, tmp_path).train
    assert torch.nonzero(train.features[0]).tolist() == [[1, 2, 5]]
    assert train.class_names[int(train.labels[0])] == "frog"


def test_without_the_test_batch_the_fifth_batch_is_the_test_and_the_note_says_so(tmp_path):
    records = write_cifar(tmp_path, names=CIFAR_BATCHES[:5], form="xz")
    (tmp_path / "test_10000_jpeg.npz").write_bytes(b"never to be read")
    holding = hold_cifar10(CIFAR, tmp_path)
    assert (holding.state, holding.is_usable) == ("partial", True)
    splits = read_cifar10(CIFAR, tmp_path)
    assert len(splits.train) == 48
    assert np.array_equal(
        splits.test.features.flatten(1).numpy(), records["data_batch_5.bin"][:, 1:]
    )
    assert "without its official test batch" in splits.note


def test_the_extracted_folder_of_the_tarball_is_found(tmp_path):
    write_cifar(tmp_path / "cifar-10-batches-bin")
    assert list(find_batches(tmp_path)) == list(CIFAR_BATCHES)
    assert len(read_cifar10(CIFAR, tmp_path).train) == 60


def test_the_whole_tarball_comes_before_a_part_of_it(tmp_path):
    write_cifar(tmp_path, names=CIFAR_BATCHES[:5], form="xz")
    write_cifar(tmp_path, form="tarball")
    assert "official binary version" in read_cifar10(CIFAR, tmp_path).note


def _cut_tarball(folder):
    write_cifar(folder, form="tarball")
    path = folder / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:-2000])


def _poor_tarball(folder):
    write_cifar(folder, names=CIFAR_BATCHES[:4], form="tarball")


def _no_tarball(folder):
    (folder / "cifar-10-binary.tar.gz").write_bytes(b"<html>404</html>")


def _cut_batch(folder):
    write_cifar(folder)
    (folder / "data_batch_2.bin").write_bytes(cifar_records(3).tobytes()[:-1])


def _empty_batch(folder):
    write_cifar(folder)
    (folder / "test_batch.bin").write_bytes(b"")


def _bad_label(folder):
    write_cifar(folder)
    records = cifar_records(3)
    records[1, 0] = 10
    (folder / "data_batch_2.bin").write_bytes(records.tobytes())


def _cut_xz(folder):
    write_cifar(folder, form="xz")
    (folder / "data_batch_3.bin.xz").write_bytes(lzma.compress(bytes(3073))[:-5])


def _missing_batch(folder):
    write_cifar(folder, names=CIFAR_BATCHES[1:])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut_tarball, "damaged or cut short"),
        (_poor_tarball, "the tarball must hold data_batch_5.bin, got 4 batches"),
        (_no_tarball, "could not be read as a gzip tarball"),
        (_cut_batch, "records of 3073 bytes, got 9218 bytes"),
        (_empty_batch, "records of 3073 bytes, got 0 bytes"),
        (_bad_label, r"in \[0, 10\), got 1 of 3 records outside"),
        (_cut_xz, r"data_batch_3\.bin\.xz: could not be read"),
        (_missing_batch, r"got no data_batch_1\.bin"),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage, said):
    damage(tmp_path)
    with pytest.raises(BadInput, match=said):
        read_cifar10(CIFAR, tmp_path)


def test_the_first_official_records_are_as_published(data_root):
    path = find_batches(data_root / "cifar10").get("data_batch_1.bin")
    if path is None:
        pytest.skip("TITHE_DATA holds no CIFAR-10 batch")
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as batch:
        records = np.frombuffer(batch.read(5 * 3073), np.uint8).reshape(5, 3073)
    # The official Python batch data_batch_1 starts with frog, truck, truck, deer, automobile and
    # its first pixels are 59, 43, 50 (red), 62, 46, 48 (green), 63, 45, 43 (blue).
    assert records[:, 0].tolist() == [6, 9, 9, 4, 1]
    planes = records[0, 1:].reshape(3, 1024)
    assert planes[:, :3].tolist() == [[59, 43, 50], [62, 46, 48], [63, 45, 43]]
