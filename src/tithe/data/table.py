"""A user's own table in a CSV file."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tithe.checks import BadInput, nearest
from tithe.data.arrays import Array, Part
from tithe.data.options import OwnOptions

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Table:
    """Column names, and cells as text without blanks around; every row is as long as the names."""

    path: Path
    columns: tuple[str, ...]
    rows: list[list[str]]


def read_csv(path: Path, options: OwnOptions) -> tuple[Part, Part | None, str]:
    """The train part, the test part if option ``test`` names one, and a note on categories.

    Numeric columns become one float32 each. A text column becomes one 0/1 column per category, in
    the order in which option ``categories`` states them.

    Raises:
      BadInput: an unreadable file, a column that does not exist, a cell that does not fit.
    """
    if options.label is None:
        raise BadInput(f"{path}: option label must name the column of the class, got none")
    tables = [read_table(path, options)]
    if options.test is not None:
        tables.append(read_table(Path(options.test), options))
    for table in tables:
        for column in (options.label, options.group, *options.drop, *_stated(options)):
            _require_column(table, column)
    features = encode(tables, options)
    labels = _labels(tables, options.label)
    groups = None if options.group is None else np.array(_cells(tables, options.group))
    num_train = len(tables[0].rows)
    train = Part(
        features[:num_train],
        labels[:num_train],
        None if groups is None else groups[:num_train],
        columns=_feature_columns(tables[0], options) if options.header else (),
    )
    note = "Categories were inferred from the file." if options.categories == "infer" else ""
    if len(tables) == 1:
        return train, None, note
    return train, Part(features[num_train:], labels[num_train:]), note


def read_csv_features(path: Path, options: OwnOptions, columns: Sequence[str] = ()) -> Array:
    """The features alone, encoded as for training; label and group columns are ignored if there.

    Args:
      path: of the file.
      options: as in training.
      columns: the feature columns of the training, found by their names in any order, and all that
        is read; none if they had no names, then every column but those set aside is one.
    Raises:
      BadInput: an unreadable file, a column that does not exist, a cell that does not fit.
    """
    if options.categories == "infer":
        raise BadInput(
            f"{path}: rows to predict must be encoded as in training, so option categories must "
            "state the values, got 'infer'"
        )
    table = read_table(path, options)
    for column in (*_stated(options), *columns):
        _require_column(table, column)
    return encode([table], options, columns)


def read_table(path: Path, options: OwnOptions) -> Table:
    """Reads all cells of a CSV file, plain or gzip, in UTF-8.

    Raises:
      BadInput: unreadable, not UTF-8, no row, two columns of one name, or a row of another length.
    """
    text = _text(path)
    try:
        lines = [[cell.strip() for cell in row] for row in _reader(text, options) if row]
    except csv.Error as error:
        raise BadInput(f"{path}: could not be read as CSV ({error})") from error
    if options.header and lines:
        columns, lines = tuple(lines[0]), lines[1:]
    else:
        columns = tuple(str(number) for number in range(len(lines[0]) if lines else 0))
    if not lines:
        raise BadInput(f"{path}: there must be at least one row, got none")
    if len(set(columns)) < len(columns):
        raise BadInput(
            f"{path}: columns must have different names, got {len(set(columns))} names for "
            f"{len(columns)} columns; for a file without a header set header = false"
        )
    odd = sum(len(row) != len(columns) for row in lines)
    if odd:
        raise BadInput(
            f"{path}: every row must have {len(columns)} cells, got {odd} of {len(lines)} rows "
            "with another number; is the delimiter right?"
        )
    return Table(path, columns, lines)


def encode(tables: Sequence[Table], options: OwnOptions, columns: Sequence[str] = ()) -> Array:
    """The feature columns of all tables, one below the other, float32 of shape ``(n, f)``."""
    columns = columns or _feature_columns(tables[0], options)
    if not columns:
        raise BadInput(f"{tables[0].path}: there must be a column of features, got none")
    for table in tables[1:]:
        for column in columns:
            _require_column(table, column)
    blocks = [_encode_column(tables, column, options) for column in columns]
    return np.concatenate(blocks, axis=1)


def _feature_columns(table: Table, options: OwnOptions) -> tuple[str, ...]:
    """Every column that the options do not set aside, in the file's order."""
    aside = {options.label, options.group, *options.drop}
    return tuple(column for column in table.columns if column not in aside)


