"""An engine on all cores: a pool of processes takes the turns that do not wait for each other."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tithe.checks import BadInput
from tithe.engines.held_turns import held_from_tensors, held_to_tensors
from tithe.engines.paid_turns import Paid, charged_ahead
from tithe.parties.participant import ParticipantState, Turn, stopped_turn, take_turn
from tithe.parties.phase import Phase
from tithe.parties.server import Download
from tithe.parties.upload_facts import Note
from tithe.privacy.ledger import BudgetExhausted, Ledger, TallyLedger


@dataclass
class _Known:
    """What the parent knows of a participant whose tensors lie in shared memory."""

    num_turns: int = 0
    has_vector: bool = False
    has_residual: bool = False
    has_seen: bool = False


class Parallel:
    """Takes turns in processes that share the tensors instead of copying them.

    The processes are forked, so they inherit data and plan; the global vector is put into shared
    memory once for all participants that start from it, and every participant's own tensors are one
    row of one shared array, which takes memory only where a row was written. Reaches the same
    parameters as ``InProcess``, bit for bit. It gains nothing where each turn waits for the last
    (round robin, random order).

    Args:
      phase: what to train; its participants must train on the CPU.
      ledger: charged here, in the one process that hands out what leaves, before a turn begins;
        turns whose cost only they themselves can tell are tallied where they are taken.
      num_processes: > 0; 0 takes one for each core.
      note: told here of every turn when it was taken; None: nobody is.
    Raises:
      BadInput: this system cannot fork, or a participant trains elsewhere than on the CPU.
    """

    def __init__(
        self,
        phase: Phase,
        ledger: Ledger,
        *,
        num_processes: int = 0,
        note: Note | None = None,
    ):
        if "fork" not in multiprocessing.get_all_start_methods():
            raise BadInput('run.engine "parallel" needs a system that can fork; use "in_process"')
        if any(participant.device != "cpu" for participant in phase.participants):
            raise BadInput(
                'run.engine "parallel" trains on the CPU; use "in_process" with a device'
            )
        self._phase = phase
        self._ledger = ledger
        self._note = note
        self._began: dict[int, Tensor] = {}  # where turns under way began, if somebody wants it
        num_processes = num_processes or os.cpu_count() or 1
        num_places, size = len(phase.participants), phase.initial.numel()
        num_slots = 2 * num_processes
        keeps_vectors = any(participant.theta_d < 1 for participant in phase.participants)
        rules = [participant.residual for participant in phase.participants]
        self._shared = _Shared(
            slots=_shared_zeros(num_slots, size),
            vectors=_shared_zeros(num_places if keeps_vectors else 0, size),
            residuals=_shared_zeros(num_places if any(r.keep for r in rules) else 0, size),
            seen=_shared_zeros(num_places if any(r.settle for r in rules) else 0, size),
        )
        self._known = [_Known() for _ in phase.participants]
        self._held: dict[int, Turn] = {}
        self._running: dict[int, Future[tuple[Turn, bool, bool, bool]]] = {}
        self._slot_of_version: dict[int, int] = {}
        self._users: list[set[int]] = [set() for _ in range(num_slots)]  # places by slot
        self._pool = ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("fork"),
            initializer=_begin_worker,
            initargs=(phase, self._shared),
        )

    def start(self, place: int, download: Download) -> None:
        """Hands the turn to the pool; waits only if all slots for global vectors are in use."""
        known = self._known[place]
        participant = self._phase.participants[place]
        try:
            epsilon = charged_ahead(self._ledger, participant, turn=known.num_turns)
        except BudgetExhausted as refused:
            self._refuse(place, download, reason=str(refused))
            return
        slot, fresh = -1, None
        if download.whole is None:
            fresh = download.overwrite.indices.numpy()
            self._lay_over(place, download)
        else:
            slot = self._slot_for(download)
            self._users[slot].add(place)
        if self._note is not None:
            at = self._shared.vectors[place] if download.whole is None else download.whole
            self._began[place] = at.clone()
        self._running[place] = self._pool.submit(
            _take_turn,
            place,
            slot,
            fresh,
            known.num_turns,
            epsilon,
            has_residual=known.has_residual,
            has_seen=known.has_seen,
        )

    def finish(self, place: int) -> Turn:
        """Waits for the turn that the participant at this place began last."""
        if place in self._running:
            self._collect(place)
        return self._held.pop(place)

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Waits for all turns under way; then all that a restart needs."""
        for place in list(self._running):
            self._collect(place)
        tensors: dict[str, Tensor] = {}
        for place, known in enumerate(self._known):
            if known.has_vector:
                tensors[f"vector_of_{place}"] = self._shared.vectors[place]
            if known.has_residual:
                tensors[f"residual_of_{place}"] = self._shared.residuals[place]
            if known.has_seen:
                tensors[f"seen_by_{place}"] = self._shared.seen[place]
        payloads, held = held_to_tensors(self._held)
        num_turns = [known.num_turns for known in self._known]
        return {**tensors, **payloads}, {"num_turns": num_turns, "held": held}

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, by this engine or in process."""
        num_turns = plain["num_turns"]
        assert isinstance(num_turns, list)
        for place, turns in enumerate(num_turns):
            known = self._known[place] = _Known(turns)
            if f"vector_of_{place}" in tensors:
                self._shared.vectors[place] = tensors[f"vector_of_{place}"]
                known.has_vector = True
            if f"residual_of_{place}" in tensors:
                self._shared.residuals[place] = tensors[f"residual_of_{place}"]
                known.has_residual = True
            if f"seen_by_{place}" in tensors:
                self._shared.seen[place] = tensors[f"seen_by_{place}"]
                known.has_seen = True
        self._held = held_from_tensors(tensors, plain["held"])

    def close(self) -> None:
        """Ends the processes; turns under way are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _lay_over(self, place: int, download: Download) -> None:
        row = self._shared.vectors[place]
        if not self._known[place].has_vector:
            row.copy_(self._phase.initial)
        row[download.overwrite.indices] = download.overwrite.values

    def _refuse(self, place: int, download: Download, *, reason: str) -> None:
        """Ends a turn before it began, as a turn taken in process would end."""
        known = self._known[place]
        if download.whole is None:
            self._lay_over(place, download)
            known.has_vector = True
        who = self._phase.participants[place]
        turn = stopped_turn(who, known.num_turns, reason=reason, status="refused")
        self._held[place] = turn
        known.num_turns += 1

    def _collect(self, place: int) -> None:
        turn, has_vector, has_residual, has_seen = self._running.pop(place).result()
        known = self._known[place]
        known.num_turns = turn.number + 1
        known.has_vector |= has_vector
        known.has_residual |= has_residual
        known.has_seen |= has_seen
        for users in self._users:
            users.discard(place)
        self._held[place] = turn
        if self._note is not None:
            self._note(self._phase.participants[place], self._began.pop(place), turn)

    def _slot_for(self, download: Download) -> int:
        """The slot with this version of the global vector; written if it is not there yet."""
        if download.version in self._slot_of_version:
            return self._slot_of_version[download.version]
        while not any(not users for users in self._users):
            done, _ = wait(self._running.values(), return_when=FIRST_COMPLETED)
            for place in [p for p, future in self._running.items() if future in done]:
                self._collect(place)
        slot = next(number for number, users in enumerate(self._users) if not users)
        self._slot_of_version = {v: s for v, s in self._slot_of_version.items() if s != slot}
        self._slot_of_version[download.version] = slot
        assert download.whole is not None
        self._shared.slots[slot].copy_(download.whole)
        return slot


