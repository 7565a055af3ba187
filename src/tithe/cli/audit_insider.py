"""``tithe audit insider``: what a participant with a generator would draw of others' classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.audit_outcome import Json, Out, Public, Seed
from tithe.cli.audit_outcome import show as show_audit
from tithe.cli.exit_codes import in_sentences
from tithe.cli.options import DataRoot, Overrides


@in_sentences
def insider(
    path: Annotated[Path, typer.Argument(metavar="PLAN|RUN", help="A plan, or a run's folder.")],
    *,
    overrides: Overrides = None,
    wanted: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="To be drawn; else one that few hold."),
    ] = None,
    participant: Annotated[
        int | None, typer.Option("--participant", min=0, help="Who is played as the insider.")
    ] = None,
    sole: Annotated[
        bool, typer.Option("--sole", help="Give all rows of the class to one other participant.")
    ] = False,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Of its generator, in each of its turns.")
    ] = 50,
    drawings: Annotated[
        int, typer.Option("--drawings", min=0, help="That it hands in as rows, in each turn.")
    ] = 32,
    seed: Seed = 1,
    root: DataRoot = None,
    out: Out = None,
    public: Public = False,
    json: Json = False,
) -> None:
    """Play one participant as an insider that draws a class it does not hold, on rows at hand.

    A simulation: nothing is sent, and no federation is attacked. The plan is trained twice, with
    the class and without it. The report goes to RUN/audit/insider or PLAN-insider.
    """
    from tithe.plan import load_plan
    from tithe.record import PLAN
    from tithe.run_audits.insider import InsiderOptions, audit_insider

    is_run = path.is_dir()
    plan = load_plan(path / PLAN if is_run else path, overrides or [])
    options = InsiderOptions(
        wanted=wanted,
        participant=participant,
        is_sole=sole,
        num_steps=steps,
        num_drawings=drawings,
        seed=seed,
    )
    facts = audit_insider(plan, options, data_root=root)
    beside = path / "audit" / "insider" if is_run else path.with_name(f"{path.stem}-insider")
    show_audit(facts, out=out or beside, is_public=public, is_json=json)
