"""A plan carried out while somebody watches: events to the view, Ctrl-C to the run."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tithe.cli.exit_codes import (
    BAD_INPUT,
    DONE,
    FAILED,
    INTERRUPTED,
    NOTHING_SHARED,
    sentences_of,
)
from tithe.cli.interrupts import Interrupts
from tithe.cli.run_folder import holds_run, is_finished
from tithe.cli.screen import complain
from tithe.cli.view import Finished, Stopped, View

if TYPE_CHECKING:
    from tithe.experiment import Progress
    from tithe.plan import Plan


def carry_out(plan: Plan, directory: Path, *, view: View, resume: bool = False) -> None:
    """Runs the plan into the directory and shows it.

    Raises:
      typer.Exit: with the exit code, unless all went well.
      BadInput: plan, data or directory cannot be used; the view is still open (``refusals_shown``).
    """
    from tithe.checks import BadInput
    from tithe.experiment import Interrupted, run_experiment

    with Interrupts(view.stopping) as interrupts:

        def watch(progress: Progress) -> None:
            interrupts.under_way()
            view.watch(progress)

        view.begin(plan, directory)
        try:
            summary = run_experiment(
                plan,
                directory,
                resume=resume,
                command=shlex.join(["tithe", *sys.argv[1:]]),
                watch=watch,
                should_stop=interrupts.is_requested,
            )
        except (Interrupted, KeyboardInterrupt) as error:
            sentences = (str(error) or "interrupted", *_how_to_go_on(directory))
            view.end(Stopped(sentences, INTERRUPTED, _resume_command(directory)))
            for sentence in sentences:
                complain(sentence)
            raise typer.Exit(INTERRUPTED) from None
        except BadInput:
            raise
        except Exception as error:
            for sentence in _how_to_go_on(directory):
                error.add_note(sentence)
            view.end(Stopped(sentences_of(error), FAILED, _resume_command(directory)))
            raise
    code = DONE if summary.num_shared else NOTHING_SHARED
    view.end(Finished(summary, code))
    if code:
        raise typer.Exit(code)


@contextlib.contextmanager
def refusals_shown(view: View) -> Iterator[None]:
    """Ends the view when bad input comes up, be it before the run begins or in it."""
    from tithe.checks import BadInput

    try:
        yield
    except BadInput as error:
        view.end(Stopped(sentences_of(error), BAD_INPUT))
        raise


def _resume_command(directory: Path) -> str:
    """What to type to go on with the run there; empty if it did not get far enough for that."""
    if not holds_run(directory) or is_finished(directory):
        return ""
    return shlex.join(["tithe", "run", str(directory), "--resume"])


def _how_to_go_on(directory: Path) -> list[str]:
    command = _resume_command(directory)
    return [f"go on with: {command}"] if command else []
