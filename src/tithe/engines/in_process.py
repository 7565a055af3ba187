"""The default engine: every turn is taken in this process, at the moment it starts."""

from __future__ import annotations

from torch import Tensor

from tithe.engines.held_turns import held_from_tensors, held_to_tensors
from tithe.parties.participant import ParticipantState, Turn, lay_over, take_turn
from tithe.parties.phase import Phase
from tithe.parties.server import Download
from tithe.privacy.ledger import Ledger


class InProcess:
    """Takes turns one after another with one network that all participants train in by turns.

    A participant keeps only what it must: nothing between turns if theta_d = 1 and no residual is
    kept; else d float32 numbers for each of its own vector, its residual, and what it has seen.
    """

    def __init__(self, phase: Phase, ledger: Ledger):
        self._phase = phase
        self._ledger = ledger
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

    def finish(self, place: int) -> Turn:
        """What came of the turn that the participant at this place began last."""
        return self._held.pop(place)

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """All that a restart needs: tensors, and plain data for JSON."""
        tensors: dict[str, Tensor] = {}
        for place, state in enumerate(self._states):
            if state.vector is not None:
                tensors[f"vector_of_{place}"] = state.vector
            if state.residual is not None:
                tensors[f"residual_of_{place}"] = state.residual
            if state.seen is not None:
                tensors[f"seen_by_{place}"] = state.seen
        payloads, held = held_to_tensors(self._held)
        plain: dict[str, object] = {
            "num_turns": [state.num_turns for state in self._states],
            "held": held,
        }
        return {**tensors, **payloads}, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Goes on where ``state`` was taken, bit for bit."""
        num_turns = plain["num_turns"]
        assert isinstance(num_turns, list)
        self._states = [
            ParticipantState(
                turns,
                tensors.get(f"vector_of_{place}"),
                tensors.get(f"residual_of_{place}"),
                tensors.get(f"seen_by_{place}"),
            )
            for place, turns in enumerate(num_turns)
        ]
        self._held = held_from_tensors(tensors, plain["held"])

    def close(self) -> None:
        """Nothing to let go of."""
