"""What the command line tells the shell, and how a failure becomes one sentence and a code."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import ParamSpec

import typer

from tithe.cli.screen import complain

DONE = 0
FAILED = 1
BAD_INPUT = 2
NOTHING_SHARED = 3
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    FAILED: "unexpected failure; TITHE_DEBUG=1 or --debug shows where",
    BAD_INPUT: "wrong usage, plan, file or data; nothing was written",
    NOTHING_SHARED: "the run ended, but no participant could share anything",
    INTERRUPTED: "interrupted; a run can be resumed",
}

_Arguments = ParamSpec("_Arguments")


def in_sentences(command: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """The command, with whatever it raises told in sentences and turned into an exit code."""

    @functools.wraps(command)
    def told(*args: _Arguments.args, **options: _Arguments.kwargs) -> None:
        from tithe.checks import BadInput

        try:
            command(*args, **options)
        except BadInput as error:
            for sentence in sentences_of(error):
                complain(sentence)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:
            if is_debugging():
                raise
            raise typer.Exit(_tell_unexpected(error)) from None

    return told


def _tell_unexpected(error: Exception) -> int:
    """Says what happened that nobody foresaw, and gives the exit code."""
    from tithe.storage.disk import is_full

    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("flwr"):
        complain("this command needs Flower; install it with: pip install tithe[federation]")
        return BAD_INPUT
    if is_full(error):
        complain("the disk is full; make room, and give the same command again")
        return FAILED
    first, *notes = sentences_of(error)
    what = " ".join(dict.fromkeys((type(error).__name__, first)))
    complain(f"unexpected failure, {what}; TITHE_DEBUG=1 before the same command shows where")
    for note in notes:
        complain(note)
    return FAILED


def sentences_of(error: BaseException) -> tuple[str, ...]:
    """What an error says, line by line, and its notes; its name if it says nothing."""
    lines = str(error).splitlines() or [type(error).__name__]
    return (*lines, *getattr(error, "__notes__", ()))


def is_debugging() -> bool:
    """Whether the user asked for tracebacks."""
    return os.environ.get("TITHE_DEBUG", "") not in ("", "0")


def debug() -> None:
    """Asks for tracebacks from now on, in the processes this one starts too."""
    os.environ["TITHE_DEBUG"] = "1"
