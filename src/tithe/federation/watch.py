"""What a server tells of itself while it runs: who is there, what came, how good the model is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor

from tithe.federation.central import Central
from tithe.federation.frames import Upload
from tithe.federation.gatekeeper import Objection
from tithe.federation.history import History
from tithe.learning.evaluate import Quality
from tithe.sharing.update import SparseUpdate

Measure = Callable[[Tensor], Quality]
"""How good these parameters, shape ``(d,)``, are on the server's own rows."""


class Watch:
    """Looks at a training without touching it, and adds to its status what only time tells.

    Measuring takes a thread of its own, one measurement at a time: no participant waits for it, and
    of a fast training not every round is measured.

    Args:
      central: of the run.
      folder: of the server; the history lies in it, and the store whose size is told.
      store: the store's folder.
      measure: None where the server has no rows of its own.
      about: plain facts that stay as they are, for the status.
      tell: told who comes and goes, and what was measured, one sentence each.
      now: the wall clock, seconds since 1970.
    """

    def __init__(
        self,
        central: Central,
        folder: Path,
        *,
        store: Path,
        measure: Measure | None = None,
        about: Mapping[str, object] = MappingProxyType({}),
        tell: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._central = central
        self._history = History(folder, now=now)
        self._store = store
        self._measure = measure
        self._about = about
        self._tell = tell
        self._now = now
        self._since: dict[int, float] = {}  # participant -> when it was found connected
        self._heard: dict[int, float] = {}  # participant -> when its last upload was applied
        self._measured_round = -1
        self._thread: threading.Thread | None = None

    def accepted(self, upload: Upload, update: SparseUpdate) -> None:
        """Takes note of an upload that was applied just now."""
        self._heard[upload.participant] = self._now()
        staleness = self._central.staleness.get(upload.participant, 0)
        self._history.uploaded(upload, update, round_=self._central.round, staleness=staleness)

    def look(self) -> None:
        """Begins a measurement if a round ended since the last one and none is under way."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._measure is None or is_busy or self._central.round == self._measured_round:
            return
        self._measured_round = self._central.round
        joint = self._central.server.store.joint.clone()
        places = self._central.places.values()
        known = (self._central.round, sum(each.acknowledged.turn + 1 for each in places))
        self._thread = threading.Thread(
            target=self._measure_now, args=(joint, *known), daemon=True, name="measure"
        )
        self._thread.start()

    def close(self) -> None:
        """Waits for the measurement that is under way."""
        if self._thread is not None:
            self._thread.join()

    def status(self, told: dict[str, object]) -> dict[str, object]:
        """What the coordinator tells, with times, the store's size and the reasons of refusals.

        Args:
          told: by ``Coordinator.status``.
        """
        participants = told["participants"]
        assert isinstance(participants, list)
        now = self._now()
        reasons: set[str] = set()
        for each in participants:
            number = each["number"]
            self._note_presence(each, now)
            each["heard"] = self._heard.get(number)
            reasons |= each["refused"].keys()
        return {
            **told,
            **self._about,
            "at": now,
            "role": "server",
            "plan": self._central.terms.plan_hash.hex(),
            "parameters": self._central.terms.size,
            "store_bytes": bytes_in(self._store),
            "reasons": {name: Objection[name.upper()].value for name in sorted(reasons)},
        }

    def _note_presence(self, each: dict[str, Any], now: float) -> None:
        number, who = each["number"], f"{each['number']} {each['name']}"
        if each["connected"] and number not in self._since:
            self._since[number] = now
            self._tell(f"participant {who} is here")
        if not each["connected"] and self._since.pop(number, None) is not None:
            self._tell(f"participant {who} is away")
        each["since"] = self._since.get(number)

    def _measure_now(self, joint: Tensor, round_: int, uploads: int) -> None:
        assert self._measure is not None
        quality = self._measure(joint)
        self._history.measured(
            round_=round_, uploads=uploads, accuracy=quality.accuracy, loss=quality.loss
        )
        self._tell(f"after round {round_}, {uploads} uploads: accuracy {quality.accuracy:.4f}")


def bytes_in(folder: Path) -> int:
    """What the files directly in a folder take, in bytes; a file that just went counts nothing."""
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
