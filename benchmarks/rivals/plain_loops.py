"""FedAvg with no engine at all: a loop, and a pool of two processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from rivals.task import phase_of_round, plain_turn, tensors_of
from torch import Tensor, nn

from tithe.parties.phase import Phase


def loop(num_participants: int) -> Iterator[Tensor]:
    """One process; gives the parameters after every round."""
    phase = phase_of_round(num_participants)
    rows, module, vector = tensors_of(phase), phase.make_module(), phase.initial
    turn = 0
    while True:
        ends = [
            plain_turn(phase, place, turn, rows[place], module=module, start=vector)
            for place in range(num_participants)
        ]
        vector = torch.stack(ends).mean(0)
        turn += 1
        yield vector


def pool(num_participants: int) -> Iterator[Tensor]:
    """Two forked processes that hold the data; vectors go there and back through pipes."""
    phase = phase_of_round(num_participants)
    # The first optimizer of a process makes PyTorch import hundreds of modules; so before the fork.
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    held = (phase, tensors_of(phase))
    with multiprocessing.get_context("fork").Pool(2, _begin, held) as processes:
        vector, turn = phase.initial, 0
        while True:
            start = vector.numpy()
            wanted = [(place, turn, start) for place in range(num_participants)]
            ends = processes.starmap(_turn, wanted, chunksize=1)
            vector = torch.stack([torch.from_numpy(end) for end in ends]).mean(0)
            turn += 1
            yield vector


@dataclass(frozen=True)
class _Worker:
    phase: Phase
    rows: list[tuple[Tensor, Tensor]]
    module: nn.Module


_worker: list[_Worker] = []  # at most one: this process's


def _begin(phase: Phase, rows: list[tuple[Tensor, Tensor]]) -> None:
    torch.set_num_threads(1)
    _worker.append(_Worker(phase, rows, phase.make_module()))


def _turn(place: int, turn: int, start: object) -> object:
    (worker,) = _worker
    rows, module = worker.rows[place], worker.module
    begin = torch.from_numpy(start)
    return plain_turn(worker.phase, place, turn, rows, module=module, start=begin).numpy()
