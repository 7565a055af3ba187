"""A participant: its turn takes a state and a download, and gives a state and what it shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from tithe.data.shard import Shard
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.local import DivergedTraining, LocalTraining
from tithe.parties.training import train
from tithe.privacy.budget import Budget, BudgetExhausted
from tithe.privacy.events import Event, PlainValues
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
      cost: what every one of its turns costs, known beforehand and charged before it trains; None
        if the turn itself tells, which is how plain sharing is charged.
      budget: what all its turns may cost, and on which terms; None: nothing is limited.
      private: how it trains by DP-SGD, so that all of its change is private; None: it does not.
      augmentations: copies of a row that share one bound in DP-SGD.
      has_secure_noise: noise and sampling come from the operating system, not from the seed.
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
    cost: tuple[Event, ...] | None = None
    budget: Budget | None = None
    private: PrivateTraining | None = None
    augmentations: int = 1
    has_secure_noise: bool = False
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
    """What came of one turn. ``payload`` is all that leaves; the rest stays or is simulation.

    ``status``: something left; training broke, so that nothing did; or the ledger refused it.

    ``cosine`` is that of the angle between what was sent and what would have been sent without
    noise, None if there was none.
    """

    number: int
    status: Literal["shared", "stopped", "refused"]
    payload: bytes = b""
    num_entries: int = 0
    loss: float | None = None
    learning_rate: float = 0.0
    epsilon: float = 0.0
    train_seconds: float = 0.0
    own_seconds: float = 0.0
    reason: str = ""
    cosine: float | None = None


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
    turn stops, and nothing of what it learnt is kept.

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
    number = state.num_turns
    learning_rate = participant.learning_rate(number)
    kept_vector = downloaded if participant.theta_d < 1 else None
    stopped = partial(stopped_turn, participant, number)
    after_stop = ParticipantState(number + 1, kept_vector, state.residual, state.seen)
    epsilon = 0.0
    if participant.cost is not None:
        try:
            epsilon = ledger.charge(
                participant=participant.number, turn=number, events=list(participant.cost)
            )
        except BudgetExhausted as refused:
            return after_stop, stopped(reason=str(refused), status="refused")
    known = _known(state.seen, downloaded, fresh) if rule.settle else None
    if residual is not None and state.seen is not None and known is not None:
        residual = settled(residual, known - state.seen)
    start = rule.where_to_start(downloaded, residual)
    try:
        trained = train(
            participant.shard,
            start,
            module=module,
            training=participant.private or participant.training,
            learning_rate=learning_rate,
            streams=partial(_stream, participant, number),
            has_secure_noise=participant.has_secure_noise,
            augmentation=participant.training.augmentation,
            augmentations=participant.augmentations,
            device=participant.device,
        )
        wanted = rule.what_to_send(trained.after, start, downloaded, residual)
        offered = replace(everything(wanted), is_private=participant.private is not None)
        update, events = participant.share(offered, _coins(participant, number))
        payload = _written(participant, number, update)
    except DivergedTraining as diverged:
        return after_stop, stopped(reason=str(diverged), epsilon=epsilon)
    if participant.cost is None:
        if len(update) and not update.is_private:
            events = [*events, PlainValues(len(update))]
        try:
            epsilon = ledger.charge(participant=participant.number, turn=number, events=events)
        except BudgetExhausted as refused:
            return after_stop, stopped(reason=str(refused), status="refused")
    else:
        _require_charged(participant, update, events)
    # float32 arrives as it was sent; only what is rounded has to be read back.
    exact = participant.value_format == "float32"
    sent = update if exact else decode(payload, size=update.size)
    kept_state = ParticipantState(
        number + 1,
        vector=trained.after if participant.theta_d < 1 else None,
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
        cosine=trained.cosine if participant.private else _cosine(participant, wanted, sent),
    )
    return kept_state, turn


def stopped_turn(
    participant: Participant,
    number: int,
    *,
    reason: str,
    epsilon: float = 0.0,
    status: Literal["stopped", "refused"] = "stopped",
) -> Turn:
    """A turn with which nothing left."""
    learning_rate = participant.learning_rate(number)
    return Turn(number, status, learning_rate=learning_rate, reason=reason, epsilon=epsilon)


def _require_charged(participant: Participant, update: SparseUpdate, events: list[Event]) -> None:
    """Refuses to hand out what was not charged beforehand; this would be a fault of ours."""
    assert participant.cost is not None
    charged = [] if participant.private is not None else list(participant.cost)
    admits_plain = any(isinstance(event, PlainValues) for event in participant.cost)
    if events != charged or not (update.is_private or admits_plain):
        raise RuntimeError(
            f"participant {participant.number} charged its turn for other releases than it made; "
            "nothing was sent"
        )


def _cosine(participant: Participant, wanted: Tensor, sent: SparseUpdate) -> float | None:
    """Of the angle between what left and what training did; None without noise in between."""
    if participant.cost is None:
        return None
    norms = float(wanted.norm()) * float(sent.values.norm())
    return float(wanted[sent.indices] @ sent.values) / norms if norms else 0.0


def _known(seen: Tensor | None, downloaded: Tensor, fresh: Tensor | None) -> Tensor:
    """The server's parameters as far as a participant knows them after a download, ``(d,)``."""
    if fresh is None or seen is None:
        return downloaded
    known = seen.clone()
    known[fresh] = downloaded[fresh]
    return known


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
