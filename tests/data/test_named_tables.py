"""The named tables, texts and X-rays: small files in their formats, then the real ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from tithe.checks import BadInput
from tithe.data.datasets import load
from tithe.data.normalise import choose_normalisation, normalise
from tithe.data.tokens import token_rows
from tithe.data.uci_tables import _WDBC_COLUMNS

ADULT = "{age}, Private, 77516, Bachelors, 13, Never-married, Sales, Wife, White, Female, 1, 2, 40, Cuba, {label}"  # noqa: E501


def put(root, shelf, name, text, *, packed=False):
    folder = root / shelf
    folder.mkdir(exist_ok=True)
    raw = text.encode()
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return root


def wdbc(num_rows=10):
    rows = [
        f"{i},{'M' if i % 2 else 'B'}," + ",".join(str(i + j / 10) for j in range(30))
        for i in range(num_rows)
    ]
    return "\n".join(rows) + "\n"


def adult(labels, *, remark=""):
    rows = [ADULT.format(age=20 + i, label=label) for i, label in enumerate(labels)]
    return remark + "\n".join(rows) + "\n"


def test_wdbc_is_split_by_class(tmp_path):
    put(tmp_path, "tabular", "wdbc.data", wdbc())
    splits = load("wdbc", root=tmp_path, offline=True)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.features.shape == (8, 30)
    assert sorted(splits.test.labels.tolist()) == [0, 1]
    assert splits.train.columns == _WDBC_COLUMNS and len(set(_WDBC_COLUMNS)) == 30


def test_adult_has_a_column_for_each_published_value(tmp_path):
    put(tmp_path, "tabular", "adult.data", adult(["<=50K", ">50K"]), packed=True)
    put(tmp_path, "tabular", "adult.test", adult([">50K."], remark="|1x3 Cross validator\n"))
    splits = load("adult", root=tmp_path, offline=True)
    train = splits.train
    assert train.features.shape == (2, 108) == (2, len(train.columns))
    assert train.labels.tolist() == [0, 1] and splits.test.labels.tolist() == [1]
    shown = dict(zip(train.columns, train.features[1].tolist(), strict=True))
    assert shown["age"] == 21 and shown["capital-loss"] == 2
    assert shown["native-country=Cuba"] == shown["workclass=Private"] == 1
    assert sum(value for name, value in shown.items() if "=" in name) == 8


@pytest.mark.parametrize(
    ("wrong", "line"),
    [("wdbc.data", "1,X," + ",".join("1" * 30)), ("wdbc.data", "1,M,2"), ("adult.data", "a,b")],
)
def test_a_table_that_is_not_the_published_one_is_refused(tmp_path, wrong, line):
    put(tmp_path, "tabular", wrong, line + "\n")
    put(tmp_path, "tabular", "adult.test", adult([">50K."]))
    with pytest.raises(BadInput, match=f"{wrong}: must be the published table"):
        load(wrong.split(".")[0], root=tmp_path, offline=True)


def test_an_unpublished_value_is_refused(tmp_path):
    put(tmp_path, "tabular", "adult.data", adult(["<=50K"]).replace("Cuba", "Atlantis"))
    put(tmp_path, "tabular", "adult.test", adult([">50K."]))
    with pytest.raises(BadInput, match=r"adult.data: must be the published table"):
        load("adult", root=tmp_path, offline=True)


def test_texts_become_tokens_and_are_never_shifted(tmp_path):
    put(tmp_path, "text", "SMSSpamCollection", "ham\tHi you\nspam\tWin £9\n" * 5)
    splits = load("sms-spam", root=tmp_path, offline=True)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.features.dtype == torch.int64
    spam = splits.train.features[splits.train.labels == 1][0]
    assert torch.equal(spam, token_rows(["win £9"])[0])
    for kind in ("constants", "own", "none"):
        how = choose_normalisation(splits.train, kind=kind)
        assert torch.equal(normalise(splits.train.features, how), splits.train.features)


def test_news_and_reviews_are_read_with_their_quotes_and_tabs(tmp_path):
    put(tmp_path, "text", "ag_news_train_sample.csv", '"3","Oil ""up"", again"\n"1","Peace"\n')
    put(tmp_path, "text", "ag_news_test.csv", '"4","A title","Two\nlines"\n', packed=True)
    splits = load("ag-news", root=tmp_path, offline=True)
    assert splits.train.labels.tolist() == [2, 0] and splits.test.labels.tolist() == [3]
    assert torch.equal(splits.test.features, token_rows(["a title two lines"]))
    put(tmp_path, "text", "sst2_train.tsv", 'sentence\tlabel\na "fine film\t1\n', packed=True)
    put(tmp_path, "text", "sst2_test.tsv", "sentence\tlabel\nno\u2028good\t0\n")
    splits = load("sst2", root=tmp_path, offline=True)
    assert torch.equal(splits.train.features, token_rows(['a "fine film']))
    assert torch.equal(splits.test.features, token_rows(["no good"]))


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("sms-spam", "SMSSpamCollection", "eggs\thello\n"),
        ("sst2", "sst2_train.tsv", "sentence\tlabel\nfine\tyes\n"),
        ("ag-news", "ag_news_train_sample.csv", '"World","text"\n'),
    ],
)
def test_texts_that_are_not_the_published_ones_are_refused(tmp_path, name, file, text):
    put(tmp_path, "text", file, text)
    put(tmp_path, "text", "sst2_test.tsv", "sentence\tlabel\nfine\t1\n")
    put(tmp_path, "text", "ag_news_test.csv", '"1","a","b"\n')
    with pytest.raises(BadInput, match=f"{file}: must be the published texts"):
        load(name, root=tmp_path, offline=True)


def test_a_damaged_gzip_is_told(tmp_path):
    put(tmp_path, "text", "SMSSpamCollection.gz", "no gzip")
    with pytest.raises(BadInput, match="must be UTF-8 text, plain or gzip"):
        load("sms-spam", root=tmp_path, offline=True)


def test_x_rays_are_padded_and_wrong_arrays_refused(tmp_path):
    (tmp_path / "medmnist").mkdir()
    path = tmp_path / "medmnist" / "pneumoniamnist.npz"
    images = np.full((3, 28, 28), 7, dtype=np.uint8)
    labels = np.array([[0], [1], [1]], dtype=np.uint8)
    parts = {"train_images": images, "test_images": images}
    np.savez(path, **parts, train_labels=labels, test_labels=labels)
    train = load("pneumonia-mnist", root=tmp_path, offline=True).train
    assert train.features.shape == (3, 1, 32, 32) and train.features.dtype == torch.uint8
    assert train.features[0, 0, 1].sum() == 0 and train.features[0, 0, 2].sum() == 28 * 7
    assert train.labels.tolist() == [0, 1, 1]
    np.savez(path, **parts)
    with pytest.raises(BadInput, match="must be an npz of images and labels"):
        load("pneumonia-mnist", root=tmp_path, offline=True)
    parts["train_images"] = images[:, 1:]
    np.savez(path, **parts, train_labels=labels, test_labels=labels)
    with pytest.raises(BadInput, match=r"images must be uint8 of shape \(n, 28, 28\)"):
        load("pneumonia-mnist", root=tmp_path, offline=True)


@pytest.mark.parametrize(
    ("name", "sizes", "of_last_class"),
    # As published: the counts are those of the sets' own descriptions.
    [
        ("pneumonia-mnist", (4708, 624), (3494, 390)),
        ("wdbc", (455, 114), (170, 42)),
        ("adult", (32_561, 16_281), (7841, 3846)),
        ("sms-spam", (4459, 1115), (598, 149)),
        ("sst2", (60_614, 872), (33_828, 444)),
        ("ag-news", (4999, 7600), (1203, 1900)),
    ],
)
def test_the_real_sets_have_their_published_sizes(data_root, name, sizes, of_last_class):
    splits = load(name, root=data_root, offline=True)
    assert (len(splits.train), len(splits.test)) == sizes
    last = splits.train.num_classes - 1
    counts = tuple(int((part.labels == last).sum()) for part in (splits.train, splits.test))
    assert counts == of_last_class


@pytest.mark.parametrize("name", ["wdbc", "adult"])
def test_public_constants_bring_the_real_tables_to_unit_scale(data_root, name):
    splits = load(name, root=data_root, offline=True)
    published = splits.train.features
    if name == "wdbc":  # has no test part of its own
        published = torch.cat([published, splits.test.features])
    scaled = normalise(published, choose_normalisation(splits.train, kind="constants"))
    numbers = scaled if name == "wdbc" else scaled[:, :6]
    assert bool((numbers.mean(dim=0).abs() < 2e-3).all())
    assert bool(((numbers.std(dim=0) - 1).abs() < 2e-3).all())
