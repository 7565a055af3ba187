"""How an audit ends on the command line: files written, a summary on the screen, an exit code."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.exit_codes import FAILED
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.report.audit_facts import AuditFacts

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder of audit.json and audit.html."),
]
Public = Annotated[
    bool, typer.Option("--public", help="Leave out images, records and counts, for others to see.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]
Records = Annotated[
    int, typer.Option("--records", min=20, help="Members to look for, at most, and as many others.")
]
Confidence = Annotated[
    float, typer.Option("--confidence", help="Of every limit by itself, above 0.5.")
]
Rate = Annotated[
    float | None,
    typer.Option("--fpr", help="A false-positive rate that must be told, such as 0.001."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of all draws.")]
Processes = Annotated[
    int, typer.Option("--processes", min=0, help="Of the rehearsals; 0 takes one a core.")
]


def show(facts: AuditFacts, *, out: Path, is_public: bool, is_json: bool) -> None:
    """Writes the report and prints it; exit code 1 if more is shown than was claimed."""
    from tithe.report.audit_facts import public
    from tithe.report.audit_page import write_audit
    from tithe.report.audit_words import summary

    written = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    facts = replace(facts, when={"Written": written})
    told = public(facts) if is_public else facts
    json_path, page = write_audit(told, out, is_public=is_public)
    if is_json:
        screen().out(told.to_json().decode().rstrip(), highlight=False)
    else:
        for line in summary(told):
            screen().print(line, soft_wrap=True)
        screen().print(f"report: {json_path}", soft_wrap=True)
        screen().print(f"page: {page}", soft_wrap=True)
    epsilon = facts.epsilon
    if epsilon is not None and epsilon.claimed is not None and epsilon.shown > epsilon.claimed:
        complain(f"epsilon {epsilon.shown:.2f} is shown and {epsilon.claimed:.2f} was claimed")
        raise typer.Exit(FAILED)
