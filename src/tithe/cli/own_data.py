"""A participant's own rows on the command line: where they are, and how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tithe.federation.party import Party
    from tithe.plan import Plan

OwnData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SET",
        help="Your rows, as data.set of a plan names them: csv:rows.csv; else those it deals.",
    ),
]
DataOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--data-option",
        metavar="KEY=VALUE",
        help="How to read them, as data.options of a plan, e.g. label=outcome; may be given again.",
    ),
]


def party_maker(
    number: int, data: str | None, options: Sequence[str] | None, root: Path | None
) -> Callable[[Plan], Party]:
    """What makes of a plan this participant's part of it.

    Raises:
      BadInput: options without data, or one that is no KEY=VALUE.
    """
    from tithe.federation.party import party_in, party_with

    if options and data is None:
        raise BadInput("--data-option says how to read --data, which is missing; give it too")
    named = options_of(options or ())

    def make(plan: Plan) -> Party:
        if data is None:
            return party_in(plan, number, data_root=root)
        return party_with(plan, number, data=data, options=named, data_root=root)

    return make


def options_of(texts: Sequence[str]) -> dict[str, object]:
    """``label=outcome`` as a table; a value is read as TOML, and what is no TOML as text.

    Raises:
      BadInput: one is no KEY=VALUE.
    """
    from tithe.plan.text import value_of

    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"--data-option must look like label=outcome, got {text}")
        found[key.strip()] = value_of(value)
    return found
