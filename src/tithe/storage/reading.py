"""What a journal held when somebody read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tithe.record_lines import object_from_json
from tithe.storage.journal_file import DamagedJournal

Entries = list[tuple[str, bytes]]
"""Text and hash of the header and of every row after it."""


@dataclass(frozen=True)
class Reading:
    """The rows of a journal, all verified, and the place it had reached. Make one with ``of``."""

    path: Path
    rows: tuple[dict[str, Any], ...]
    entries: Entries

    @classmethod
    def of(cls, path: Path, entries: Entries) -> Reading:
        """The reading of these verified entries."""
        return cls(path, tuple(rows_in(path, entries)), entries)

    @property
    def last(self) -> tuple[int, str]:
        """The last row's sequence number, 0 if there is none yet, and its hash as 64 hex digits."""
        return len(self.rows), self.entries[-1][1].hex()

    def require_reached(self, sequence: int, hash_: str) -> None:
        """Refuses a journal that lacks a row which it once had, as ``Journal`` does.

        Raises:
          DamagedJournal: an older copy was put back, or the journal was begun anew.
        """
        require_passed(self.path, sequence, hash_, self.entries)


def rows_in(path: Path, entries: Entries) -> list[dict[str, Any]]:
    """The rows after the header, as objects."""
    return [
        object_from_json(text, where=f"{path}, row {sequence},")
        for sequence, (text, _) in enumerate(entries[1:], start=1)
    ]


def require_passed(path: Path, sequence: int, hash_: str, entries: Entries) -> None:
    """Raises DamagedJournal unless the entries have this hash in this place."""
    if not 0 <= sequence < len(entries):
        raise DamagedJournal(
            f"{path} ends at row {len(entries) - 1}, but row {sequence} was written once; "
            "an older copy was put back, or it was begun anew"
        )
    if entries[sequence][1].hex() != hash_:
        raise DamagedJournal(
            f"{path} has another row {sequence} than the one that was written once; "
            "another journal was put in its place"
        )
