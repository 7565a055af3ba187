"""``tithe plan``: a plan with every default written out, or what all its keys mean."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tithe.cli.options import Overrides
from tithe.cli.screen import complain, screen


def plan(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="A plan file; without one, a plan of defaults."),
    ] = None,
    overrides: Overrides = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every key, its range, default and meaning.")
    ] = False,
) -> None:
    """Show a plan with every key written out.

    What is printed is a plan again, so it is a good start for one of your own.
    """
    from tithe.plan import load_plan

    if explain:
        _explain(screen())
        return
    shown = load_plan("" if path is None else path, overrides or [])
    for sentence in shown.idle_keys():
        complain(f"note: {sentence}")
    screen().print(shown.to_toml(), soft_wrap=True, end="")


def _explain(console: Console) -> None:
    from tithe.plan.reference import reference, section_meaning

    for section, keys in groupby(reference(), key=lambda each: each.section):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
        table.add_column("key", no_wrap=True)
        table.add_column("default")
        table.add_column("meaning and range", ratio=1)
        for key in keys:
            default = "\n".join((key.default, *key.by_recipe))
            table.add_row(key.name, default, Text.assemble(key.meaning, "\n", (key.rule, "dim")))
        title = f"[{section}] {section_meaning(section)}" if section else "At the top of the plan"
        console.print(title, style="bold")
        console.print(table)
