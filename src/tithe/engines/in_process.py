"""The default engine: every turn is taken in this process, at the moment it starts."""

from __future__ import annotations

from torch import Tensor

from tithe.engines.held_turns import held_from_tensors, held_to_tensors
from tithe.engines.kept_states import states_from_tensors, states_to_tensors
from tithe.parties.participant import ParticipantState, Turn, lay_over, take_turn
from tithe.parties.phase import Phase
from tithe.parties.server import Download
from tithe.parties.upload_facts import Note
from tithe.privacy.ledger import Ledger


class InProcess:
    """Takes turns one after another with one network that all participants train in by turns.

    A participant keeps only what it must: nothing between turns if theta_d = 1 and no residual is
    kept; else d float32 numbers for each of its own vector, its residual, and what it has seen.

    Args:
      phase: what to train.
      ledger: charged before a turn hands anything out.
      note: told of every turn when it was taken; None: nobody is.
    """

    def __init__(self, phase: Phase, ledger: Ledger, *, note: Note | None = None):
        self._phase = phase
        self._ledger = ledger
        self._note = note
        self._module = phase.make_module().to(phase.participants[0].device)
        self._states = [ParticipantState() for _ in phase.participants]
        self._held: dict[int, Turn] = {}  # turns taken whose upload has not arrived yet

    def start(self, place: int, download: Download) -> None:
        """Takes the turn of the participant at this place and holds what comes of it."""
        state = self._states[place]
        downloaded, fresh = download.whole, None
        if downloaded is None:
            fresh = download.overwrite.indices
            own = self._phase.initial if state.vector is None else state.vector
            downloaded = lay_over(own, download.overwrite)
        self._states[place], self._held[place] = take_turn(
            self._phase.participants[place],
            state,
            downloaded,
            module=self._module,
            ledger=self._ledger,
            fresh=fresh,
        )
        if self._note is not None:
            self._note(self._phase.participants[place], downloaded, self._held[place])

    def finish(self, place: int) -> Turn:
        """What came of the turn that the participant at this place began last."""
        return self._held.pop(place)

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """All that a restart needs: tensors, and plain data for JSON."""
        tensors, num_turns = states_to_tensors(self._states)
        payloads, held = held_to_tensors(self._held)
        return {**tensors, **payloads}, {"num_turns": num_turns, "held": held}

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""
        self._states = states_from_tensors(tensors, plain["num_turns"])
        self._held = held_from_tensors(tensors, plain["held"])

    def close(self) -> None:
        """Nothing to let go of."""
