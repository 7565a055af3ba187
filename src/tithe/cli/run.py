"""``tithe run``: carries out one plan, or goes on with a run that was interrupted."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.options import Json, Out, Overrides, Quiet, require_one_form


def run(
    plan_path: Annotated[
        Path,
        typer.Argument(metavar="PLAN", help="A plan file, or a run's folder for the plan in it."),
    ],
    *,
    overrides: Overrides = None,
    out: Out = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted run in the folder.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Rename a run that is in the folder already; deletes nothing."
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", help="The same as --set run.device=DEVICE.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="The same as --set run.engine=ENGINE.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run the experiment that PLAN describes.

    Leaves a folder with the plan as used, a line a turn, the model and a page to open in a browser.
    """
    require_one_form(is_quiet=quiet, is_json=json)
    if resume and force:
        raise typer.BadParameter("--resume goes on with the run that --force would set aside")
    from tithe.cli.carry_out import carry_out, refusals_shown
    from tithe.cli.progress import view_for
    from tithe.cli.run_folder import RUNS, holds_run, require_free, require_resumable, set_aside
    from tithe.plan import load_plan

    named = {"run.device": device, "run.engine": engine}
    changes = [*(overrides or []), *(f"{key}={value}" for key, value in named.items() if value)]
    view = view_for(is_quiet=quiet, is_json=json)
    with refusals_shown(view):
        is_run = holds_run(plan_path)
        plan = load_plan(plan_path / "plan.toml" if is_run else plan_path, changes)
        folder = out or (plan_path if is_run and resume else RUNS / plan.name)
        if resume:
            require_resumable(folder, plan)
            carry_out(plan, folder, view=view, resume=True)
            return
        with set_aside(folder) if force else contextlib.nullcontext():
            require_free(folder)
            carry_out(plan, folder, view=view)
