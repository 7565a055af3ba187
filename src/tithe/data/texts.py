"""Three sets of labelled texts: SMS Spam, SST-2 and AG News."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from tithe.checks import BadInput
from tithe.data.dataset import Dataset, Splits
from tithe.data.official import OfficialSet
from tithe.data.plain_files import read_text
from tithe.data.split import stratified_split
from tithe.data.tokens import token_rows
from tithe.randomness import stream

_SPLIT_SEED = 0
_TEST_FRACTION = 0.2

Labelled = Iterable[tuple[int, str]]


def read_spam(official: OfficialSet, folder: Path) -> Splits:
    """Reads messages as token numbers, int64 ``(n, 64)``; a fixed split sets a fifth aside.

    Raises:
      BadInput: the file is missing, or a line is no label, tab and message.
    Source: Almeida, Gomez Hidalgo & Yamakami 2011.
    """
    whole = _part(official, folder, official.files[0].name, _spam_lines)
    rng = stream(_SPLIT_SEED, purpose="test split")
    train, test = stratified_split(whole.labels, test_fraction=_TEST_FRACTION, rng=rng)
    return _splits(official, whole.take(train), whole.take(test), "a fixed split by class")


def read_sst2(official: OfficialSet, folder: Path) -> Splits:
    """Reads sentences of film reviews as token numbers, int64 ``(n, 64)``.

    Raises:
      BadInput: a file is missing, or a line is no sentence, tab and label.
    Source: Socher et al. 2013, in the selection of GLUE (Wang et al. 2019).
    """
    train, test = (_part(official, folder, file.name, _sst2_lines) for file in official.files)
    return _splits(official, train, test, "trained on nine tenths of the GLUE training part")


def read_ag_news(official: OfficialSet, folder: Path) -> Splits:
    """Reads titles and descriptions of news as token numbers, int64 ``(n, 64)``.

    Raises:
      BadInput: a file is missing, or a line is no class and text.
    Source: Zhang, Zhao & LeCun 2015, after Gulli's corpus.
    """
    train, test = (_part(official, folder, file.name, _news_lines) for file in official.files)
    return _splits(official, train, test, "a sample of the training file and the test file")


def _spam_lines(text: str) -> Labelled:
    for line in text.split("\n"):
        if line:
            label, _, message = line.partition("\t")
            yield ("ham", "spam").index(label), message


def _sst2_lines(text: str) -> Labelled:
    lines = io.StringIO(text, newline="")
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    for row in rows:
        yield int(row["label"]), row["sentence"]


def _news_lines(text: str) -> Labelled:
    for number, *parts in csv.reader(io.StringIO(text, newline="")):
        yield int(number) - 1, " ".join(parts)


def _part(
    official: OfficialSet, folder: Path, name: str, lines_of: Callable[[str], Labelled]
) -> Dataset:
    text = read_text(folder, name)
    try:
        labelled = list(lines_of(text))
    except (ValueError, KeyError, csv.Error) as error:
        raise BadInput(
            f"{folder / name}: must be the published texts, got a line that is not of them"
        ) from error
    return Dataset(
        official.name,
        token_rows(each for _, each in labelled),
        torch.tensor([label for label, _ in labelled], dtype=torch.int64),
        official.class_names,
    )


def _splits(official: OfficialSet, train: Dataset, test: Dataset, how: str) -> Splits:
    return Splits(
        train,
        test,
        f"{official.title}, {how}: {len(train):,} train and {len(test):,} test texts, of each the "
        "first 64 words as numbers.",
    )
