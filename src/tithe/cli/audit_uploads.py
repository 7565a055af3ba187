"""``tithe audit uploads`` and ``invert``: what one participant's uploads gave away so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.audit_outcome import Confidence, Json, Out, Public, Records, Seed
from tithe.cli.audit_outcome import show as show_audit
from tithe.cli.exit_codes import in_sentences

if TYPE_CHECKING:
    from tithe.run_audits.upload_source import UploadSource

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="A run that kept its uploads, or a federated run at your own site."
    ),
]
Whose = Annotated[
    int, typer.Option("--participant", min=0, help="Whose uploads, in a run of all of them.")
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DATA", help="At a site: the data, as given to tithe join."),
]
DataOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="At a site: as given to tithe join."),
]

Turns = Annotated[
    int, typer.Option("--turns", min=0, help="Only the last so many uploads; 0: all.")
]


@in_sentences
def uploads(
    directory: Folder,
    *,
    participant: Whose = 0,
    data: Data = None,
    data_options: DataOptions = None,
    records: Records = 600,
    rehearsals: Annotated[
        int, typer.Option("--rehearsals", help="Of each turn; even, at least 4.")
    ] = 8,
    turns: Turns = 0,
    confidence: Confidence = 0.95,
    seed: Seed = 1,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Look at the uploads that a participant really sent, all together: what was told so far?

    Nothing leaves this machine. The report goes to DIR/audit/uploads-N. Exit code 1 if more is
    shown than was charged.
    """
    from tithe.run_audits.uploads import UploadOptions, audit_uploads

    source = source_of(directory, participant, data, data_options)
    options = UploadOptions(
        most_records=records,
        num_rehearsals=rehearsals,
        num_turns=turns,
        confidence=confidence,
        seed=seed,
    )
    facts = audit_uploads(source, options)
    where = out or directory / "audit" / f"uploads-{source.participant.number}"
    show_audit(facts, out=where, is_public=public, is_json=json)


@in_sentences
def invert(
    directory: Folder,
    *,
    participant: Whose = 0,
    data: Data = None,
    data_options: DataOptions = None,
    turn: Annotated[
        int | None, typer.Option("--turn", min=0, help="Whose upload; else the first.")
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Do not try with more records behind the upload.")
    ] = 16,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of the descent.")] = 300,
    starts: Annotated[int, typer.Option("--starts", min=1, help="The best is kept.")] = 2,
    seed: Seed = 1,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Try to rebuild the images behind one upload, beside a control; or say why it is hopeless.

    The report goes to DIR/audit/invert-N. Nothing leaves this machine.
    """
    from tithe.run_audits.inversion import InversionOptions, audit_inversion

    source = source_of(directory, participant, data, data_options)
    options = InversionOptions(
        turn=turn, most_records=most, num_steps=steps, num_starts=starts, seed=seed
    )
    facts = audit_inversion(source, options)
    where = out or directory / "audit" / f"invert-{source.participant.number}"
    show_audit(facts, out=where, is_public=public, is_json=json)


def source_of(
    directory: Path, participant: int, data: str | None, options: list[str] | None
) -> UploadSource:
    """From a run's folder; or from one at a site, where the data have to be named."""
    from tithe.checks import BadInput
    from tithe.cli.predict import source_of as named
    from tithe.plan.text import value_of
    from tithe.run_audits.upload_source import source_at_site, source_in_run

    if (directory / "about.json").is_file():
        return source_in_run(directory, participant=participant)
    if data is None:
        raise BadInput(
            f"{directory} is no run of this machine; for a federated run at your site name its "
            "data with --data, as given to tithe join"
        )
    given = dict(option.partition("=")[::2] for option in options or [])
    return source_at_site(
        directory,
        data=named(data),
        options={key: value_of(text) for key, text in given.items()},
    )
