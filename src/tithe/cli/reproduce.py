"""``tithe reproduce``: the published figures that were rebuilt, theirs beside ours."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tithe.cli.options import Quiet
from tithe.cli.screen import screen

if TYPE_CHECKING:
    from tithe.plan import Plan
    from tithe.reproduction.figures import Rebuilt
    from tithe.reproduction.grid import Job
    from tithe.reproduction.results import Result

_RUNS = Path("runs") / "reproduce"


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="A figure or an experiment; without one, all are listed."
        ),
    ] = "",
    *,
    experiments: Annotated[
        Path | None,
        typer.Option(
            "--experiments", metavar="DIR", help="Their folder; else that of this checkout."
        ),
    ] = None,
    toy: Annotated[
        bool,
        typer.Option(
            "--quick", help="Only see that NAME, or everything, runs: toy size, made-up rows."
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Rebuild all figures; days on two cores.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="Where to train: cpu, cuda, mps.")] = "",
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="DIR", help="Write results.html and results.md there."),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="List as one JSON object.")] = False,
) -> None:
    """List published figures beside ours, or rebuild the one called NAME.

    Ours are the stored results of runs; what is rebuilt is kept under runs/reproduce and changes
    none of them. Their figures are printed, read off a plot or recalled, and the list says which.
    """
    from tithe.reproduction.figures import chosen, rebuilt_figures
    from tithe.reproduction.grid import experiments_folder

    folder = experiments_folder(experiments)
    found = rebuilt_figures(folder)
    if page is not None:
        from tithe.reproduction.page import write_results

        for path in write_results(folder, page):
            screen().print(f"page: {path}", soft_wrap=True)
        return
    wanted = chosen(found, name) if name else found
    if toy:
        _try(wanted)
    elif name or everything:
        _rebuild(wanted, device=device, is_quiet=quiet)
    elif json:
        plain = {"figures": [_plain(each) for each in found]}
        screen().out(json_text.dumps(plain), highlight=False)
    else:
        _list(found)


def _list(found: list[Rebuilt]) -> None:
    from tithe.reproduction.wording import value_of

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("NAME", no_wrap=True)
    table.add_column("figure")
    table.add_column("theirs", justify="right", no_wrap=True)
    table.add_column("how sure")
    table.add_column("ours", justify="right", no_wrap=True)
    for each in found:
        table.add_row(
            each.figure.name,
            f"{each.figure.source}: {each.figure.what}",
            value_of(each.theirs, each.figure.unit),
            each.figure.sure,
            value_of(each.ours, each.figure.unit),
        )
    screen().print(table)
    screen().print("tithe reproduce NAME rebuilds one; --quick only sees that it runs.")


def _plain(each: Rebuilt) -> dict[str, object]:
    figure = each.figure
    return {
        "name": figure.name,
        "source": figure.source,
        "what": figure.what,
        "unit": figure.unit,
        "theirs": each.theirs,
        "sure": figure.sure,
        "ours": each.ours,
        "results": each.num_results,
        "experiment": each.experiment,
        "command": each.command,
        "note": figure.note,
    }


def _try(wanted: list[Rebuilt]) -> None:
    from tithe.reproduction.trial import try_out

    count = 0
    for what, came_out in try_out(wanted):
        count += 1
        screen().print(f"{what}: {came_out}", soft_wrap=True)
    screen().print(f"{count} of {count} still run; at toy size the figures mean nothing.")


def _rebuild(wanted: list[Rebuilt], *, device: str, is_quiet: bool) -> None:
    from tithe.reproduction.wording import value_of

    for each in wanted:
        ours = _ours(each, device=device, is_quiet=is_quiet)
        unit = each.figure.unit
        screen().print(
            f"{each.figure.name}: {value_of(ours, unit)} now, {value_of(each.ours, unit)} stored, "
            f"{value_of(each.theirs, unit)} theirs ({each.figure.sure})",
            soft_wrap=True,
        )


def _ours(each: Rebuilt, *, device: str, is_quiet: bool) -> float | None:
    """Works the figure out anew; runs that are done already are not run again."""
    from tithe.reproduction.article_epsilon import TRAININGS, epsilon_row
    from tithe.reproduction.figures import OfAccountant, mean_of, measured

    of = each.figure.ours
    if isinstance(of, OfAccountant):
        return epsilon_row(TRAININGS[of.training], of.noise)[of.way]
    runs = [_carried_out(job, device=device, is_quiet=is_quiet) for job in each.jobs]
    return mean_of([value for run in runs for value in measured(run, of)])


def _carried_out(job: Job, *, device: str, is_quiet: bool) -> Result:
    """The result of one run, which is carried out, gone on with, or there already.

    Raises:
      BadInput: another plan was run in its folder.
    """
    from tithe.cli.carry_out import carry_out, refusals_shown
    from tithe.cli.progress import view_for
    from tithe.cli.run_folder import holds_run, is_finished
    from tithe.plan import load_plan
    from tithe.reproduction.results import result_of

    run = _RUNS / job.experiment / job.name
    changes = [*job.overrides, *([f"run.device={device}"] if device else [])]
    plan = load_plan(job.plan, changes)
    has_begun = holds_run(run)
    if has_begun:
        _require_same_plan(run, plan)
    if not (has_begun and is_finished(run)):
        view = view_for(is_quiet=is_quiet, is_json=False)
        with refusals_shown(view):
            carry_out(plan, run, view=view, resume=has_begun)
    return result_of(job, run, command=f"tithe reproduce (in {run})")


def _require_same_plan(run: Path, plan: Plan) -> None:
    from tithe.checks import BadInput
    from tithe.plan import differences, load_plan

    different = differences(load_plan(run / "plan.toml"), plan)
    if different:
        raise BadInput(
            f"{run} holds a run of another plan ({', '.join(different)}); rename that folder to "
            "run this one"
        )
