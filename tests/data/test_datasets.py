"""From a name to rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.data.local_server import official_file, serving
from tests.data.official_files import CIFAR_BATCHES, write_cifar, write_mnist, write_svhn
from tithe.checks import BadInput
from tithe.data import catalogue
from tithe.data.datasets import load


def write_everything(root):
    write_mnist(root / "mnist")
    write_mnist(root / "fashion-mnist")
    write_cifar(root / "cifar10")
    write_svhn(root / "svhn" / "train_32x32.mat", 20)
    write_svhn(root / "svhn" / "test_32x32.mat", 10)


@pytest.mark.parametrize(
    ("name", "shape", "sizes"),
    [
        ("mnist", (1, 32, 32), (20, 10)),
        ("fashion-mnist", (1, 32, 32), (20, 10)),
        ("cifar10", (3, 32, 32), (60, 12)),
        ("svhn", (3, 32, 32), (20, 10)),
        ("digits", (1, 8, 8), (1437, 360)),
    ],
)
def test_every_named_set_is_loaded(tmp_path, name, shape, sizes):
    write_everything(tmp_path)
    splits = load(name, root=tmp_path, offline=True)
    assert splits.train.name == name
    assert splits.train.features.shape[1:] == shape
    assert (len(splits.train), len(splits.test)) == sizes
    assert len(splits.train.mean) == len(splits.train.std) == shape[0]
    assert splits.note.endswith(".")


def test_the_variable_names_the_root(tmp_path, monkeypatch):
    write_mnist(tmp_path / "mnist")
    monkeypatch.setenv("TITHE_DATA", str(tmp_path))
    assert len(load("mnist", offline=True).train) == 20


def test_what_is_not_there_is_downloaded_once(tmp_path, monkeypatch):
    write_mnist(tmp_path / "published")
    with serving(tmp_path / "published") as address:
        files = tuple(
            official_file(path, address + path.name)
            for path in sorted((tmp_path / "published").iterdir())
        )
        changed = replace(catalogue.OFFICIAL_SETS["fashion-mnist"], files=files)
        monkeypatch.setitem(catalogue.OFFICIAL_SETS, "fashion-mnist", changed)
        assert len(load("fashion-mnist", root=tmp_path / "root").train) == 20
    assert len(load("fashion-mnist", root=tmp_path / "root").train) == 20  # nobody serves any more


def test_offline_names_the_files_and_the_folder(tmp_path):
    with pytest.raises(BadInput) as caught:
        load("fashion-mnist", root=tmp_path, offline=True)
    message = str(caught.value)
    assert str(tmp_path / "fashion-mnist") in message
    assert "t10k-labels-idx1-ubyte.gz" in message
    assert "downloading is switched off" in message
    assert list(tmp_path.iterdir()) == []


def test_a_usable_part_is_never_completed_from_the_network(tmp_path):
    write_cifar(tmp_path / "cifar10", names=CIFAR_BATCHES[:5])
    assert len(load("cifar10", root=tmp_path).test) == 12


def test_svhn_takes_its_extra_images(tmp_path):
    write_everything(tmp_path)
    with pytest.raises(BadInput, match=r"svhn: extra_32x32\.mat must be in"):
        load("svhn", root=tmp_path, offline=True, options={"extra": True})
    write_svhn(tmp_path / "svhn" / "extra_32x32.mat", 30)
    assert len(load("svhn", root=tmp_path, offline=True, options={"extra": True}).train) == 50
    assert len(load("svhn", root=tmp_path, offline=True, options={"extra": False}).train) == 20


def test_svhns_extra_images_are_downloaded_when_asked_for(tmp_path, monkeypatch):
    write_everything(tmp_path / "root")
    path = tmp_path / "published" / "extra_32x32.mat"
    write_svhn(path, 30)
    with serving(path.parent) as address:
        extra = (official_file(path, address + path.name),)
        changed = replace(catalogue.OFFICIAL_SETS["svhn"], extra=extra)
        monkeypatch.setitem(catalogue.OFFICIAL_SETS, "svhn", changed)
        splits = load("svhn", root=tmp_path / "root", options={"extra": True})
    assert len(splits.train) == 50


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("digits", {"label": "y"}, "digits: takes no options, got label"),
        ("mnist", {"extra": True}, "mnist: takes no options, got extra"),
        ("svhn", {"test": "x"}, "svhn: takes no option but extra, got test"),
        ("svhn", {"extra": 1}, "option extra must be true or false, got 1"),
    ],
)
def test_options_a_named_set_does_not_have_are_refused(tmp_path, name, options, said):
    with pytest.raises(BadInput, match=said):
        load(name, root=tmp_path, offline=True, options=options)


@pytest.mark.parametrize("source", ["minst", "", "npy:file.npy", "mnist:", "torch:x"])
def test_an_unknown_source_is_refused(tmp_path, source):
    with pytest.raises(BadInput, match="data set must be one of digits, mnist"):
        load(source, root=tmp_path, offline=True)


def test_the_users_own_files_are_loaded(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.zeros((10, 2)), y=np.arange(10) % 2)
    assert len(load(f"npz:{path}").train) == 8
