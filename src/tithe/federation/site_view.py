"""What lies in a participant's folder for its own eyes: ledger, uploads, and what it measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tithe.federation.drift import read_drift
from tithe.privacy.ledger import KIND as LEDGER
from tithe.storage.journal import Journal
from tithe.storage.uploads import JOURNAL
from tithe.storage.uploads import KIND as UPLOADS


@dataclass(frozen=True)
class SiteView:
    """One participant's folder, read while no daemon has it open; every chain was verified.

    Attributes:
      charged: the ledger's rows, in order.
      ledger: number and hash of its last row.
      sent: rows of all uploads of all runs, in order of the runs' names.
      measured: turn, accuracy and loss of each download on held-out rows.
    """

    charged: tuple[dict[str, Any], ...]
    ledger: tuple[int, str]
    sent: tuple[dict[str, Any], ...]
    measured: tuple[dict[str, float], ...]


def view_of(site: Path) -> SiteView:
    """Reads the folder that a ``Site`` keeps.

    Raises:
      DamagedJournal: ledger or journal are not what was written.
      BadInput: there is no ledger, or a process holds it.
    """
    ledger = Journal.read(site / "ledger.sqlite", kind=LEDGER, wait_seconds=10.0)
    sent: list[dict[str, Any]] = []
    measured: list[dict[str, float]] = []
    for run in sorted((site / "runs").glob("*")):
        sent += Journal.read(run / "sent" / JOURNAL, kind=UPLOADS, wait_seconds=10.0).rows
        measured += read_drift(run / "drift.jsonl")
    return SiteView(ledger.rows, ledger.last, tuple(sent), tuple(measured))