@dataclass(frozen=True)
class _Shared:
    """Tensors that all processes see: ``(num_slots, d)``, and three times ``(N or 0, d)``."""

    slots: Tensor
    vectors: Tensor
    residuals: Tensor
    seen: Tensor


@dataclass(frozen=True)
class _Worker:
    """What one process of the pool works with."""

    phase: Phase
    shared: _Shared
    module: nn.Module
    ledger: TallyLedger


_worker: list[_Worker] = []  # at most one: this process's, in the pool


def _begin_worker(phase: Phase, shared: _Shared) -> None:
    # A Ctrl-C in a terminal reaches every process; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _worker.append(_Worker(phase, shared, phase.make_module(), TallyLedger()))


def _take_turn(
    place: int,
    slot: int,
    fresh: np.ndarray | None,
    num_turns: int,
    epsilon: float,
    *,
    has_residual: bool,
    has_seen: bool,
) -> tuple[Turn, bool, bool, bool]:
    """Takes one turn in the pool; the participant's tensors stay in their shared rows."""
    (worker,) = _worker
    shared = worker.shared
    state = ParticipantState(
        num_turns,
        vector=None,
        residual=shared.residuals[place] if has_residual else None,
        seen=shared.seen[place] if has_seen else None,
    )
    participant = worker.phase.participants[place]
    after, turn = take_turn(
        participant,
        state,
        shared.vectors[place] if slot < 0 else shared.slots[slot],
        module=worker.module,
        ledger=worker.ledger if participant.cost is None else Paid(epsilon),
        fresh=None if fresh is None else torch.from_numpy(fresh),
    )
    for row, tensor, before in (
        (shared.vectors, after.vector, None),
        (shared.residuals, after.residual, state.residual),
        (shared.seen, after.seen, state.seen),
    ):
        if tensor is not None and tensor is not before:
            row[place] = tensor
    return turn, after.vector is not None, after.residual is not None, after.seen is not None


def _shared_zeros(num_rows: int, size: int) -> Tensor:
    """Zeros ``(num_rows, size)`` that forked processes share; untouched pages cost nothing."""
    if num_rows == 0:
        return torch.empty(0, size)
    memory = mmap.mmap(-1, num_rows * size * 4)
    return torch.frombuffer(memory, dtype=torch.float32).view(num_rows, size)
