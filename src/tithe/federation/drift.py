"""Where a run takes the model, as a participant sees it on rows of its own: told to nobody else."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from tithe.federation.history import add_line, last_lines
from tithe.federation.party import Party
from tithe.learning.evaluate import evaluate
from tithe.learning.flat import write_vector


class Drift:
    """Measures every download on held-out rows and adds a line to a file of the participant's.

    Args:
      path: of the file, one JSON object a line; for its owner alone.
      party: whose held-out rows, and whose network.
    """

    def __init__(self, path: Path, party: Party) -> None:
        self._path = path
        self._module = party.make_module()
        self._rows = party.held_out
        self._last: float | None = None

    @property
    def last(self) -> float | None:
        """The accuracy that was measured last, by this process or one before; None if none was."""
        if self._last is None:
            before = read_drift(self._path)
            self._last = before[-1]["accuracy"] if before else None
        return self._last

    def measure(self, downloaded: Tensor, *, turn: int) -> None:
        """Accuracy and loss of the downloaded parameters, shape ``(d,)``, before training."""
        write_vector(self._module, downloaded)
        quality = evaluate(self._module, *self._rows)
        line = {"turn": turn, "accuracy": quality.accuracy, "loss": quality.loss}
        add_line(self._path, line)
        self._last = quality.accuracy


def read_drift(path: Path) -> list[dict[str, float]]:
    """The last whole lines, in order; none where nothing was measured."""
    return last_lines(path)
