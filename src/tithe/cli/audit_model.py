"""``tithe audit model`` and ``tithe audit scores``: can training records be told from others?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.audit_outcome import Confidence, Json, Out, Processes, Public, Rate, Records, Seed
from tithe.cli.audit_outcome import show as show_audit
from tithe.cli.exit_codes import in_sentences
from tithe.cli.options import Overrides

Claimed = Annotated[
    float | None, typer.Option("--claimed", help="The epsilon that the training claims.")
]
Delta = Annotated[float, typer.Option("--delta", help="Of that claim.")]


@in_sentences
def model(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|PLAN", help="Folder of a run that is complete; or a plan, with --weights."
        ),
    ],
    *,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="A .safetensors of the plan's network, to be tried."
        ),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(
            "--members",
            metavar="FILE",
            help="A .npz of row numbers that the weights know; else the plan deals them.",
        ),
    ] = None,
    claimed: Claimed = None,
    delta: Delta = 0.0,
    overrides: Overrides = None,
    participant: Annotated[
        int | None,
        typer.Option("--participant", min=0, help="Look for this one's rows; else everybody's."),
    ] = None,
    shadows: Annotated[
        int | None,
        typer.Option(
            "--shadows",
            min=0,
            help="Trainings like the run's, in pairs: 2 for RMIA, 16 for LiRA, 0 for none; "
            "else 2, or 0 with --members.",
        ),
    ] = None,
    records: Records = 2000,
    confidence: Confidence = 0.95,
    fpr: Rate = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Where shadow models lie; else RUN/audit, or beside the weights.",
        ),
    ] = None,
    processes: Processes = 0,
    seed: Seed = 1,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Try to tell the rows that a model was trained on from others.

    It is a run's joint model, or one in a file of its own, of which a plan names network and data.
    Shadow models are the plan's whole training on other rows; they are kept, so that an audit that
    was interrupted goes on. The report goes to RUN/audit/model or WEIGHTS-audit. Exit code 1 if
    more is shown than was claimed.
    """
    from tithe.run_audits.model import audit_run
    from tithe.run_audits.pool_audit import ModelOptions

    if weights is None:
        _require_run_alone(
            {"--members": members, "--claimed": claimed, "--delta": delta, "--set": overrides}
        )
    options = ModelOptions(
        participant=participant,
        num_shadows=shadows if shadows is not None else 2 if members is None else 0,
        most_records=records,
        confidence=confidence,
        false_positive_rate=fpr,
        seed=seed,
        num_processes=processes,
    )
    if weights is None:
        facts, beside = audit_run(path, options, cache=cache), path / "audit" / "model"
    else:
        from tithe.plan import load_plan
        from tithe.record import PLAN
        from tithe.run_audits.weights_file import WeightsFile, audit_weights

        plan = load_plan(path / PLAN if path.is_dir() else path, overrides or [])
        file = WeightsFile(weights, plan, members=members, epsilon=claimed, delta=delta)
        facts = audit_weights(file, options, cache=cache)
        beside = weights.with_name(f"{weights.stem}-audit")
    show_audit(facts, out=out or beside, is_public=public, is_json=json)


@in_sentences
def scores(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .npz or .csv with members and non_members."),
    ],
    *,
    claimed: Claimed = None,
    delta: Delta = 0.0,
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


def _require_run_alone(given: dict[str, object]) -> None:
    """Refuses what is said of a file of weights where there is none: a run has its own record."""
    from tithe.checks import BadInput

    idle = [name for name, value in given.items() if value]
    if idle:
        raise BadInput(
            f"{idle[0]} speaks of a model in a file; name it with --weights, or leave it out for a "
            "run, which has its own record"
        )
