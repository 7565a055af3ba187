"""A run as JSON on standard output, one object a line, for scripts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tithe.cli.exit_codes import INTERRUPTED
from tithe.cli.plain_lines import STOPPING
from tithe.cli.view import Finished, Rounds, Stopped

if TYPE_CHECKING:
    from tithe.experiment import Progress
    from tithe.plan import Plan


class JsonLines:
    """``{"event": "round", ...}`` after every round, then one object about how it ended.

    The last is ``finished``, or else ``interrupted`` or ``failed`` with the command that goes on in
    ``resume``; each has the ``exit_code``. A number that is not finite is a string: JSON has none.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rounds = Rounds()
        self._directory: Path | None = None

    def begin(self, plan: Plan, directory: Path) -> None:
        """Prints nothing."""
        self._directory = directory

    def watch(self, progress: Progress) -> None:
        """Prints an object if a round is over."""
        if self._rounds.is_new(progress):
            self._print({"event": "round", **asdict(progress)})

    def stopping(self) -> None:
        """Writes to standard error, past every buffer; standard output stays JSON."""
        os.write(2, f"tithe: {STOPPING}\n".encode())

    def end(self, ending: Finished | Stopped) -> None:
        """Prints the last object."""
        fields: dict[str, object]
        if isinstance(ending, Finished):
            fields = {"event": "finished", **asdict(ending.summary)}
        else:
            event = "interrupted" if ending.exit_code == INTERRUPTED else "failed"
            fields = {"event": event, "problems": ending.sentences, "resume": ending.resume}
        where = {"directory": self._directory, "exit_code": ending.exit_code}
        self._print(fields | where)

    def _print(self, fields: Mapping[str, object]) -> None:
        text = json.dumps({key: _plain(value) for key, value in fields.items()}, default=str)
        self._console.out(text, highlight=False)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
