"""The parameter server: answers downloads, adds uploads once each, refuses the malformed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tithe.checks import BadInput, require_at_least
from tithe.randomness import stream
from tithe.sharing.codec import decode, encode
from tithe.sharing.store import Store
from tithe.sharing.update import MalformedUpdate, SparseUpdate
from tithe.sharing.value_code import ValueFormat


@dataclass(frozen=True)
class ServerRules:
    """How the server treats what arrives.

    Attributes:
      beta: the counts are multiplied by it, in (0, 1].
      decay_every: after so many uploads; 0: after every round.
      mean: the uploads of a round are averaged (FedAvg) instead of added one by one (DSSGD).
      staleness_power: an upload that s others overtook weighs ``(1 + s)^-power``.
      seed: for breaking ties among equally often updated parameters.
    """

    beta: float = 1.0
    decay_every: int = 0
    mean: bool = False
    staleness_power: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Download:
    """What a participant gets.

    Attributes:
      payload: the bytes that cross the wire.
      overwrite: what they say: parameters to overwrite.
      whole: where theta_d = 1, the vector at which the participant arrives by laying ``overwrite``
        over its last download. In one process this spares a copy of that per participant.
      version: of the server's parameters.
    """

    payload: bytes
    overwrite: SparseUpdate
    whole: Tensor | None
    version: int


class Server:
    """Holds the store and who downloaded what when; knows nothing of anybody's data."""

    def __init__(self, store: Store, rules: ServerRules):
        require_at_least(0, decay_every=rules.decay_every, staleness_power=rules.staleness_power)
        if not 0 < rules.beta <= 1:
            raise ValueError(f"beta must be in (0, 1], got {rules.beta}")
        self.store = store
        self.rules = rules
        self._marks: dict[int, int] = {}  # participant -> version of its last full download
        self._begun: dict[int, int] = {}  # participant -> uploads applied when its turn began
        self._last_turn: dict[int, int] = {}  # participant -> last turn applied
        self._num_uploads = 0
        self._num_downloads = 0
        self._pending: list[SparseUpdate] = []  # this round's uploads, where they are averaged

    def download(
        self, participant: int, *, theta_d: float, values: ValueFormat = "float32"
    ) -> Download:
        """The theta_d*d most updated parameters; for theta_d = 1 what changed since last time."""
        if theta_d < 1:
            rng = stream(self.rules.seed, purpose="ties", turn=self._num_downloads)
            overwrite = self.store.most_updated(theta_d=theta_d, rng=rng)
        else:
            overwrite = self.store.changed_since(self._marks.get(participant, -1))
            self._marks[participant] = self.store.version
        self._num_downloads += 1
        self._begun[participant] = self._num_uploads
        try:
            payload = encode(overwrite, values=values, rng=None)
        except ValueError as error:
            raise BadInput(
                f"the joint parameters grew beyond what {values} can hold; "
                'lower the learning rates, or download as "float32"'
            ) from error
        whole = None
        if values != "float32":
            overwrite = decode(payload, size=self.store.size)
        if theta_d == 1:
            whole = _as_written(self.store.vector, values)
        return Download(payload, overwrite, whole, self.store.version)

    def forget(self, participant: int) -> None:
        """Its next download brings everything: it has lost what it had downloaded."""
        self._marks.pop(participant, None)

    def upload(self, participant: int, *, turn: int, payload: bytes) -> int:
        """Adds one turn's update, exactly once, and returns its staleness.

        Staleness is the number of uploads of others applied since this participant's download.

        Raises:
          MalformedUpdate: the payload is no update for this store, or this turn was added before;
            nothing changed.
        """
        self._require_new(participant, turn)
        return self.add(participant, turn=turn, update=decode(payload, size=self.store.size))

    def add(self, participant: int, *, turn: int, update: SparseUpdate) -> int:
        """As ``upload``, for an update that was decoded for this store already.

        Raises:
          MalformedUpdate: this turn was added before; nothing changed.
        """
        self._require_new(participant, turn)
        staleness = self._num_uploads - self._begun.get(participant, self._num_uploads)
        if self.rules.mean:
            self._pending.append(update)
        else:
            weight = float((1 + staleness) ** -self.rules.staleness_power)
            self.store.add(update, weight=weight)
        self._last_turn[participant] = turn
        self._num_uploads += 1
        if self.rules.decay_every and self._num_uploads % self.rules.decay_every == 0:
            self.store.decay_counts(beta=self.rules.beta)
        return staleness

    def _require_new(self, participant: int, turn: int) -> None:
        if turn <= self._last_turn.get(participant, -1):
            raise MalformedUpdate(
                f"turn {turn} of participant {participant} must come after turn "
                f"{self._last_turn[participant]}, which was added already; nothing was added"
            )

    def end_round(self) -> None:
        """Applies what waits for a round's end: the mean of its uploads, the decay of counts."""
        if self._pending:
            self.store.add_mean(self._pending)
            self._pending = []
        if not self.rules.decay_every and self.rules.beta < 1:
            self.store.decay_counts(beta=self.rules.beta)

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """All that a restart needs: tensors, and plain data for JSON."""
        tensors = self.store.state()
        for number, update in enumerate(self._pending):
            tensors[f"pending_indices_{number}"] = update.indices
            tensors[f"pending_values_{number}"] = update.values
        plain: dict[str, object] = {
            "marks": sorted(self._marks.items()),
            "begun": sorted(self._begun.items()),
            "last_turn": sorted(self._last_turn.items()),
            "num_uploads": self._num_uploads,
            "num_downloads": self._num_downloads,
            "num_pending": len(self._pending),
        }
        return tensors, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""
        self.store.restore(tensors)
        self._marks = dict(plain["marks"])  # type: ignore[call-overload]
        self._begun = dict(plain["begun"])  # type: ignore[call-overload]
        self._last_turn = dict(plain["last_turn"])  # type: ignore[call-overload]
        self._num_uploads = int(plain["num_uploads"])  # type: ignore[call-overload]
        self._num_downloads = int(plain["num_downloads"])  # type: ignore[call-overload]
        self._pending = [
            SparseUpdate(
                tensors[f"pending_indices_{number}"],
                tensors[f"pending_values_{number}"],
                self.store.size,
            )
            for number in range(int(plain["num_pending"]))  # type: ignore[call-overload]
        ]


def _as_written(vector: Tensor, value_format: ValueFormat) -> Tensor:
    """The vector as a receiver of this format reads it."""
    if value_format == "float32":
        return vector
    return vector.to(torch.float16).to(torch.float32)
