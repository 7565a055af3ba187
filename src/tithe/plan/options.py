"""A free table in a plan (a loader's options, a model's arguments) that nobody can change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_SCALARS = (str, bool, int, float, dt.datetime, dt.date, dt.time)


class Options(Mapping[str, object]):
    """An immutable, hashable mapping of text to TOML values; equal to the dict it was made of.

    Lists inside become tuples and tables become ``Options``, so that a whole plan can be hashed.
    """

    def __init__(self, values: Mapping[str, object] | None = None, **named: object) -> None:
        merged = {**(values or {}), **named}
        self._values = {key: frozen(value) for key, value in sorted(merged.items())}

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._values == dict(Options(other).items())

    def __repr__(self) -> str:
        return f"Options({self._values!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        """Lets Pydantic accept a mapping with text keys wherever a field is an ``Options``."""
        return core_schema.no_info_plain_validator_function(cls._from_table)

    @classmethod
    def _from_table(cls, table: object) -> Options:
        if not isinstance(table, Mapping):
            raise ValueError(f"must be a table, got {table!r}")
        return table if isinstance(table, Options) else cls(table)


def frozen(value: object) -> object:
    """The value with its lists turned into tuples and its tables into ``Options``.

    Raises:
      ValueError: something inside has no TOML form.
    """
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a table's keys must be text")
        return Options(value)
    if isinstance(value, (list, tuple)):
        return tuple(frozen(each) for each in value)
    if isinstance(value, _SCALARS):
        return value
    raise ValueError(f"a plan cannot hold a {type(value).__name__}")


def plain(value: object) -> object:
    """The value as dicts and lists again, as TOML and JSON writers want it."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
