"""``tithe audit property``: do a participant's uploads tell how common a class is with it?"""

from __future__ import annotations

from typing import Annotated

import typer

from tithe.cli.audit_outcome import Confidence, Json, Out, Public, Seed
from tithe.cli.audit_outcome import show as show_audit
from tithe.cli.audit_uploads import Data, DataOptions, Folder, Turns, Whose, source_of
from tithe.cli.exit_codes import in_sentences


@in_sentences
def about_property(
    directory: Folder,
    *,
    participant: Whose = 0,
    data: Data = None,
    data_options: DataOptions = None,
    wanted: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="The class; else the rarest among the public rows."
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share", help="What it has to exceed, in (0, 1); else its share of public rows."
        ),
    ] = None,
    rehearsals: Annotated[
        int,
        typer.Option(
            "--rehearsals", min=10, help="Turns of each kind that the observer learns from."
        ),
    ] = 40,
    tests: Annotated[
        int, typer.Option("--tests", min=10, help="Participants of each kind it is tried on.")
    ] = 40,
    turns: Turns = 5,
    confidence: Confidence = 0.95,
    seed: Seed = 1,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Try whether a participant's uploads tell if a class is more than so common among its rows.

    The observer is the server: it plays each turn on public rows of its own with the property and
    without, and learns to tell the uploads. Nothing leaves this machine. The report goes to
    DIR/audit/property-N.
    """
    from tithe.run_audits.property import PropertyOptions, audit_property

    source = source_of(directory, participant, data, data_options)
    options = PropertyOptions(
        wanted=wanted,
        boundary=share,
        num_rehearsals=rehearsals,
        num_tests=tests,
        num_turns=turns,
        confidence=confidence,
        seed=seed,
    )
    facts = audit_property(source, options)
    where = out or directory / "audit" / f"property-{source.participant.number}"
    show_audit(facts, out=where, is_public=public, is_json=json)
