"""Who is behind the uploads: the members of three lots, decoded from what a server saw of them.

Closed world: the server holds all 1,200 images of a lot and looks for those that took part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lines import Line
from lots import LOT_SIZE, NUM_LOTS, deal, everybody
from play import WATCHED, Played, Watched, phase_of
from torch import Tensor

from tithe.audit.member_list import Decoder, Rehearsal, choose_ridge
from tithe.audit.one_run import bound_by_one_run
from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Floats, Scores
from tithe.audit.separation import measure_separation
from tithe.build import Built
from tithe.data.shard import Shard
from tithe.learning.flat import write_vector
from tithe.parties.participant import ParticipantState, take_turn
from tithe.randomness import stream
from tithe.run_audits.rehearsal import Uncharged
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate

DELTA = 1e-5
MOST_COLUMNS = 20_000  # of an upload; more equations than that tell 1,200 candidates no better
_REHEARSED_LOT = 3
_SEED = 77


class Decoding:
    """The decoder of one line's uploads."""

    def __init__(self, line: Line, built: Built) -> None:
        self._phase = phase_of(line, built)
        self._module = self._phase.make_module()
        self._pool = everybody(line.kind)[0]
        self._normalisation = built.normalisation

    def shard(self, lot: int, places: Tensor | None = None) -> Shard:
        """These places of a lot, or all of it."""
        places = torch.arange(LOT_SIZE) if places is None else places
        return Shard(self._pool, lot * LOT_SIZE + places, self._normalisation)

    def decoder(self, downloaded: Tensor, update: SparseUpdate, lot: int) -> tuple[Decoder, Tensor]:
        """A decoder for the lot's candidates, and the values to decode."""
        chosen = torch.arange(len(update))
        if len(update) > MOST_COLUMNS:
            drawn = torch.randperm(len(update), generator=stream(_SEED, purpose="columns"))
            chosen = drawn[:MOST_COLUMNS].sort().values
        write_vector(self._module, downloaded)
        features, labels = self.shard(lot).tensors()
        gradients = record_gradients(self._module, features, labels, columns=update.indices[chosen])
        return Decoder(gradients), update.values[chosen]

    def rehearsal(self, watched: Watched) -> Rehearsal:
        """The same turn on half of a lot that is not audited."""
        rng = stream(_SEED, purpose="rehearsal", turn=watched.turn)
        took_part = torch.rand(LOT_SIZE, generator=rng) < 0.5
        places = torch.nonzero(took_part).flatten()
        participant = self._phase.participants[_REHEARSED_LOT]
        private = participant.private
        if private is not None:  # one step over all rows, of which there are a few more or less
            private = replace(private, batch_size=len(places))
        participant = replace(
            participant, shard=self.shard(_REHEARSED_LOT, places), private=private, seed=_SEED
        )
        _, turn = take_turn(
            participant,
            ParticipantState(num_turns=watched.turn),
            watched.downloaded,
            module=self._module,
            ledger=Uncharged(),
        )
        update = decode(turn.payload, size=self._phase.initial.numel())
        decoder, values = self.decoder(watched.downloaded, update, _REHEARSED_LOT)
        return Rehearsal(decoder, values, took_part.numpy())


def judge(line: Line, built: Built, played: Played) -> dict[str, Any]:
    """Figures of member-list decoding, summed over the turns watched."""
    decoding = Decoding(line, built)
    first = [each for each in played.watched if each.participant == WATCHED[0]]
    ridge = choose_ridge([decoding.rehearsal(first[0]), decoding.rehearsal(first[-1])])
    told: dict[int, list[Floats]] = {}
    for each in played.watched:
        decoder, values = decoding.decoder(each.downloaded, each.update, each.participant)
        told.setdefault(each.participant, []).append(
            _standardised(decoder.scores(values, ridge=ridge))
        )
    took_part = deal().took_part.numpy()
    lots = sorted(told)
    of_first_turn = Scores.split(
        np.concatenate([told[lot][0] for lot in lots]),
        took_part=np.concatenate([took_part[lot] for lot in lots]),
    )
    of_all = Scores.split(
        np.concatenate([np.sum(told[lot], axis=0) for lot in lots]),
        took_part=np.concatenate([took_part[lot] for lot in lots]),
    )
    return {
        "ridge": ridge,
        "num_uploads": len(played.watched),
        "lots": len(lots),
        "of_lots": NUM_LOTS,
        "first_turn": figures_of(of_first_turn),
        "all_turns": figures_of(of_all),
    }


def figures_of(scores: Scores) -> dict[str, Any]:
    """What one attack reached, and the one-run bound with the records themselves as canaries."""
    found = measure_separation(scores)
    bound = bound_by_one_run(scores, delta=DELTA)
    return {
        "auc": found.auc,
        "auc_low": found.auc_low,
        "auc_high": found.auc_high,
        "power": {f"{p.false_positive_rate:g}": p.true_positive_rate for p in found.powers},
        "named": found.named.count,
        "named_chance": found.named.chance,
        "named_p": found.named.p_value,
        "num_members": found.num_members,
        "num_non_members": found.num_non_members,
        "shown": bound.epsilon,
        "ceiling": bound.ceiling,
        "basis": bound.basis,
    }


def _standardised(scores: Floats) -> Floats:
    """So that every turn weighs the same."""
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread else scores - scores.mean()