def _encode_column(tables: Sequence[Table], column: str, options: OwnOptions) -> Array:
    """(n, 1) numbers, or (n, k) zeros and ones."""
    cells = _cells(tables, column)
    path, categories = tables[0].path, options.categories
    stated = _stated(options).get(column)
    if stated is None:
        numbers = [_number(cell) for cell in cells]
        num_text = sum(number is None for number in numbers)
        if num_text == 0:
            return _finite(np.array(numbers, dtype=np.float64), f"{path}: column {column!r}")
        if categories != "infer":
            raise BadInput(
                f"{path}: column {column!r} must be numbers, got {num_text} of {len(cells)} cells "
                f"that are not; mend them, drop the column, or state its values as option "
                f"categories.{column}"
            )
        stated = tuple(sorted(set(cells)))
    position = {category: number for number, category in enumerate(stated)}
    unknown = sum(cell not in position for cell in cells)
    if unknown:
        raise BadInput(
            f"{path}: cells of column {column!r} must be one of its {len(stated)} stated "
            f"categories, got {unknown} of {len(cells)} that are not"
        )
    block = np.zeros((len(cells), len(stated)), dtype=np.float32)
    block[np.arange(len(cells)), [position[cell] for cell in cells]] = 1.0
    return block


def _finite(numbers: Array, where: str) -> Array:
    """(n,) -> (n, 1), as float32."""
    with np.errstate(over="ignore"):
        block = numbers.astype(np.float32)[:, None]
    num_bad = int((~np.isfinite(block)).sum())
    if num_bad:
        raise BadInput(
            f"{where} must be finite, got {num_bad} of {len(block)} cells that are NaN, infinite "
            "or too large for float32; mend or drop those rows"
        )
    return block


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content[:2] == _GZIP_MAGIC:
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{path}: could not be read ({error}); is the path right and the file whole?"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: must be UTF-8 text, is not from byte {error.start} on") from error


def _reader(text: str, options: OwnOptions) -> Iterator[list[str]]:
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=options.delimiter,
        skipinitialspace=True,
        strict=True,
    )


def _stated(options: OwnOptions) -> dict[str, tuple[str, ...]]:
    stated = options.categories
    return {} if stated is None or stated == "infer" else dict(stated)


def _require_column(table: Table, column: str | None) -> None:
    if column is None or column in table.columns:
        return
    close = nearest(column, table.columns) if len(table.columns) > 1 else None
    hint = f"; did you mean {close!r}?" if close else ""
    raise BadInput(
        f"{table.path}: column {column!r} must be one of the file's {len(table.columns)}, is not"
        f"{hint}"
    )


def _cells(tables: Sequence[Table], column: str) -> list[str]:
    cells: list[str] = []
    for table in tables:
        position = table.columns.index(column)
        cells += [row[position] for row in table.rows]
    return cells


def _number(cell: str) -> float | None:
    if "_" in cell:  # Python's way to group digits, and nobody's in a table
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _labels(tables: Sequence[Table], column: str) -> Array:
    """Whole numbers if every cell is one, else text."""
    cells = _cells(tables, column)
    num_empty = sum(cell.lower() in ("", "nan") for cell in cells)
    if num_empty:
        raise BadInput(
            f"{tables[0].path}: every row must have a label in column {column!r}, got "
            f"{num_empty} of {len(cells)} without; mend or drop those rows"
        )
    numbers = [_number(cell) for cell in cells]
    if all(number is not None and number.is_integer() for number in numbers):
        return np.array(numbers, dtype=np.float64)
    return np.array(cells)
