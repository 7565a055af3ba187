"""What a user may say about her own files, beside where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tithe.checks import BadInput, nearest


@dataclass(frozen=True)
class OwnOptions:
    """The options of ``npz:``, ``csv:`` and ``images:`` with their defaults.

    Attributes:
      classes: class names in order; None takes them from the data.
      test_fraction: of the rows to set aside where no test part is given, in (0, 1).
      split_seed: which rows those are.
      label: csv: the column of the class.
      group: csv: the column of the natural owner; not a feature.
      drop: csv: columns that are not used.
      categories: csv: the values that each text column may have, or ``"infer"`` to take them from
        the file. Stated ones are public; inferred ones tell everybody which values occur anywhere.
      header: csv: whether the first line names the columns; if not they are "0", "1", ...
      delimiter: csv: one character.
      test: csv: a second file of test rows.
      size: images: height and width to bring every image to.
      channels: images: 1 (grey) or 3 (colour); None keeps grey if all are grey.
      owners: images: whether training images lie in one folder an owner, with class folders in it.
    """

    classes: tuple[str, ...] | tuple[int, ...] | None = None
    test_fraction: float = 0.2
    split_seed: int = 0
    label: str | None = None
    group: str | None = None
    drop: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] | Literal["infer"] | None = None
    header: bool = True
    delimiter: str = ","
    test: str | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None
    owners: bool = False


_COMMON = ("classes", "test_fraction", "split_seed")
_OF_SCHEME = {
    "npz": _COMMON,
    "csv": (
        *_COMMON,
        "label",
        "group",
        "drop",
        "categories",
        "header",
        "delimiter",
        "test",
    ),
    "images": (*_COMMON, "size", "channels", "owners"),
}


def read_options(scheme: str, name: str, options: Mapping[str, object]) -> OwnOptions:
    """Checks the options of one source.

    Args:
      scheme: ``"npz"``, ``"csv"`` or ``"images"``.
      name: how messages call the source.
      options: as they stand in the plan.
    Raises:
      BadInput: an option that does not exist here (names the nearest), or a value it cannot have.
    """
    allowed = _OF_SCHEME[scheme]
    read: dict[str, Any] = {}
    for key, value in options.items():
        if key not in allowed:
            close = nearest(key, allowed)
            hint = f"; did you mean {close!r}?" if close else ""
            raise BadInput(f"{name}: options are {', '.join(allowed)}, got {key!r}{hint}")
        rule, convert = _RULES[key]
        try:
            read[key] = convert(value)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{name}: option {key} must be {rule}, got {value!r}") from error
    return OwnOptions(**read)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return str(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


def _fraction(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError
    return float(value)


def _classes(value: object) -> tuple[str, ...] | tuple[int, ...]:
    entries = _list(value)
    if len(entries) < 2 or len(set(map(str, entries))) < len(entries):
        raise ValueError
    if all(isinstance(entry, str) for entry in entries):
        return tuple(map(str, entries))
    return tuple(_whole(entry) for entry in entries)


def _categories(value: object) -> Mapping[str, tuple[str, ...]] | Literal["infer"]:
    if value == "infer":
        return "infer"
    if not isinstance(value, Mapping):
        raise TypeError
    read = {str(key): tuple(_text(entry) for entry in _list(some)) for key, some in value.items()}
    if any(not some or len(set(some)) < len(some) for some in read.values()):
        raise ValueError
    return read


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _delimiter(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '\r\n"':
        raise ValueError
    return value


def _size(value: object) -> tuple[int, int]:
    height, width = (_whole(entry) for entry in _list(value))
    if height < 1 or width < 1:
        raise ValueError
    return height, width


def _channels(value: object) -> int:
    if _whole(value) not in (1, 3):
        raise ValueError
    return _whole(value)


_COLUMN = "the name of a column"
_RULES: dict[str, tuple[str, Callable[[object], object]]] = {
    "classes": ("a list of two or more different names, or of whole numbers", _classes),
    "test_fraction": ("a number in (0, 1)", _fraction),
    "split_seed": ("a whole number", _whole),
    "label": (_COLUMN, _text),
    "group": (_COLUMN, _text),
    "drop": ("a list of column names", lambda value: tuple(_text(v) for v in _list(value))),
    "categories": ('a table of lists, one per text column, or "infer"', _categories),
    "header": ("true or false", _bool),
    "delimiter": ("one character", _delimiter),
    "test": ("the path of a file", _text),
    "size": ("[height, width], both >= 1", _size),
    "channels": ("1 or 3", _channels),
    "owners": ("true or false", _bool),
}
