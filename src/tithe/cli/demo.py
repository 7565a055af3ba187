"""``tithe demo``: the real thing on a small scale, from a plan that comes with the package."""

from __future__ import annotations

from enum import StrEnum
from importlib import resources
from typing import Annotated

import typer

from tithe.cli.options import Json, Out, Overrides, Quiet, require_one_form


class DemoData(StrEnum):
    """The data sets that have a demo."""

    DIGITS = "digits"
    MNIST = "mnist"


def plan_text(data: DemoData) -> str:
    """The plan of a demo, as TOML."""
    return (resources.files("tithe.cli") / "demos" / f"{data.value}.toml").read_text("utf-8")


def demo(
    *,
    data: Annotated[
        DemoData, typer.Option("--data", help="digits comes along; mnist is downloaded.")
    ] = DemoData.DIGITS,
    overrides: Overrides = None,
    out: Out = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything that is drawn.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run a small experiment that comes with the package.

    Ten participants train one network together, each on data of its own.
    """
    require_one_form(is_quiet=quiet, is_json=json)
    from tithe.cli.carry_out import carry_out, refusals_shown
    from tithe.cli.progress import view_for
    from tithe.cli.run_folder import free_folder, require_free
    from tithe.plan import load_plan

    changes = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    view = view_for(is_quiet=quiet, is_json=json)
    with refusals_shown(view):
        plan = load_plan(plan_text(data), changes)
        folder = out or free_folder(plan.name)
        require_free(folder)
        carry_out(plan, folder, view=view)
