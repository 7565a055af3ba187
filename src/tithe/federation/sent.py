"""What a federated participant really sent: its uploads, and where it stood when it made them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from tithe.federation.frames import Upload
from tithe.federation.owned import owned_folder
from tithe.storage.uploads import UploadJournal


class Sent:
    """The journal of uploads of one run, see ``storage.uploads``, with the ledger's mark in a row.

    Args:
      folder: made where there is none, for its owner alone.
      run: names the run.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        self._journal = UploadJournal(owned_folder(folder), run=run)

    def note(
        self, upload: Upload, *, downloaded: Tensor | None, facts: Mapping[str, object]
    ) -> None:
        """Writes an upload down, once; durable on return.

        Args:
          upload: as it leaves.
          downloaded: where the turn began, shape ``(d,)``; None where a crash lost it.
          facts: how it was made, plain data for JSON.
        """
        self._journal.note(
            participant=upload.participant,
            turn=upload.turn,
            payload=upload.payload,
            downloaded=downloaded,
            facts={
                **facts,
                "sequence": upload.sequence,
                "ledger_sequence": upload.mark.sequence,
                "ledger_hash": upload.mark.digest.hex(),
            },
        )

    def close(self) -> None:
        """Lets others open the journal."""
        self._journal.close()
