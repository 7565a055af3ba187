"""A phase: everything that one training needs, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from tithe.parties.participant import Participant
from tithe.parties.schedule import Move, Order, Presence, moves
from tithe.parties.server import Server, ServerRules
from tithe.sharing.store import Store


@dataclass(frozen=True)
class Phase:
    """One training: the joint one, or a baseline with a single participant.

    Attributes:
      name: ``"joint"``, ``"centralised"`` or ``"standalone-<i>"``.
      participants: in the order of their numbers' places in the schedule.
      presences: one for each participant.
      order, rounds, cohort: the schedule.
      rules: the server's.
      server_learning_rate, server_momentum, server_average_over: the store's.
      initial: the parameters everybody begins with, shape ``(d,)``.
      make_module: a network of d parameters to train in.
      epochs_a_round: passes over local data that one round adds, for the record.
      seed: of the schedule; simulation only.
    """

    name: str
    participants: tuple[Participant, ...]
    presences: tuple[Presence, ...]
    order: Order
    rounds: int
    cohort: float
    rules: ServerRules
    server_learning_rate: float
    server_momentum: float
    server_average_over: int
    initial: Tensor
    make_module: Callable[[], nn.Module]
    epochs_a_round: float
    seed: int


def server_of(phase: Phase) -> Server:
    """A parameter server before the phase's first move."""
    store = Store(
        phase.initial,
        learning_rate=phase.server_learning_rate,
        momentum=phase.server_momentum,
        average_over=phase.server_average_over,
    )
    return Server(store, phase.rules)


def schedule_of(phase: Phase) -> Iterator[Move]:
    """All moves of a phase, from the first."""
    return moves(
        phase.order, phase.presences, rounds=phase.rounds, seed=phase.seed, cohort=phase.cohort
    )
