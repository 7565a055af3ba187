"""A user's table in a CSV file."""

from __future__ import annotations

import gzip

import pytest

from tithe.checks import BadInput
from tithe.data.files import load_features, load_own
from tithe.data.options import read_options
from tithe.data.table import read_csv

WARD = """id,age,sex,site,ill
1,50,f,bath,no
2,61.5, m ,york,yes
3,47,f,york,no
4,70,m,bath,yes
"""
OPTIONS = {
    "label": "ill",
    "group": "site",
    "drop": ["id"],
    "categories": {"sex": ["m", "f", "x"]},
}


def written(folder, text, name="ward.csv"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path, options):
    return read_csv(path, read_options("csv", "csv:ward.csv", options))


def load(folder, text=WARD, **options):
    path = written(folder, text)
    return load_own("csv", str(path), options={**OPTIONS, **options})


@pytest.mark.parametrize("packed", [False, True])
def test_numbers_stay_and_text_becomes_a_column_per_stated_category(tmp_path, packed):
    content = gzip.compress(WARD.encode()) if packed else WARD
    train, test, note = read(written(tmp_path, content, "ward.csv.gz"), OPTIONS)
    assert train.features.tolist() == [[50, 0, 1, 0], [61.5, 1, 0, 0], [47, 0, 1, 0], [70, 1, 0, 0]]
    assert train.labels.tolist() == ["no", "yes", "no", "yes"]
    assert train.groups.tolist() == ["bath", "york", "york", "bath"]
    assert (test, note) == (None, "")


def test_the_whole_way_to_a_data_set(tmp_path):
    splits = load(tmp_path, test_fraction=0.5)
    assert splits.train.class_names == ("no", "yes")
    assert (len(splits.train), len(splits.test)) == (2, 2)
    assert splits.train.features.shape == (2, 4)
    assert splits.train.name == "csv:ward.csv"


def test_categories_are_inferred_only_when_asked_and_said(tmp_path):
    splits = load(tmp_path, categories="infer", test_fraction=0.5)
    assert splits.train.features.shape == (2, 3)
    assert splits.note.endswith("Categories were inferred from the file.")


def test_a_number_may_be_a_category(tmp_path):
    text = "stage,ill\n1,0\n3,1\n"
    options = {"label": "ill", "categories": {"stage": [1, 2, 3]}}
    train, _, _ = read(written(tmp_path, text), options)
    assert train.features.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert train.labels.tolist() == [0, 1]


def test_a_second_file_is_the_test_part_whatever_its_column_order(tmp_path):
    second = written(tmp_path, "ill,sex,age,site,id\nyes,x,33,leeds,9\n", "second.csv")
    splits = load(tmp_path, test=str(second))
    assert splits.test.features.tolist() == [[33, 0, 0, 1]]
    assert splits.test.labels.tolist() == [1]
    assert len(splits.train) == 4
    assert splits.test.groups is None


def test_a_file_without_a_header_names_columns_by_number(tmp_path):
    options = {"label": 2, "drop": ["0"], "header": False}
    train, _, _ = read(written(tmp_path, "842,1.5,M\n\n843,2.5,B\n"), options)
    assert train.features.tolist() == [[1.5], [2.5]]
    assert train.labels.tolist() == ["M", "B"]


def test_a_byte_order_mark_quotes_and_another_delimiter_are_understood(tmp_path):
    text = '\ufeff"age; years";ill\n1;no\n2;yes\n'
    train, _, _ = read(written(tmp_path, text), {"label": "ill", "delimiter": ";"})
    assert train.features.tolist() == [[1], [2]]


BAD = {
    "empty file": ("", {}, "at least one row, got none"),
    "only a header": ("age,ill\n", {}, "at least one row, got none"),
    "not UTF-8": (
        "age,ill\n1,é\n".encode("latin-1"),
        {},
        "must be UTF-8 text, is not from byte 10",
    ),
    "cut gzip": (gzip.compress(WARD.encode())[:-5], {}, "is the path right and the file whole"),
    "odd row": ("age,ill\n1,no\n2\n", {}, "must have 2 cells, got 1 of 2 rows"),
    "open quote": ('age,ill\n"1,no\n', {}, "could not be read as CSV"),
    "same names": ("a,a\n1,2\n", {}, "different names, got 1 names for 2 columns; for a file"),
    "no such label": ("age,il\n1,no\n", {}, "column 'ill' must be one of .* did you mean 'il'"),
    "no such drop": ("age,ill\n1,no\n", {"drop": ["x"]}, "column 'x' must be one of the file's 2"),
    "no such text": ("age,ill\n1,a\n", {"categories": {"b": ["c"]}}, "column 'b' must be one of"),
    "no feature": ("ill\nno\nyes\n", {}, "there must be a column of features"),
    "text": ("age,ill\nold,no\n2,yes\n", {}, "column 'age' must be numbers, got 1 of 2 cells"),
    "empty cell": ("age,ill\n,no\n2,yes\n", {}, "column 'age' must be numbers, got 1 of 2 cells"),
    "NaN": ("age,ill\nnan,no\n1e99,yes\n", {}, "'age' must be finite, got 2 of 2 cells"),
    "no label": ("age,ill\n1,\n2,yes\n", {}, "a label in column 'ill', got 1 of 2 without"),
    "unknown": (
        "sex,ill\nq,no\n",
        {"categories": {"sex": ["f"]}},
        "one of its 1 stated categories, got 1 of 1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, case):
    text, options, said = BAD[case]
    with pytest.raises(BadInput, match=said) as caught:
        read(written(tmp_path, text), {"label": "ill", **options})
    assert "ward.csv: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_label_must_be_named(tmp_path):
    with pytest.raises(BadInput, match="option label must name the column"):
        read(written(tmp_path, WARD), {})


def test_no_cell_of_the_file_is_told(tmp_path):
    text = WARD.replace("61.5", "SECRET")
    with pytest.raises(BadInput) as caught:
        read(written(tmp_path, text), OPTIONS)
    assert "SECRET" not in str(caught.value)


def test_rows_to_predict_are_encoded_as_in_training(tmp_path):
    path = written(tmp_path, "id,age,sex\n1,50,f\n")
    assert load_features(f"csv:{path}", options=OPTIONS).tolist() == [[50, 0, 1, 0]]
    with pytest.raises(BadInput, match="option categories must state the values"):
        load_features(f"csv:{path}", options={**OPTIONS, "categories": "infer"})


def test_the_real_tables_are_read(data_root):
    path = data_root / "tabular" / "wdbc.data"
    if not path.is_file():
        pytest.skip("TITHE_DATA holds no tables")
    splits = load_own(
        "csv",
        str(path),
        options={"label": 1, "drop": ["0"], "header": False, "classes": ["B", "M"]},
    )
    both = splits.train.labels.bincount() + splits.test.labels.bincount()
    assert both.tolist() == [357, 212]  # as published: 357 benign, 212 malignant
    assert splits.train.features.shape[1] == 30
    adult = load_own(
        "csv",
        str(path.with_name("adult.data.gz")),
        options={"label": 14, "header": False, "categories": "infer"},
    )
    assert len(adult.train) + len(adult.test) == 32_561
    assert adult.train.class_names == ("<=50K", ">50K")
    assert adult.train.features.shape[1] == 108


def test_digits_grouped_as_in_python_are_no_number(tmp_path):
    with pytest.raises(BadInput, match="column 'age' must be numbers"):
        read(written(tmp_path, WARD.replace("61.5", "61_500")), OPTIONS)
