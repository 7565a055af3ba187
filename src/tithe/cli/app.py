"""``tithe``: the command with all its subcommands.

A subcommand imports what it calls when it is called: ``tithe --help`` need not wait for PyTorch.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tithe import __version__
from tithe.cli.account import account
from tithe.cli.audit import audit
from tithe.cli.calibrate import calibrate
from tithe.cli.consent import consent
from tithe.cli.data import data
from tithe.cli.demo import demo
from tithe.cli.enrol import enrol
from tithe.cli.exit_codes import MEANINGS, debug, in_sentences
from tithe.cli.federation import federation
from tithe.cli.join import join
from tithe.cli.keys import keys
from tithe.cli.leave import leave
from tithe.cli.ledger import ledger
from tithe.cli.plan import plan
from tithe.cli.predict import predict
from tithe.cli.report import report
from tithe.cli.reproduce import reproduce
from tithe.cli.run import run
from tithe.cli.screen import screen
from tithe.cli.serve import serve
from tithe.cli.status import status

_HELP = """Train one network together and share only a small, chosen part of what each learnt.

Exit codes:

\b
""" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(*, is_wanted: bool) -> None:
    if is_wanted:
        screen().print(__version__)
        raise typer.Exit


@app.callback()
def tithe(
    is_debugging: Annotated[
        bool, typer.Option("--debug", help="Show a traceback of an unexpected failure.")
    ] = False,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version.",
            is_eager=True,
            callback=lambda is_wanted: _version(is_wanted=is_wanted),
        ),
    ] = False,
) -> None:
    """Notes what holds for every subcommand."""
    if is_debugging:
        debug()


for _command in (demo, run, report, predict, plan, account, calibrate, ledger, reproduce):
    app.command()(in_sentences(_command))
for _part in (keys, enrol, serve, consent, join, status, leave):
    app.command()(in_sentences(_part))
app.add_typer(data, name="data")
app.add_typer(audit, name="audit")
app.add_typer(federation, name="federation")


def main() -> None:
    """The console script ``tithe``."""
    app(prog_name="tithe")
