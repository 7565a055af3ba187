"""What a folder holds of one published data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["present", "partial", "missing"]


@dataclass(frozen=True)
class Holding:
    """The files a reader would read, and what is not there.

    Attributes:
      files: what is there, in reading order.
      missing: names of official files that are not there in any form.
      is_usable: whether train and test rows can be read from ``files``.
      note: one phrase on what is special, empty if nothing is.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...]
    is_usable: bool
    note: str = ""

    @property
    def state(self) -> State:
        """All of the official set, a part of it, or nothing."""
        if not self.missing:
            return "present"
        return "partial" if self.files else "missing"
