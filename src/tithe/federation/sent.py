"""What a participant really sent: one row a turn and the bytes themselves, for later audits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tithe.federation.frames import Upload
from tithe.federation.owned import owned_folder
from tithe.record import write_atomically
from tithe.storage.journal import Journal

KIND = "journal of what was sent"


class Sent:
    """A journal of uploads in a folder, and a file with the codec bytes of each.

    A row is written before its upload may leave, so what left is here; after a crash the last row
    may be of an upload that never left.

    Args:
      folder: made where there is none, for its owner alone.
      run: names the run.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        self._folder = owned_folder(folder)
        self._journal = Journal.open(
            folder / "sent.journal", kind=KIND, fingerprint=run, wait_seconds=10.0
        )
        rows = self._journal.rows()
        self._last_turn = rows[-1]["turn"] if rows else -1

    def note(self, upload: Upload) -> None:
        """Writes an upload down, once; durable on return."""
        if upload.turn <= self._last_turn:
            return
        write_atomically(payload_path(self._folder, upload.turn), upload.payload)
        self._journal.append(
            {
                "participant": upload.participant,
                "turn": upload.turn,
                "sequence": upload.sequence,
                "bytes": len(upload.payload),
                "sha256": hashlib.sha256(upload.payload).hexdigest(),
                "ledger_sequence": upload.mark.sequence,
                "ledger_hash": upload.mark.digest.hex(),
            }
        )
        self._last_turn = upload.turn

    def close(self) -> None:
        """Lets others open the journal."""
        self._journal.close()


def payload_path(folder: Path, turn: int) -> Path:
    """Where the codec bytes of a turn's upload lie."""
    return folder / f"turn-{turn:06d}.update"
