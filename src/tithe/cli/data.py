"""``tithe data``: which named data sets are there, and are they what was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tithe.cli.exit_codes import BAD_INPUT, in_sentences
from tithe.cli.figures import size
from tithe.cli.options import DataRoot
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.data.inventory import FileCheck

SetName = Annotated[str, typer.Argument(metavar="NAME", help="As `tithe data list` names it.")]

data = typer.Typer(help="List, fetch and check the named data sets.", invoke_without_command=True)


@data.callback()
def data_or_list(context: typer.Context) -> None:
    """List, fetch and check the named data sets; without a command, list them."""
    if context.invoked_subcommand is None:
        list_sets()


def list_sets(root: DataRoot = None) -> None:
    """Say of each named data set whether it is there, and where."""
    from tithe.data.inventory import describe

    table = Table()
    table.add_column("set")
    table.add_column("there")
    table.add_column("bytes", justify="right")
    table.add_column("note", overflow="fold")
    statuses = describe(root)
    for each in statuses:
        is_useless = each.state == "partial" and not each.is_usable
        taken = size(each.num_bytes) if each.num_bytes else ""
        table.add_row(each.name, "unusable" if is_useless else each.state, taken, each.note)
    console = screen()
    console.print(table)
    for each in statuses:
        if each.state != "present":
            console.print(f"{each.name} is at home at {each.home}", soft_wrap=True)
    folder = next(each.folder.parent for each in statuses if each.folder)
    console.print(f"looked for in {folder}, one folder each", soft_wrap=True)


def fetch(name: SetName, root: DataRoot = None) -> None:
    """Download what is missing of a set, and check every file's SHA-256."""
    from tithe.data.inventory import fetch as fetch_set

    console = screen()
    checks = fetch_set(
        name,
        root,
        announce=lambda file: console.print(
            f"downloading {file.name}, {size(file.num_bytes)}", soft_wrap=True
        ),
    )
    _report(name, checks)


def check(name: SetName, root: DataRoot = None) -> None:
    """Compare the files of a set with the published SHA-256."""
    from tithe.data.inventory import check as check_set

    _report(name, check_set(name, root))


def _report(name: str, checks: list[FileCheck]) -> None:
    """One line a file; exit code 2 if one is wrong or missing."""
    console = screen()
    if not checks:
        console.print(f"{name} comes with scikit-learn; there is nothing to fetch or check")
    for each in checks:
        console.print(f"{each.verdict:<8} {each.name}", soft_wrap=True)
    for each in checks:
        if each.verdict == "wrong":
            complain(f"{each.path} must have SHA-256 {each.expected}, got {each.got}; remove it")
    if any(each.verdict in ("wrong", "missing") for each in checks):
        raise typer.Exit(BAD_INPUT)


data.command("list")(in_sentences(list_sets))
data.command("fetch")(in_sentences(fetch))
data.command("check")(in_sentences(check))
