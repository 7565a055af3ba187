"""What a participant really sent: one row an upload, with the bytes and where training began.

A folder holds the journal of one participant in one run. Beside it lie the codec bytes of every
upload and the parameters that each turn began from, which are kept once however many turns began
from them. All of it is as private as the data that were trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from tithe.checks import BadInput
from tithe.record import write_atomically
from tithe.record_lines import object_from_json
from tithe.storage.journal import Journal
from tithe.storage.journal_file import DamagedJournal
from tithe.storage.tensors import load_tensors

KIND = "journal of what was sent"
JOURNAL = "sent.journal"
_OWNER_ALONE = 0o600


@dataclass(frozen=True, eq=False)
class SentUpload:
    """One row of the journal.

    Attributes:
      participant: whose upload.
      turn: its turn, 0, 1, ...
      payload: the codec bytes that left.
      downloaded: the participant's parameters after its download, shape ``(d,)``; None if only
        their digest is known.
      facts: everything else that was written down.
    """

    participant: int
    turn: int
    payload: bytes
    downloaded: Tensor | None
    facts: Mapping[str, Any]


class UploadJournal:
    """The journal of one participant's uploads in one run, chained by hashes.

    A row is written before its upload may leave, so what left is here; after a crash the last row
    may be of an upload that never left. A turn that is taken again after a crash and comes out the
    same is not written down twice; one that comes out otherwise is, since both may have left.

    Args:
      folder: there already, for its owner alone.
      run: names the run.
    Raises:
      BadInput: the journal in the folder is of another run, is damaged or is held by a process.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        self._folder = folder
        self._journal = Journal.open(
            folder / JOURNAL, kind=KIND, fingerprint=run, wait_seconds=10.0
        )
        self._known = {(row["turn"], row["sha256"]) for row in self._journal.rows()}
        self._num_of_turn: dict[int, int] = {}
        for turn, _ in self._known:
            self._num_of_turn[turn] = self._num_of_turn.get(turn, 0) + 1

    def note(
        self,
        *,
        participant: int,
        turn: int,
        payload: bytes,
        downloaded: Tensor | None,
        facts: Mapping[str, object],
    ) -> None:
        """Writes an upload down, once; durable on return.

        Args:
          participant: whose.
          turn: of that participant.
          payload: the codec bytes.
          downloaded: where the turn began, shape ``(d,)``; None where that is lost.
          facts: plain data for JSON.
        """
        digest = _digest(payload)
        if (turn, digest) in self._known:
            return
        repeats = self._num_of_turn.get(turn, 0)
        row: dict[str, object] = {
            **facts,
            "participant": participant,
            "turn": turn,
            "repeat": repeats,
            "bytes": len(payload),
            "sha256": digest,
            "downloaded": None if downloaded is None else self._keep(downloaded),
        }
        write_atomically(
            payload_path(self._folder, turn, repeat=repeats), payload, mode=_OWNER_ALONE
        )
        self._journal.append(row)
        self._known.add((turn, digest))
        self._num_of_turn[turn] = repeats + 1

    def close(self) -> None:
        """Lets others open the journal."""
        self._journal.close()

    def _keep(self, downloaded: Tensor) -> str:
        digest = digest_of(downloaded)
        path = parameters_path(self._folder, digest)
        if not path.exists():
            content = save({"vector": downloaded.detach().cpu().contiguous()})
            write_atomically(path, content, mode=_OWNER_ALONE)
        return digest


def read_uploads(folder: Path, *, run: str | None = None) -> list[SentUpload]:
    """All that a journal holds, in the order in which it was sent; every byte is verified.

    Args:
      folder: of the journal.
      run: the run that it must be of; None takes any.
    Raises:
      DamagedJournal: a row, an upload or parameters are not what was written; it says which.
      BadInput: there is no journal, it is of another run, or a process holds it.
    """
    path = folder / JOURNAL
    reading = Journal.read(path, kind=KIND, wait_seconds=10.0)
    theirs = object_from_json(reading.entries[0][0], where=f"{path}, row 0,").get("fingerprint")
    if run is not None and theirs != run:
        raise BadInput(f"{path} is of run {theirs}, and {run} was asked for; name that run's own")
    return [_sent(folder, row) for row in reading.rows]


def payload_path(folder: Path, turn: int, *, repeat: int = 0) -> Path:
    """Where the codec bytes of a turn's upload lie."""
    again = f"-again-{repeat}" if repeat else ""
    return folder / f"turn-{turn:06d}{again}.update"


def parameters_path(folder: Path, digest: str) -> Path:
    """Where parameters that turns began from lie."""
    return folder / f"parameters-{digest[:16]}.safetensors"


def digest_of(vector: Tensor) -> str:
    """SHA-256 of a float32 vector's bytes, 64 hex digits."""
    return _digest(vector.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())


def _sent(folder: Path, row: dict[str, Any]) -> SentUpload:
    try:
        turn, digest, began = row["turn"], row["sha256"], row.get("downloaded")
        participant = int(row["participant"])
        path = payload_path(folder, turn, repeat=row.get("repeat", 0))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedJournal(f"{folder / JOURNAL} holds a row that is of no upload") from error
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise DamagedJournal(
            f"{path} is gone, but the journal beside it says that it was sent; put it back"
        ) from error
    if _digest(payload) != digest:
        raise DamagedJournal(f"{path} is not what was sent: its SHA-256 is another; put it back")
    downloaded = None if began is None else _began(folder, began)
    return SentUpload(participant, turn, payload, downloaded, row)


def _began(folder: Path, digest: str) -> Tensor:
    path = parameters_path(folder, digest)
    try:
        vector = load_tensors(path)[0]["vector"]
    except (BadInput, KeyError) as error:
        raise DamagedJournal(
            f"{path} is gone or damaged, but the journal beside it says that a turn began from it"
        ) from error
    if digest_of(vector) != digest:
        raise DamagedJournal(f"{path} is not where the turn began: its SHA-256 is another")
    return vector


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
