"""Options that several subcommands share, each with one name and one meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the plan, e.g. sharing.theta_u=0.01; may be given again.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder of the run; else runs/NAME.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only the verdict and the page.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a round and one at the end.")
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help="Where data sets lie; else $TITHE_DATA or your cache folder."
    ),
]


def require_one_form(*, is_quiet: bool, is_json: bool) -> None:
    """Refuses --quiet together with --json."""
    if is_quiet and is_json:
        raise typer.BadParameter("--quiet and --json exclude each other")
