"""What is on disk, and whether it is what was published."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace

import pytest

from tests.data.local_server import official_file, serving
from tests.data.official_files import CIFAR_BATCHES, write_cifar, write_mnist, write_svhn
from tithe.checks import BadInput
from tithe.data import catalogue
from tithe.data.catalogue import SET_NAMES
from tithe.data.inventory import check, describe, fetch


@pytest.fixture
def catalogue_of(monkeypatch):
    """Puts other files, addresses and digests into the catalogue."""

    def put(name, files):
        changed = replace(catalogue.OFFICIAL_SETS[name], files=tuple(files))
        monkeypatch.setitem(catalogue.OFFICIAL_SETS, name, changed)

    return put


def test_an_empty_root_holds_only_digits(tmp_path):
    statuses = {status.name: status for status in describe(tmp_path)}
    assert list(statuses) == list(SET_NAMES)
    assert [status.state for status in statuses.values()] == ["present", *["missing"] * 10]
    assert statuses["mnist"].folder == tmp_path / "mnist"
    assert statuses["mnist"].num_bytes_official == 11_594_722
    assert not statuses["mnist"].is_usable
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_counted(tmp_path):
    write_mnist(tmp_path / "fashion-mnist")
    write_cifar(tmp_path / "cifar10", names=CIFAR_BATCHES[:5])
    write_svhn(tmp_path / "svhn" / "train_32x32.mat")
    statuses = {status.name: status for status in describe(tmp_path)}
    fashion, cifar, svhn = (statuses[name] for name in ("fashion-mnist", "cifar10", "svhn"))
    assert (fashion.state, fashion.is_usable) == ("present", True)
    assert fashion.num_bytes == sum(
        path.stat().st_size for path in (tmp_path / "fashion-mnist").iterdir()
    )
    assert (cifar.state, cifar.is_usable) == ("partial", True)
    assert "tests on batch 5" in cifar.note
    assert (svhn.state, svhn.is_usable) == ("partial", False)


def test_a_file_is_right_wrong_missing_or_unknown(tmp_path, catalogue_of):
    write_mnist(tmp_path / "mnist")
    files = [official_file(path, "http://127.0.0.1:9/") for path in (tmp_path / "mnist").iterdir()]
    catalogue_of("mnist", files)
    assert {done.verdict for done in check("mnist", tmp_path)} == {"right"}
    first, second, third, _ = (tmp_path / "mnist" / file.name for file in files)
    first.write_bytes(b"changed")
    second.rename(second.with_suffix(""))
    third.unlink()
    verdicts = {done.name: done.verdict for done in check("mnist", tmp_path)}
    assert verdicts[first.name] == "wrong"
    assert verdicts[second.with_suffix("").name] == "unknown"
    assert verdicts[third.name] == "missing"
    assert len(verdicts) == 4


def test_cifar_batches_are_checked_by_their_unpacked_bytes(tmp_path, monkeypatch):
    records = write_cifar(tmp_path / "cifar10", form="xz")
    digest = hashlib.sha256(records["test_batch.bin"].tobytes()).hexdigest()
    monkeypatch.setitem(catalogue.CIFAR10_BATCHES, "test_batch.bin", digest)
    verdicts = {done.name: done.verdict for done in check("cifar10", tmp_path)}
    assert verdicts.pop("test_batch.bin.xz") == "right"
    assert verdicts == {f"{name}.xz": "wrong" for name in CIFAR_BATCHES[:5]}


def test_fetching_gets_what_is_missing_and_writes_over_nothing(tmp_path, catalogue_of):
    write_mnist(tmp_path / "published")
    published = sorted((tmp_path / "published").iterdir())
    ours = tmp_path / "root" / "mnist"
    ours.mkdir(parents=True)
    (ours / published[0].name).write_bytes(b"ours")
    announced = []
    with serving(tmp_path / "published") as address:
        catalogue_of("mnist", [official_file(path, address + path.name) for path in published])
        checks = fetch(
            "mnist", tmp_path / "root", announce=lambda file: announced.append(file.name)
        )
    assert announced == [path.name for path in published[1:]]
    assert (ours / published[0].name).read_bytes() == b"ours"
    assert [done.verdict for done in checks] == ["wrong", "right", "right", "right"]


def test_fetching_cifar_gets_the_tarball_where_only_a_part_is_there(tmp_path, catalogue_of):
    write_cifar(tmp_path / "published", form="tarball")
    write_cifar(tmp_path / "root" / "cifar10", names=CIFAR_BATCHES[:5], form="xz")
    with serving(tmp_path / "published") as address:
        tarball = tmp_path / "published" / "cifar-10-binary.tar.gz"
        catalogue_of("cifar10", [official_file(tarball, address + tarball.name)])
        checks = fetch("cifar10", tmp_path / "root")
        again = fetch("cifar10", tmp_path / "root")
    assert [(done.name, done.verdict) for done in checks] == [(tarball.name, "right")]
    assert again == checks


def test_extra_files_are_checked_where_they_are(tmp_path):
    for name in ("train", "test", "extra"):
        write_svhn(tmp_path / "svhn" / f"{name}_32x32.mat", 2)
    verdicts = {done.name: done.verdict for done in check("svhn", tmp_path)}
    assert verdicts["extra_32x32.mat"] == "wrong"
    assert len(verdicts) == 3


def test_digits_need_no_fetching(tmp_path):
    assert fetch("digits", tmp_path) == check("digits", tmp_path) == []


@pytest.mark.parametrize("act", [fetch, check])
def test_an_unknown_name_is_refused(tmp_path, act):
    with pytest.raises(BadInput, match="did you mean 'cifar10'"):
        act("cifar", tmp_path)


def test_the_official_files_are_right(data_root):
    if not (data_root / "mnist").is_dir():
        pytest.skip("TITHE_DATA holds no mnist")
    assert [done.verdict for done in check("mnist", data_root)] == ["right"] * 4


@pytest.mark.slow
def test_the_official_cifar_batches_are_right(data_root):
    if not (data_root / "cifar10").is_dir():
        pytest.skip("TITHE_DATA holds no cifar10")
    assert "wrong" not in {done.verdict for done in check("cifar10", data_root)}


def test_a_text_published_unpacked_is_known_by_what_its_gzip_holds(tmp_path):
    shelf = tmp_path / "tabular"
    shelf.mkdir()
    (shelf / "adult.data.gz").write_bytes(gzip.compress(b"not it"))
    (shelf / "adult.test").write_bytes(b"nor this")
    checks = {done.name: done for done in check("adult", tmp_path)}
    assert checks["adult.data.gz"].got == hashlib.sha256(b"not it").hexdigest()
    assert checks["adult.test"].got == hashlib.sha256(b"nor this").hexdigest()
    assert {done.verdict for done in checks.values()} == {"wrong"}


def test_what_has_no_published_digest_is_unknown(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "sst2_train.tsv").write_bytes(b"sentence\tlabel\n")
    verdicts = {done.name: done.verdict for done in check("sst2", tmp_path)}
    assert verdicts == {"sst2_train.tsv": "unknown", "sst2_test.tsv": "missing"}


def test_what_has_no_address_is_said_to_be_put_there_by_hand(tmp_path):
    with pytest.raises(BadInput, match=r"it has no address of its own; put it into .*text by hand"):
        fetch("sms-spam", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_real_tables_and_texts_are_right(data_root):
    for name in ("wdbc", "adult"):
        assert {done.verdict for done in check(name, data_root)} == {"right"}
    verdicts = {done.name: done.verdict for done in check("ag-news", data_root)}
    assert verdicts["ag_news_test.csv.gz"] == "right"
    assert [done.verdict for done in check("sms-spam", data_root)] == ["right"]
