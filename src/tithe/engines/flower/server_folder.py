"""What a federation's server keeps on disk, and where."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from tithe.checks import BadInput
from tithe.engines.flower.certificates import Certificates
from tithe.federation.owned import owned_folder
from tithe.federation.roster import Roster, read_roster, write_roster
from tithe.record import write_atomically
from tithe.record_lines import object_from_json, to_json


@dataclass(frozen=True)
class ServerFolder:
    """The folder of one federation's server, for its owner alone.

    Attributes:
      path: of the folder.
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> ServerFolder:
        """The folder, made where there is none.

        Raises:
          BadInput: it cannot be made, or others than its owner may look into it.
        """
        return cls(owned_folder(path.resolve()))

    @property
    def certificates(self) -> Certificates:
        """Of the SuperLink; ``ca.crt`` is for participants."""
        return Certificates.of(self.path / "certificates")

    @property
    def superlink(self) -> Path:
        """What the SuperLink keeps."""
        return self.path / "superlink"

    @property
    def store(self) -> Path:
        """Every accepted upload, and snapshots of the model."""
        return self.path / "store"

    @property
    def model(self) -> Path:
        """The trained network, at the end."""
        return self.path / "model"

    @property
    def roster_file(self) -> Path:
        """Who takes part."""
        return self.path / "roster.toml"

    @property
    def screens_file(self) -> Path:
        """Which screens are asked; none where there is no such file."""
        return self.path / "screens.toml"

    def roster(self) -> Roster:
        """Who takes part now; nobody where nobody was enrolled yet."""
        return read_roster(self.roster_file) if self.roster_file.exists() else Roster(())

    def keep_roster(self, roster: Roster) -> None:
        """Writes the roster, whole or not at all; a running server reads it within seconds."""
        write_roster(self.roster_file, roster)
        self.roster_file.chmod(0o600)


STATUS = "status.json"


def keep_status(folder: Path, status: dict[str, object]) -> None:
    """Writes what ``tithe status`` shows: plain data, whole or not at all.

    A disk that refuses keeps the old one: what has to last is elsewhere, and says so itself.
    """
    with contextlib.suppress(OSError):
        write_atomically(folder / STATUS, to_json(status))


def last_status(folder: Path) -> dict[str, object]:
    """What was last written there, or nothing."""
    try:
        return read_status(folder)
    except BadInput:
        return {}


def read_status(folder: Path) -> dict[str, object]:
    """What was last written there.

    Raises:
      BadInput: nothing was.
    """
    path = folder / STATUS
    try:
        return dict(object_from_json(path.read_text(encoding="utf-8"), where=str(path)))
    except OSError as error:
        raise BadInput(f"{folder} holds no server and no participant that ever ran") from error
    except ValueError as error:
        raise BadInput(f"{path} is damaged; it is written anew while the program runs") from error
