"""Where a run takes the model, as a participant sees it on rows of its own: told to nobody else."""

from __future__ import annotations

import json
import os
from pathlib import Path

from torch import Tensor

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

    def measure(self, downloaded: Tensor, *, turn: int) -> None:
        """Accuracy and loss of the downloaded parameters, shape ``(d,)``, before training."""
        write_vector(self._module, downloaded)
        quality = evaluate(self._module, *self._rows)
        line = {"turn": turn, "accuracy": quality.accuracy, "loss": quality.loss}
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_drift(path: Path) -> list[dict[str, float]]:
    """All whole lines so far, in order; none where nothing was measured."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]
