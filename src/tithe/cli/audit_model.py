"""``tithe audit model`` and ``tithe audit scores``: can training records be told from others?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.audit_outcome import Confidence, Json, Out, Processes, Public, Rate, Records, Seed
from tithe.cli.audit_outcome import show as show_audit
from tithe.cli.exit_codes import in_sentences


@in_sentences
def model(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that is complete.")],
    *,
    participant: Annotated[
        int | None,
        typer.Option("--participant", min=0, help="Look for this one's rows; else everybody's."),
    ] = None,
    shadows: Annotated[
        int,
        typer.Option(
            "--shadows",
            min=0,
            help="Trainings like the run's, in pairs: 2 for RMIA, 16 for LiRA, 0 for none.",
        ),
    ] = 2,
    records: Records = 2000,
    confidence: Confidence = 0.95,
    fpr: Rate = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Where shadow models lie; else RUN/audit."),
    ] = None,
    processes: Processes = 0,
    seed: Seed = 1,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Try to tell the rows that a run's joint model was trained on from others.

    Shadow models are the run's whole training on other rows; they are kept, so that an audit that
    was interrupted goes on. The report goes to RUN/audit/model. Exit code 1 if more is shown than
    was claimed.
    """
    from tithe.run_audits.model import ModelOptions, audit_run

    options = ModelOptions(
        participant=participant,
        num_shadows=shadows,
        most_records=records,
        confidence=confidence,
        false_positive_rate=fpr,
        seed=seed,
        num_processes=processes,
    )
    facts = audit_run(run, options, cache=cache)
    show_audit(facts, out=out or run / "audit" / "model", is_public=public, is_json=json)


@in_sentences
def scores(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .npz or .csv with members and non_members."),
    ],
    *,
    claimed: Annotated[
        float | None, typer.Option("--claimed", help="The epsilon that the training claims.")
    ] = None,
    delta: Annotated[float, typer.Option("--delta", help="Of that claim.")] = 0.0,
    confidence: Confidence = 0.95,
    fpr: Rate = None,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Measure an attack that was made elsewhere, from its scores alone.

    The higher a score, the more the attack believes that the record took part. A .npz holds arrays
    members and non_members; a .csv columns of these names, or score and member (1 or 0). Exit code
    1 if more is shown than was claimed.
    """
    from tithe.run_audits.scores import audit_scores, read_scores

    facts = audit_scores(
        read_scores(path),
        name=path.name,
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        false_positive_rate=fpr,
    )
    where = out or path.with_name(f"{path.stem}-audit")
    show_audit(facts, out=where, is_public=public, is_json=json)
