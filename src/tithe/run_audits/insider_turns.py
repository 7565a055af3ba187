"""The turns of a collaboration in which one participant is an insider with a generator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tithe.audit.insider import Insider
from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard
from tithe.engines.in_process import InProcess
from tithe.learning.flat import write_vector
from tithe.parties.participant import Participant, ParticipantState, Turn, lay_over, take_turn
from tithe.parties.phase import Phase
from tithe.parties.server import Download
from tithe.run_audits.rehearsal import Uncharged
from tithe.sharing.stages import Stage


@dataclass(frozen=True)
class Habit:
    """What an insider does in each of its turns.

    Attributes:
      num_steps: of its generator, against the network that it downloaded.
      num_drawings: that it trains on beside its own rows.
      called: the class that it hands them in as, one of its own.
    """

    num_steps: int
    num_drawings: int
    called: int


class InsiderTurns:
    """An engine: everybody takes the turns of the plan, and the insider its own.

    The insider's turn is ``take_turn`` like any other, on its rows and its drawings. It has no use
    for noise of its own: it would only blur what it hands in.

    Args:
      phase: what is trained; its participants keep to the plan.
      place: of the insider among them.
      insider: its generator; it learns on.
      habit: what it does in a turn.
      share: its stages, without noise.
    """

    def __init__(
        self, phase: Phase, place: int, insider: Insider, habit: Habit, *, share: Stage
    ) -> None:
        self._phase, self._place = phase, place
        self._insider, self._habit, self._share = insider, habit, share
        self._ledger = Uncharged()
        self._others = InProcess(phase, self._ledger)
        self._module = phase.make_module()
        self._own = phase.participants[place].shard.tensors()
        self._state = ParticipantState()
        self._held: Turn | None = None

    def start(self, place: int, download: Download) -> None:
        """Takes the turn of the participant at this place."""
        if place != self._place:
            self._others.start(place, download)
            return
        downloaded, fresh = download.whole, None
        if downloaded is None:
            fresh = download.overwrite.indices
            own = self._phase.initial if self._state.vector is None else self._state.vector
            downloaded = lay_over(own, download.overwrite)
        write_vector(self._module, downloaded)
        self._insider.learn(self._module, num_steps=self._habit.num_steps)
        self._state, self._held = take_turn(
            self._with_drawings(self._phase.participants[place]),
            self._state,
            downloaded,
            module=self._module,
            ledger=self._ledger,
            fresh=fresh,
        )

    def finish(self, place: int) -> Turn:
        """What came of it."""
        if place != self._place:
            return self._others.finish(place)
        assert self._held is not None
        held, self._held = self._held, None
        return held

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """A simulation of minutes is not gone on with: there is none."""
        raise NotImplementedError("a simulated insider is played from the first turn to the last")

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, object]) -> None:
        """Likewise."""
        raise NotImplementedError("a simulated insider is played from the first turn to the last")

    def close(self) -> None:
        """Lets go of the others' engine."""
        self._others.close()

    def _with_drawings(self, participant: Participant) -> Participant:
        features, labels = self._own
        drawn = self._insider.draw(self._habit.num_drawings)
        data = participant.shard.data
        grown = Dataset(
            name=data.name,
            features=torch.cat([features, drawn]),
            labels=torch.cat([labels, torch.full((len(drawn),), self._habit.called)]),
            class_names=data.class_names,
        )
        shard = Shard(grown, torch.arange(len(grown)), Normalisation("none"))
        return replace(
            participant, shard=shard, share=self._share, private=None, cost=None, budget=None
        )
