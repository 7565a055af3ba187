"""The folder a run goes to: may it be used, is there a run to resume, what is set aside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from tithe.checks import BadInput
from tithe.cli.screen import complain
from tithe.plan import Plan, differences, load_plan

RUNS = Path("runs")


def holds_run(folder: Path) -> bool:
    """Whether a run was begun there."""
    return (folder / "about.json").is_file()


def is_finished(folder: Path) -> bool:
    """Whether the run there came to its planned end."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.get("complete") is True


def free_folder(name: str) -> Path:
    """``runs/NAME``, or the first of ``runs/NAME-2``, ``runs/NAME-3``, ... that is not there."""
    folder, number = RUNS / name, 1
    while folder.exists():
        number += 1
        folder = RUNS / f"{name}-{number}"
    return folder


def require_free(folder: Path) -> None:
    """Refuses a folder that holds anything.

    Raises:
      BadInput: says what is there and the ways out.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BadInput(f"--out must be a folder, got the file {folder}")
    if holds_run(folder):
        way_out = "choose another folder with --out, or set it aside with --force"
        if is_finished(folder):
            raise BadInput(
                f"{folder} holds a finished run; see it with `tithe report {folder}`, {way_out}"
            )
        raise BadInput(
            f"{folder} holds a run that did not finish; go on with `tithe run {folder} --resume`, "
            f"{way_out}"
        )
    if any(not each.name.startswith(".") for each in folder.iterdir()):
        raise BadInput(f"{folder} is not empty and holds no run; choose another folder with --out")


def require_resumable(folder: Path, plan: Plan) -> None:
    """Refuses to resume what is not there, is finished, or was begun with another plan.

    Raises:
      BadInput: says which, and the way out.
    """
    if not holds_run(folder):
        raise BadInput(f"{folder} holds no run to resume; leave out --resume to start one")
    if is_finished(folder):
        raise BadInput(
            f"{folder} holds a finished run, so there is nothing to resume; see it with "
            f"`tithe report {folder}`"
        )
    used = load_plan(folder / "plan.toml")
    if used.digest() != plan.digest():
        raise BadInput(
            f"{folder} was begun with another plan ({', '.join(differences(used, plan))}); go on "
            f"with its own by `tithe run {folder} --resume`, or choose another folder with --out"
        )


@contextlib.contextmanager
def set_aside(folder: Path) -> Iterator[None]:
    """Renames the run in a folder for the time being, and for good once a new one stands there.

    Nothing is ever deleted.
    """
    if not holds_run(folder):
        yield
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.earlier-{number}")).exists():
        number += 1
    folder.rename(aside)
    try:
        yield
    finally:
        if folder.exists():
            complain(f"the run that was in {folder} is now {aside}")
        else:
            aside.rename(folder)
