"""Plans as text: read from TOML, changed by ``--set``, written as TOML again."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from tithe.checks import nearest
from tithe.plan.errors import BadPlan
from tithe.plan.options import plain

Table = dict[str, Any]


def read_source(source: Path | str | Mapping[str, object]) -> tuple[Table, str]:
    """The raw table of a plan and a name for it in messages.

    Args:
      source: a path, TOML text (it has a line break or an equals sign), or a table already read.
    Raises:
      BadPlan: no such file, or the text is not TOML; says in which line.
    """
    if isinstance(source, Mapping):
        table = plain(source)
        assert isinstance(table, dict)
        return table, ""
    if isinstance(source, str) and (source == "" or re.search(r"[\n=]", source)):
        return parse(source, name="the plan"), ""
    path = Path(source)
    return parse(_read(path), name=str(path)), str(path)


def parse(text: str, *, name: str) -> Table:
    """The table of a TOML text; ``name`` is what a message calls it."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan([_syntax_problem(str(error), text=text, name=name)]) from None


def apply_overrides(table: Table, overrides: Sequence[str]) -> list[str]:
    """Sets ``a.b=VALUE`` in the table, each in order; returns a sentence for each that cannot be.

    A value is read as TOML; what is no TOML is taken as a text, so ``--set model.name=mnist-cnn``
    needs no quotes. Whether a key exists is left to the validation of the whole plan.
    """
    problems = []
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            problems.append(f'--set must look like sharing.theta_u=0.1, got "{override}"')
            continue
        inner: object = table
        for key in keys[:-1]:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[keys[-1]] = value_of(text)
        else:
            problems.append(f'--set must name a key of a section, got "{path.strip()}"')
    return problems


def value_of(text: str) -> object:
    """The TOML value a text stands for, or the text itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text.strip()
    value = table["value"]
    is_one_value = len(table) == 1
    is_date = isinstance(value, (dt.date, dt.time))
    return value if is_one_value and not is_date else text.strip()


def write(table: Mapping[str, object]) -> str:
    """The table as TOML, sections in the order given."""
    values = plain(table)
    assert isinstance(values, dict)
    return tomli_w.dumps(values)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadPlan([f"there is no plan {path}{_neighbour(path)}"]) from None
    except IsADirectoryError:
        raise BadPlan([f"{path} must be a plan file, got a folder"]) from None
    except UnicodeDecodeError:
        raise BadPlan([f"{path} must be UTF-8 text, got other bytes"]) from None
    except OSError as error:
        raise BadPlan([f"{path} cannot be read: {error.strerror or error}"]) from None


def _neighbour(path: Path) -> str:
    """``; did you mean ...?`` with the file beside it that looks most like it."""
    try:
        names = [each.name for each in path.parent.glob("*.toml")]
    except OSError:
        names = []
    close = nearest(path.name, names)
    return f"; did you mean {path.parent / close}?" if close else ""


def _syntax_problem(message: str, *, text: str, name: str) -> str:
    where = re.search(r"\(at line (\d+), column \d+\)$", message)
    reason = re.sub(r"\s*\(at .*\)$", "", message)
    lines = text.rstrip().splitlines() or [""]
    number = min(int(where[1]), len(lines)) if where else len(lines)  # else: at the end
    line = lines[number - 1].strip()
    bare = re.fullmatch(r"[\w.\-]+\s*=\s*([A-Za-z][\w:./\-]*)", line)
    hint = f'; text takes quotes: "{bare[1]}"' if bare else ""
    return f"{name} must be TOML: line {number}, `{line}`: {reason}{hint}"
