"""FedAvg by our engines: in process, by the pool, and through Flower's simulation."""

from __future__ import annotations

from collections.abc import Iterator

from rivals.task import phase_of_round
from torch import Tensor

from tithe.engines.in_process import InProcess
from tithe.engines.loop import Engine, Training
from tithe.engines.parallel import Parallel
from tithe.parties.phase import Phase
from tithe.privacy.ledger import TallyLedger


def in_process(num_participants: int) -> Iterator[Tensor]:
    """One process."""
    phase = phase_of_round(num_participants)
    return _rounds(phase, InProcess(phase, TallyLedger()))


def parallel(num_participants: int) -> Iterator[Tensor]:
    """Two processes."""
    phase = phase_of_round(num_participants)
    return _rounds(phase, Parallel(phase, TallyLedger(), num_processes=2))


def simulation(num_participants: int) -> Iterator[Tensor]:
    """Two of Ray's actors."""
    from tithe.engines.flower.simulation import Simulation

    phase = phase_of_round(num_participants)
    return _rounds(phase, Simulation(phase, TallyLedger(), num_processes=2))


def _rounds(phase: Phase, engine: Engine) -> Iterator[Tensor]:
    training = Training(phase, engine)
    try:
        for happening in training.play():
            if happening.move.kind == "end_round":
                yield training.server.store.vector
    finally:
        engine.close()
