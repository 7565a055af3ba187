"""Two tables of the UCI repository: breast cancer (WDBC) and incomes (Adult)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.official import OfficialSet
from tithe.data.plain_files import read_text
from tithe.data.split import stratified_split
from tithe.randomness import stream

_SPLIT_SEED = 0
_TEST_FRACTION = 0.2
_MEASURES = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"),
    *("concave points", "symmetry", "fractal dimension"),
)
_WDBC_COLUMNS = tuple(
    f"{measure}, {what}" for what in ("mean", "error", "worst") for measure in _MEASURES
)

# The attributes of Adult in the order of its files; those with values become a column for each. The
# values are those of its published description, with "?" for what is not known.
_ADULT: dict[str, tuple[str, ...]] = {
    "age": (),
    "workclass": (
        *("Private", "Self-emp-not-inc", "Self-emp-inc", "Federal-gov", "Local-gov"),
        *("State-gov", "Without-pay", "Never-worked", "?"),
    ),
    "fnlwgt": (),
    "education": (
        *("Bachelors", "Some-college", "11th", "HS-grad", "Prof-school", "Assoc-acdm"),
        *("Assoc-voc", "9th", "7th-8th", "12th", "Masters", "1st-4th", "10th", "Doctorate"),
        *("5th-6th", "Preschool"),
    ),
    "education-num": (),
    "marital-status": (
        *("Married-civ-spouse", "Divorced", "Never-married", "Separated", "Widowed"),
        *("Married-spouse-absent", "Married-AF-spouse"),
    ),
    "occupation": (
        *("Tech-support", "Craft-repair", "Other-service", "Sales", "Exec-managerial"),
        *("Prof-specialty", "Handlers-cleaners", "Machine-op-inspct", "Adm-clerical"),
        *("Farming-fishing", "Transport-moving", "Priv-house-serv", "Protective-serv"),
        *("Armed-Forces", "?"),
    ),
    "relationship": (
        *("Wife", "Own-child", "Husband", "Not-in-family", "Other-relative", "Unmarried"),
    ),
    "race": ("White", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other", "Black"),
    "sex": ("Female", "Male"),
    "capital-gain": (),
    "capital-loss": (),
    "hours-per-week": (),
    "native-country": (
        *("United-States", "Cambodia", "England", "Puerto-Rico", "Canada", "Germany"),
        *("Outlying-US(Guam-USVI-etc)", "India", "Japan", "Greece", "South", "China", "Cuba"),
        *("Iran", "Honduras", "Philippines", "Italy", "Poland", "Jamaica", "Vietnam", "Mexico"),
        *("Portugal", "Ireland", "France", "Dominican-Republic", "Laos", "Ecuador", "Taiwan"),
        *("Haiti", "Columbia", "Hungary", "Guatemala", "Nicaragua", "Scotland", "Thailand"),
        *("Yugoslavia", "El-Salvador", "Trinadad&Tobago", "Peru", "Hong"),
        *("Holand-Netherlands", "?"),
    ),
}
_NUMBERS = tuple(name for name, values in _ADULT.items() if not values)
_FLAGS = tuple((name, value) for name, values in _ADULT.items() for value in values)


def read_wdbc(official: OfficialSet, folder: Path) -> Splits:
    """Reads 30 numbers a row, float32 ``(n, 30)``; a fixed split by class sets a fifth aside.

    Raises:
      BadInput: the file is missing, or a row is not as published.
    Source: Wolberg, Mangasarian & Street 1995.
    """
    rows = _rows(folder, official.files[0].name, num_cells=32)
    classes = {"B": 0, "M": 1}
    try:
        numbers = np.array([[float(cell) for cell in row[2:]] for row in rows], dtype=np.float32)
        labels = torch.tensor([classes[row[1]] for row in rows])
    except (ValueError, KeyError) as error:
        raise _misfit(folder, official.files[0].name) from error
    whole = _dataset(official, numbers, labels, _WDBC_COLUMNS)
    rng = stream(_SPLIT_SEED, purpose="test split")
    train, test = stratified_split(labels, test_fraction=_TEST_FRACTION, rng=rng)
    return Splits(
        whole.take(train),
        whole.take(test),
        f"{official.title}, a fixed split by class: {len(train)} train and {len(test)} test rows.",
    )


def read_adult(official: OfficialSet, folder: Path) -> Splits:
    """Reads 6 numbers and 102 columns of 0 and 1 a row, float32 ``(n, 108)``.

    Which values a text may have is taken from the published description and not from the rows, so
    a column tells nobody which values occur.
    Raises:
      BadInput: a file is missing, or a row is not as published.
    Source: Becker & Kohavi 1996.
    """
    train, test = (_adult_part(official, folder, file.name) for file in official.files)
    return Splits(
        train,
        test,
        f"{official.title}, the official split: {len(train):,} train and {len(test):,} test rows; "
        "texts as one column for each published value.",
    )


def _adult_part(official: OfficialSet, folder: Path, name: str) -> Dataset:
    rows = _rows(folder, name, num_cells=len(_ADULT) + 1)
    place = {attribute: number for number, attribute in enumerate(_ADULT)}
    column = {flag: len(_NUMBERS) + number for number, flag in enumerate(_FLAGS)}
    features = np.zeros((len(rows), len(_NUMBERS) + len(_FLAGS)), dtype=np.float32)
    try:
        for number, attribute in enumerate(_NUMBERS):
            features[:, number] = [float(row[place[attribute]]) for row in rows]
        for attribute in place.keys() - set(_NUMBERS):
            flags = [column[attribute, row[place[attribute]]] for row in rows]
            features[np.arange(len(rows)), flags] = 1
        labels = [official.class_names.index(row[-1].removesuffix(".")) for row in rows]
    except (ValueError, KeyError) as error:
        raise _misfit(folder, name) from error
    columns = (*_NUMBERS, *(f"{attribute}={value}" for attribute, value in _FLAGS))
    return _dataset(official, features, torch.tensor(labels), columns)


def _rows(folder: Path, name: str, *, num_cells: int) -> list[list[str]]:
    """The lines of so many cells; Adult's test file begins with a remark."""
    lines = csv.reader(read_text(folder, name).splitlines())
    rows = [[cell.strip() for cell in line] for line in lines if len(line) == num_cells]
    if not rows:
        raise _misfit(folder, name)
    return rows


def _misfit(folder: Path, name: str) -> BadInput:
    return BadInput(f"{folder / name}: must be the published table, got a line that is not of it")


def _dataset(
    official: OfficialSet,
    features: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    labels: torch.Tensor,
    columns: Sequence[str],
) -> Dataset:
    return Dataset(
        official.name,
        torch.from_numpy(features),
        labels,
        official.class_names,
        official.mean,
        official.std,
        columns=tuple(columns),
    )
