"""Downloads that are checked before they are believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pooch
import pytest

from tests.data.local_server import official_file, serving
from tithe.checks import BadInput
from tithe.data.catalogue import OFFICIAL_SETS, official_set
from tithe.data.fetch import data_root, download

MNIST = official_set("mnist")
NOBODY = "http://127.0.0.1:9/"  # the discard port, where nothing listens


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published" / "some.gz"
    path.parent.mkdir()
    path.write_bytes(b"the right bytes")
    return path


def test_the_right_bytes_arrive_under_their_name(tmp_path, published):
    folder = tmp_path / "data" / "mnist"
    with serving(published.parent) as address:
        path = download(MNIST, official_file(published, address + "some.gz"), folder)
    assert path == folder / "some.gz"
    assert path.read_bytes() == b"the right bytes"
    assert list(folder.iterdir()) == [path]


def test_the_next_address_is_tried(tmp_path, published):
    (published.parent / "wrong.gz").write_bytes(b"a page that says sorry")
    (published.parent / "some.cut").write_bytes(b"the right bytes")
    with serving(published.parent) as address:
        names = ("wrong.gz", "missing.gz", "some.cut", "some.gz")
        addresses = (NOBODY, *(address + name for name in names))
        path = download(MNIST, official_file(published, *addresses), tmp_path / "mnist")
    assert path.read_bytes() == b"the right bytes"
    assert list(path.parent.iterdir()) == [path]


def test_wrong_bytes_leave_nothing_behind(tmp_path, published):
    with serving(published.parent) as address:
        file = replace(official_file(published, address + "some.gz"), sha256="0" * 64)
        with pytest.raises(BadInput, match="gave bytes with another SHA-256"):
            download(MNIST, file, tmp_path / "data" / "mnist")
    assert not (tmp_path / "data").exists()


def test_an_interrupted_download_leaves_nothing_behind(tmp_path, published):
    (published.parent / "some.cut").write_bytes(b"the right bytes")
    folder = tmp_path / "mnist"
    folder.mkdir()
    with serving(published.parent) as address, pytest.raises(BadInput, match=r"some\.cut"):
        download(MNIST, official_file(published, address + "some.cut"), folder)
    assert list(folder.iterdir()) == []


def test_without_a_network_one_sentence_tells_where_to_put_the_file(tmp_path, published):
    folder = tmp_path / "data" / "mnist"
    with pytest.raises(BadInput) as caught:
        download(MNIST, official_file(published, NOBODY + "some.gz"), folder)
    message = str(caught.value)
    assert "\n" not in message
    assert f"put it into {folder} by hand from {MNIST.home}" in message
    assert "failed with ConnectionError" in message
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, published):
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(BadInput, match="must be a folder one can write to"):
        download(MNIST, official_file(published, NOBODY), tmp_path / "data" / "mnist")


def test_pooch_is_as_loud_as_before(tmp_path, published):
    before = pooch.get_logger().level
    with pytest.raises(BadInput):
        download(MNIST, official_file(published, NOBODY), tmp_path / "mnist")
    assert pooch.get_logger().level == before


def test_the_root_is_the_argument_then_the_variable_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TITHE_DATA", str(tmp_path / "named"))
    assert data_root(tmp_path) == tmp_path
    assert data_root() == tmp_path / "named"
    monkeypatch.delenv("TITHE_DATA")
    assert data_root() == Path(pooch.os_cache("tithe"))


def test_every_file_that_can_be_had_has_an_address_and_a_digest():
    files = [file for official in OFFICIAL_SETS.values() for file in official.files]
    files = [file for file in files if file.addresses]
    assert len(files) == 14
    for file in files:
        assert all(address.endswith(f"/{file.name}") for address in file.addresses)
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.num_bytes > 0
    assert len({file.sha256 for file in files}) == 14
