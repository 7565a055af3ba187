"""A run in plain lines, one a round, for files and pipes; or in silence until its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tithe.cli.figures import clock, percent, size
from tithe.cli.outcome import headline, show_outcome, show_verdict
from tithe.cli.view import Finished, Rounds, Stopped

if TYPE_CHECKING:
    from tithe.experiment import Progress
    from tithe.plan import Plan

STOPPING = "stopping after this turn; Ctrl-C again stops at once"


class PlainLines:
    """One line a round and the table at the end; if quiet, only the verdict and the page."""

    def __init__(self, console: Console, *, is_quiet: bool = False) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._rounds = Rounds()

    def begin(self, plan: Plan, directory: Path) -> None:
        """Prints one line about the plan."""
        if not self._is_quiet:
            self._console.print(headline(plan, directory), soft_wrap=True)

    def watch(self, progress: Progress) -> None:
        """Prints a line if a round is over."""
        if self._is_quiet:
            return
        if progress.message:
            self._console.print(progress.message, soft_wrap=True)
        if self._rounds.is_new(progress):
            self._console.print(line_of(progress), soft_wrap=True)

    def stopping(self) -> None:
        """Writes past every buffer, since the signal may have interrupted one."""
        os.write(2, f"tithe: {STOPPING}\n".encode())

    def end(self, ending: Finished | Stopped) -> None:
        """Prints what the run came to, if to anything."""
        if isinstance(ending, Stopped):
            return
        show = show_verdict if self._is_quiet else show_outcome
        show(self._console, ending.summary)


def line_of(progress: Progress) -> str:
    """``joint  round 3/12  turn 30/120  accuracy 97.22 %  ...`` on one line."""
    parts = [
        f"{progress.phase:<12}",
        f"round {progress.round}/{progress.rounds}",
        f"turn {progress.turn}/{progress.num_turns}",
        f"accuracy {percent(progress.accuracy)}",
    ]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4g}")
    if progress.phase == "joint":
        parts += [f"up {size(progress.bytes_up)}", f"down {size(progress.bytes_down)}"]
    parts.append(f"left {clock(progress.seconds_left)}")
    return "  ".join(parts)
