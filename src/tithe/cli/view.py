"""What shows a run: the interface of all views and what they agree on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tithe.experiment import Progress, Summary
    from tithe.plan import Plan


@dataclass(frozen=True)
class Finished:
    """The run came to its planned end."""

    summary: Summary
    exit_code: int


@dataclass(frozen=True)
class Stopped:
    """There is no result; ``resume`` is the command that goes on, or "" if none can."""

    sentences: tuple[str, ...]
    exit_code: int
    resume: str = ""


class View(Protocol):
    """Shows one run on standard output; what went wrong is said on standard error elsewhere."""

    def begin(self, plan: Plan, directory: Path) -> None:
        """Says what is about to run and where it goes."""

    def watch(self, progress: Progress) -> None:
        """Takes in one event."""

    def stopping(self) -> None:
        """Says that the run stops soon. Called by a signal handler: nothing buffered is written."""

    def end(self, ending: Finished | Stopped) -> None:
        """Closes the view and shows what the run came to; called once, whatever happened."""


class Rounds:
    """Tells which events are the first after a round is over."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None

    def is_new(self, progress: Progress) -> bool:
        """Whether this event is the first of its round count; 0 rounds are no round."""
        seen, self._last = self._last, (progress.phase, progress.round)
        return progress.round > 0 and self._last != seen
