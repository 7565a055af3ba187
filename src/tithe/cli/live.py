"""A run as it happens, on a terminal: a bar for each phase, and what the numbers are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tithe.cli.figures import clock, percent, size
from tithe.cli.outcome import headline, show_outcome
from tithe.cli.plain_lines import STOPPING
from tithe.cli.view import Finished, Stopped

if TYPE_CHECKING:
    from tithe.experiment import Progress
    from tithe.plan import Plan


class LiveView:
    """Bars that are drawn anew several times a second, and the table at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phases: dict[str, Progress] = {}
        self._latest: Progress | None = None
        self._latest_at = time.monotonic()
        self._is_stopping = False
        self._live = Live(
            console=console, get_renderable=self.picture, refresh_per_second=5, transient=False
        )

    def begin(self, plan: Plan, directory: Path) -> None:
        """Prints one line about the plan and starts to draw."""
        self._console.print(headline(plan, directory), soft_wrap=True)
        self._live.start()

    def watch(self, progress: Progress) -> None:
        """Keeps the event for the next drawing."""
        self._phases[_row_of(progress.phase)] = progress
        self._latest, self._latest_at = progress, time.monotonic()
        if progress.message:
            self._live.console.print(progress.message, soft_wrap=True)

    def stopping(self) -> None:
        """Leaves word for the next drawing."""
        self._is_stopping = True

    def end(self, ending: Finished | Stopped) -> None:
        """Draws once more, stops drawing, and prints what the run came to."""
        self._live.stop()
        if isinstance(ending, Finished):
            show_outcome(self._console, ending.summary)

    def picture(self) -> RenderableType:
        """All phases so far and the state of the latest, as of now."""
        latest = self._latest
        if latest is None:
            return Text("reading data and building the network", style="dim")
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        for _ in range(3):
            table.add_column(justify="right", no_wrap=True)
        headings = ("phase", "", "round", "accuracy", "uploaded", "downloaded")
        table.add_row(*(Text(heading, style="dim") for heading in headings))
        for progress in list(self._phases.values()):
            is_joint = progress.phase == "joint"
            table.add_row(
                progress.phase,
                ProgressBar(total=max(1, progress.num_turns), completed=progress.turn, width=16),
                f"{progress.round}/{progress.rounds}",
                Text(percent(progress.accuracy), style="bold"),
                size(progress.bytes_up) if is_joint else "",
                size(progress.bytes_down) if is_joint else "",
            )
        return Group(table, self._state(latest))

    def _state(self, latest: Progress) -> Text:
        if self._is_stopping:
            return Text(STOPPING, style="yellow")
        left = latest.seconds_left
        if left is not None:
            left -= time.monotonic() - self._latest_at
        loss = "" if latest.loss is None else f", test loss {latest.loss:.4g}"
        turn = f"turn {latest.turn} of {latest.num_turns}"
        phase = f"phase {latest.phases_done + 1} of {latest.num_phases}"
        return Text(f"{phase}, {turn}{loss}, {clock(left)} left", style="dim")


def _row_of(phase: str) -> str:
    """All standalone trainings share a row, however many there are."""
    return "standalone" if phase.startswith("standalone") else phase
