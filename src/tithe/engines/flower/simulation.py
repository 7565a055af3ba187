"""An engine on Flower's simulation: Ray's actors take the turns, on one machine or on a cluster."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import replace

import ray
from torch import Tensor

from tithe.checks import BadInput
from tithe.engines.flower.patience import Pace
from tithe.engines.flower.simulated_turn import Answer, Question
from tithe.engines.flower.simulation_runtime import FlowerSimulation
from tithe.engines.held_turns import held_from_tensors, held_to_tensors
from tithe.engines.kept_states import states_from_tensors, states_to_tensors
from tithe.engines.paid_turns import charged_ahead
from tithe.parties.participant import ParticipantState, Turn, lay_over, stopped_turn
from tithe.parties.phase import Phase
from tithe.parties.server import Download
from tithe.parties.upload_facts import Note
from tithe.privacy.ledger import BudgetExhausted, Ledger

_VECTORS_A_TURN = 8  # a question and its answer, at most: parameters, indices, and two states
_MESSAGES_AN_ACTOR = 16  # under way at once; a message waits for a tenth of a second on its way


class Simulation:
    """Sends each turn as one message to a virtual node, and takes the reply when it is due.

    What participants carry over stays here between their turns, so actors are interchangeable and
    a checkpoint needs no one else. Reaches the same parameters as ``InProcess``, bit for bit. A
    message waits up to a tenth of a second for Flower to look for it, which weighs where each turn
    waits for the last (round robin, random order).

    Args:
      phase: what to train; its participants must train on the CPU.
      ledger: charged here, in the one process that hands out what leaves: before the turn if its
        cost is known, else after it.
      num_processes: actors, of one thread each; 0 takes one for each core.
      note: told here of every turn when it was taken; None: nobody is.
      runtime: a simulation that is under way, with a node for each participant; it is left open.
        None starts one of its own.
    Raises:
      BadInput: a participant trains elsewhere than on the CPU, or Ray runs here already.
    """

    def __init__(
        self,
        phase: Phase,
        ledger: Ledger,
        *,
        num_processes: int = 0,
        note: Note | None = None,
        runtime: FlowerSimulation | None = None,
    ) -> None:
        if any(participant.device != "cpu" for participant in phase.participants):
            raise BadInput(
                'run.engine "simulation" trains on the CPU; use "in_process" with a device'
            )
        self._phase = phase
        self._ledger = ledger
        self._note = note
        self._states = [ParticipantState() for _ in phase.participants]
        self._held: dict[int, Turn] = {}  # turns taken whose upload has not arrived yet
        self._begun: dict[int, Question] = {}  # place -> the turn under way
        self._waiting: deque[int] = deque()  # places whose message has not been sent yet
        self._sent: dict[str, int] = {}  # message -> place
        self._pace = Pace(shortest=0.002, longest=0.02)
        self._own = runtime is None
        self._runtime = runtime or FlowerSimulation(
            num_nodes=len(phase.participants),
            num_processes=num_processes,
            store_bytes=_store_bytes(phase, num_processes=num_processes),
        )
        self._number = self._runtime.add(phase)

    def start(self, place: int, download: Download) -> None:
        """Sends the turn off, unless the ledger refuses it."""
        participant, state = self._phase.participants[place], self._states[place]
        downloaded, fresh = download.whole, None
        if downloaded is None:
            fresh = download.overwrite.indices
            own = self._phase.initial if state.vector is None else state.vector
            downloaded = lay_over(own, download.overwrite)
        try:
            epsilon = charged_ahead(self._ledger, participant, turn=state.num_turns)
        except BudgetExhausted as refused:
            self._refuse(place, downloaded, reason=str(refused))
            return
        self._begun[place] = Question(self._number, place, state, downloaded, fresh, epsilon)
        self._waiting.append(place)
        self._send()

    def finish(self, place: int) -> Turn:
        """Waits for the turn that the participant at this place began last."""
        while place in self._begun:
            self._collect()
        return self._held.pop(place)

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Waits for all turns under way; then all that a restart needs."""
        while self._begun:
            self._collect()
        tensors, num_turns = states_to_tensors(self._states)
        payloads, held = held_to_tensors(self._held)
        return {**tensors, **payloads}, {"num_turns": num_turns, "held": held}

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, by this engine or in process."""
        self._states = states_from_tensors(tensors, plain["num_turns"])
        self._held = held_from_tensors(tensors, plain["held"])

    def close(self) -> None:
        """Ends a simulation of its own; turns under way are dropped."""
        if self._own:
            self._runtime.close()

    def _send(self) -> None:
        """Sends what waits, up to a limit: each message holds copies of all its tensors."""
        while self._waiting and len(self._sent) < _MESSAGES_AN_ACTOR * self._runtime.num_actors:
            place = self._waiting.popleft()
            self._sent[self._runtime.ask(self._begun[place])] = place

    def _collect(self) -> None:
        """Takes in what has come; waits a moment if nothing has."""
        came = self._runtime.answers(list(self._sent))
        if not came:
            time.sleep(self._pace.seconds)
            return
        self._pace.worked()
        for message_id, answer in came.items():
            self._take_in(self._sent.pop(message_id), answer)
        self._send()

    def _take_in(self, place: int, answer: Answer) -> None:
        turn, downloaded = answer.turn, self._begun.pop(place).downloaded
        if answer.events is not None:
            number = self._phase.participants[place].number
            try:
                epsilon = self._ledger.charge(
                    participant=number, turn=turn.number, events=answer.events
                )
            except BudgetExhausted as refused:
                self._refuse(place, downloaded, reason=str(refused))
                return
            turn = replace(turn, epsilon=epsilon)
        self._keep(place, downloaded, answer.state, turn)

    def _refuse(self, place: int, downloaded: Tensor, *, reason: str) -> None:
        """Ends a turn as one taken in process would end: its download stays, nothing else."""
        who, state = self._phase.participants[place], self._states[place]
        turn = stopped_turn(who, state.num_turns, reason=reason, status="refused")
        vector = downloaded if who.theta_d < 1 else None
        after = replace(state, num_turns=state.num_turns + 1, vector=vector)
        self._keep(place, downloaded, after, turn)

    def _keep(self, place: int, downloaded: Tensor, state: ParticipantState, turn: Turn) -> None:
        self._states[place], self._held[place] = state, turn
        if self._note is not None:
            self._note(self._phase.participants[place], downloaded, turn)


def _store_bytes(phase: Phase, *, num_processes: int) -> int:
    """What the training, and the messages that actors have in hand, take as bytes; twice, to spare.

    Flower hands an actor one message after another; those that wait are not in Ray's memory yet.
    """
    num_actors = num_processes or os.cpu_count() or 1
    messages = num_actors * _VECTORS_A_TURN * phase.initial.nbytes
    return 2 * (len(ray.cloudpickle.dumps(phase)) + messages)
