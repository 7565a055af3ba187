"""A participant: its turn takes a state and a download, and gives a state and what it shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tithe.data.shard import Shard
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import DivergedTraining, LocalTraining, train_locally
from tithe.privacy.events import PlainValues
from tithe.privacy.ledger import Ledger
from tithe.randomness import stream
from tithe.sharing.codec import decode, encode
from tithe.sharing.residual import Residual, settled, what_remains
from tithe.sharing.stages import Coins, Stage
from tithe.sharing.update import SparseUpdate, everything
from tithe.sharing.value_code import ValueFormat


@dataclass(frozen=True)
class Participant:
    """What a participant decided before the training and never changes within it.

    Attributes:
      number: 0, 1, ...; names its random streams.
      shard: its rows; they never leave this object.
      training: how it trains within a turn.
      learning_rate: alpha of its n-th turn, n = 0, 1, ...
      share: the chain of stages from the change to what leaves.
      residual: what happens to what was not sent.
      value_format: how uploaded values are written.
      download_format: how downloaded values are written.
      theta_d: the fraction of the server's parameters it downloads.
      seed: of its batch orders and of random stages; simulation only.
      device: where it trains.
    """

    number: int
    shard: Shard
    training: LocalTraining
    learning_rate: Callable[[int], float]
    share: Stage
    residual: Residual
    value_format: ValueFormat = "float32"
    download_format: ValueFormat = "float32"
    theta_d: float = 1.0
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class ParticipantState:
    """All that a participant carries from turn to turn.

    Attributes:
      num_turns: turns begun so far.
      vector: its own parameters ``(d,)``; None where theta_d = 1 overwrites all of them anyway.
      residual: what it learnt and has not sent yet, ``(d,)``; None if it keeps none.
      seen: the server's parameters after its own last upload as far as it knows them, ``(d,)``:
        what it downloaded last of each, plus what it sent; None unless the residual is settled.
    """

    num_turns: int = 0
    vector: Tensor | None = None
    residual: Tensor | None = None
    seen: Tensor | None = None


@dataclass(frozen=True)
class Turn:
    """What came of one turn. ``payload`` is all that leaves; the rest stays or is simulation."""

    number: int
    status: Literal["shared", "stopped"]
    payload: bytes = b""
    num_entries: int = 0
    loss: float | None = None
    learning_rate: float = 0.0
    epsilon: float = 0.0
    train_seconds: float = 0.0
    own_seconds: float = 0.0
    reason: str = ""


def lay_over(vector: Tensor, download: SparseUpdate) -> Tensor:
    """The vector with the downloaded parameters overwritten, a new tensor ``(d,)``."""
    laid = vector.clone()
    laid[download.indices] = download.values
    return laid


def lay_on(vector: Tensor, sent: SparseUpdate) -> Tensor:
    """The vector with the sent values added, a new tensor ``(d,)``."""
    return vector.index_add(0, sent.indices, sent.values)


def take_turn(
    participant: Participant,
    state: ParticipantState,
    downloaded: Tensor,
    *,
    module: nn.Module,
    ledger: Ledger,
    fresh: Tensor | None = None,
) -> tuple[ParticipantState, Turn]:
    """Trains from the downloaded parameters and shares a part of what changed.

    A loss that is not finite ends the turn with nothing sent: the residual stays as it was and the
    next turn starts from the next download. What the ledger refuses does not leave either: its
    exception passes through, before any state has changed.

    Args:
      participant: who takes the turn.
      state: what it carried over from its last turn.
      downloaded: the participant's parameters after the download was laid over, shape ``(d,)``.
      module: a network to train in; its parameters are overwritten.
      ledger: charged before the payload is handed out.
      fresh: the indices that this download overwrote; None: all of them.
    Source: Shokri & Shmatikov 2015, DSSGD participant.
    """
    begun = time.perf_counter()
    rule, residual = participant.residual, state.residual
    known = _known(state.seen, downloaded, fresh) if rule.settle else None
    if residual is not None and state.seen is not None and known is not None:
        residual = settled(residual, known - state.seen)
    start = rule.where_to_start(downloaded, residual)
    number = state.num_turns
    learning_rate = participant.learning_rate(number)
    keeps_vector = participant.theta_d < 1
    try:
        trained = _train(participant, number, start, module, learning_rate)
        wanted = rule.what_to_send(trained.after, start, downloaded, residual)
        update, events = participant.share(everything(wanted), _coins(participant, number))
        payload = _written(participant, number, update)
    except DivergedTraining as diverged:
        stopped = Turn(number, "stopped", learning_rate=learning_rate, reason=str(diverged))
        kept = downloaded if keeps_vector else None
        return ParticipantState(number + 1, kept, state.residual, state.seen), stopped
    if len(update) and not update.is_private:
        events = [*events, PlainValues(len(update))]
    epsilon = ledger.charge(participant=participant.number, turn=number, events=events)
    # float32 arrives as it was sent; only what is rounded has to be read back.
    exact = participant.value_format == "float32"
    sent = update if exact else decode(payload, size=update.size)
    kept_state = ParticipantState(
        number + 1,
        vector=trained.after if keeps_vector else None,
        residual=what_remains(wanted, sent, rule),
        seen=None if known is None else lay_on(known, sent),
    )
    turn = Turn(
        number,
        "shared",
        learning_rate=learning_rate,
        payload=payload,
        num_entries=len(update),
        loss=trained.loss,
        epsilon=epsilon,
        train_seconds=trained.seconds,
        own_seconds=time.perf_counter() - begun - trained.seconds,
    )
    return kept_state, turn


def _known(seen: Tensor | None, downloaded: Tensor, fresh: Tensor | None) -> Tensor:
    """The server's parameters as far as a participant knows them after a download, ``(d,)``."""
    if fresh is None or seen is None:
        return downloaded
    known = seen.clone()
    known[fresh] = downloaded[fresh]
    return known


@dataclass(frozen=True)
class _Trained:
    """Where local training ended, ``(d,)``, its mean loss, and how long its steps took."""

    after: Tensor
    loss: float
    seconds: float


def _train(
    participant: Participant, turn: int, start: Tensor, module: nn.Module, learning_rate: float
) -> _Trained:
    write_vector(module, start)
    features, labels = participant.shard.tensors()
    features, labels = features.to(participant.device), labels.to(participant.device)
    begun = time.perf_counter()
    loss = train_locally(
        module,
        features,
        labels,
        training=participant.training,
        learning_rate=learning_rate,
        rng=_stream(participant, turn, "batches"),
    )
    seconds = time.perf_counter() - begun
    after = read_vector(module)
    if not bool(torch.isfinite(after).all()):
        raise DivergedTraining("a parameter became NaN or infinite")
    return _Trained(after, loss, seconds)


def _written(participant: Participant, turn: int, update: SparseUpdate) -> bytes:
    """The update as bytes; a value too large for its format means that training ran away."""
    try:
        rng = _stream(participant, turn, "rounding")
        return encode(update, values=participant.value_format, rng=rng)
    except ValueError as error:
        raise DivergedTraining(
            f"a change became too large for {participant.value_format}"
        ) from error


def _coins(participant: Participant, turn: int) -> Coins:
    """What the chain of stages draws from."""
    own = _stream(participant, turn, "share")
    return Coins(own, public=stream(participant.seed, purpose="mask", turn=turn))


def _stream(participant: Participant, turn: int, purpose: str) -> torch.Generator:
    return stream(participant.seed, purpose=purpose, participant=participant.number, turn=turn)
