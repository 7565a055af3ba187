"""What a run tells while it is under way, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class Interrupted(Exception):
    """The run was stopped on request; what is done is on disk and can be resumed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is; everything is of the current phase unless it says otherwise.

    Attributes:
      phase: its name; phases_done of num_phases come before it.
      turn: turns done of num_turns expected.
      round: rounds done of rounds.
      accuracy, loss: of the latest measurement on the test rows.
      bytes_up, bytes_down: by all participants so far.
      seconds_left: of the whole run, estimated; None while nothing is known.
      message: a sentence worth showing, or "".
    """

    phase: str
    phases_done: int
    num_phases: int
    turn: int
    num_turns: int
    round: int
    rounds: int
    accuracy: float | None = None
    loss: float | None = None
    bytes_up: int = 0
    bytes_down: int = 0
    seconds_left: float | None = None
    message: str = ""


@dataclass(frozen=True)
class Summary:
    """What a finished run comes to.

    Attributes:
      accuracies: phase -> accuracy after its last round; ``standalone`` is the mean of those alone.
      bytes_up, bytes_down: of the joint training, all participants.
      num_shared: turns whose update reached the server.
      verdict: one sentence.
      seconds: wall time of the whole run, over all its resumptions.
    """

    accuracies: dict[str, float]
    bytes_up: int
    bytes_down: int
    num_shared: int
    verdict: str
    seconds: float
    directory: Path
    page: Path
    complete: bool = True
