"""A rehearsal before joining: the planned recipe and others, played on rows at hand and attacked.

Half of some rows take part in each rehearsed upload, and nobody but the rehearsal sees it. So the
truth is known, and what an observer would find can be counted before anything is really sent.
What it means is for ``rehearsed`` to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.member_list import Decoder, Rehearsal, choose_ridge
from tithe.audit.recipe_gate import weigh
from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Floats, Scores, Truths
from tithe.audit.self_test import SelfTest, find_planted_leak
from tithe.audit.separation import measure_separation
from tithe.audit.trained_model import train_module
from tithe.audit.upload_check import UploadCheck, UploadChecker
from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.federation.audit_gates import recipe_of
from tithe.learning.flat import read_vector, write_vector
from tithe.parties.participant import Participant, ParticipantState, take_turn
from tithe.plan import Plan, load_plan
from tithe.plan_costs import costs_of
from tithe.privacy.events import Event
from tithe.run_audits.figures import SELF_TEST_SEED
from tithe.run_audits.recipes_to_try import Trial, trials_of
from tithe.run_audits.rehearsed import Impossible, Rehearsed
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate

FEWEST = 20
MOST_COLUMNS = 20_000  # of an upload; the largest tell the most
NUM_UPLOADS = 3


class Uncharged:
    """The ledger of a rehearsal: nothing of it leaves this machine, so nothing is charged."""

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        """Lets everything pass."""
        return 0.0


def rehearse(
    plan: Plan,
    *,
    data: str | None = None,
    options: dict[str, object] | None = None,
    num_records: int = 300,
    seed: int = 1,
    data_root: Path | None = None,
) -> Iterator[Rehearsed | Impossible]:
    """Plays each recipe a few times from the plan's initial network and attacks what it sends.

    Closed world: the observer holds the records of all who took part and of as many who did not.

    Args:
      plan: what somebody wants to join.
      data: rows to play with, as ``data.set`` of a plan names them; None: those of the plan.
      options: how to read them.
      num_records: behind each upload, at most half of the rows at hand; fewer than the plan has
        show more than it would.
      seed: of halves and trainings.
      data_root: where named data sets lie.
    Raises:
      BadInput: fewer than 40 rows, or data that do not fit the plan.
    """
    whole = _built(plan, data, options or {}, 0, data_root)
    num_rows = whole.rows_each[0]
    num_records = min(num_records, num_rows // 2)
    if num_records < FEWEST:
        raise BadInput(
            f"a rehearsal needs at least {2 * FEWEST} rows, half of which take part, got "
            f"{num_rows}; take public ones with --data"
        )
    behind = num_rows if data is not None else max(1, num_rows // plan.partition.participants)
    for trial in trials_of(plan, num_records=num_records):
        try:
            changed = load_plan(plan.to_table(), list(trial.changes))
            built = _built(changed, data, options or {}, num_records, data_root)
            yield _rehearsed(changed, built, trial, plan=plan, behind=behind, seed=seed)
        except BadInput as error:
            yield Impossible(trial.name, trial.changes, str(error))


def records_that_would_do(test: SelfTest) -> int:
    """How many records behind each upload pool enough members to find a planted leak."""
    return -(-test.num_enough // NUM_UPLOADS)


def _built(
    plan: Plan, data: str | None, options: dict[str, object], rows: int, root: Path | None
) -> Built:
    """The plan with one participant that has so many of the rows; 0: all of them."""
    table = plan.to_table()
    if data is not None:
        table["data"] = {**table["data"], "set": data, "options": options, "train_rows": 0}
    table["partition"] = {"kind": "even", "participants": 1, "rows_each": rows}
    table["baselines"] = {"centralised": False, "standalone": 0}
    table.pop("participant", None)
    return build(load_plan(table), data_root=root)


def _rehearsed(
    changed: Plan, built: Built, trial: Trial, *, plan: Plan, behind: int, seed: int
) -> Rehearsed:
    stage = _Stage(built, sends_largest=changed.sends_largest(0), seed=seed)
    first = stage.play(0)
    ridge = choose_ridge([Rehearsal(*stage.decoder(first), first.took_part)])
    played = [stage.play(number) for number in range(1, NUM_UPLOADS + 1)]
    told = []
    for each in played:
        decoder, values = stage.decoder(each)
        told.append(_standardised(decoder.scores(values, ridge=ridge)))
    scores = Scores.split(
        np.concatenate(told), took_part=np.concatenate([each.took_part for each in played])
    )
    costs = costs_of(built).groups[0]
    recipe = replace(recipe_of(changed, built.phases[0].participants[0]), num_records=behind)
    return Rehearsed(
        name=trial.name,
        changes=trial.changes,
        bytes_up=float(np.mean([each.bytes_up for each in played])),
        cosine=float(np.mean([stage.cosine(each, plan) for each in played])),
        separation=measure_separation(scores),
        self_test=find_planted_leak(
            len(scores.members), len(scores.non_members), seed=SELF_TEST_SEED
        ),
        check=stage.look(played[-1]),
        epsilon=costs.total.pld.epsilon,
        objections=tuple(weigh(recipe)),
    )


@dataclass(frozen=True, eq=False)
class _Played:
    """One rehearsed upload and who took part in it, ``(2n,)``."""

    update: SparseUpdate
    bytes_up: int
    took_part: Truths


class _Stage:
    """Rows, network and participant of one recipe."""

    def __init__(self, built: Built, *, sends_largest: bool, seed: int) -> None:
        phase = built.phases[0]
        self._participant: Participant = phase.participants[0]
        self._module: nn.Module = phase.make_module()
        self._initial = phase.initial
        self._num_classes = built.num_classes
        self._sends_largest = sends_largest
        self._seed = seed
        shard = self._participant.shard
        rng = torch.Generator().manual_seed(seed)
        pool = torch.randperm(len(shard.data), generator=rng)[: 2 * len(shard)]
        self._pool = replace(shard, rows=pool, held=None)
        self._features, self._labels = self._pool.tensors()

    def play(self, number: int) -> _Played:
        """A turn of half of the pool."""
        seed = self._seed + 1 + number
        half = len(self._labels) // 2
        order = np.random.default_rng(seed).permutation(2 * half)
        took_part = order < half
        participant = replace(self._participant, shard=self._shard(took_part), seed=seed)
        _, turn = take_turn(
            participant,
            ParticipantState(),
            self._initial,
            module=self._module,
            ledger=Uncharged(),
        )
        if turn.status != "shared":
            raise BadInput(f"the rehearsed turn sent nothing: {turn.reason}")
        update = decode(turn.payload, size=self._initial.numel())
        return _Played(update, len(turn.payload), took_part)

    def decoder(self, played: _Played) -> tuple[Decoder, Tensor]:
        """A decoder for the pool, and the values to decode."""
        update = played.update
        if len(update) > MOST_COLUMNS:
            update = update.take(update.values.abs().topk(MOST_COLUMNS).indices.sort().values)
        write_vector(self._module, self._initial)
        gradients = record_gradients(
            self._module, self._features, self._labels, columns=update.indices
        )
        return Decoder(gradients), update.values

    def cosine(self, played: _Played, plan: Plan) -> float:
        """How much of what plain training by the plan does is in what was sent."""
        some = torch.from_numpy(played.took_part)
        training = replace(
            self._participant.training,
            batch_size=plan.training.batch_size,
            local_epochs=plan.training.local_epochs,
            local_steps=plan.training.local_steps,
        )
        write_vector(self._module, self._initial)
        train_module(
            self._module,
            self._features[some],
            self._labels[some],
            training=training,
            learning_rate=self._participant.learning_rate(0),
            seed=self._seed,
        )
        wanted, sent = read_vector(self._module) - self._initial, played.update.dense()
        norms = float(wanted.norm() * sent.norm())
        return float(wanted @ sent) / norms if norms else 0.0

    def look(self, played: _Played) -> UploadCheck:
        """The quick look, with those who took no part as strangers and public rows."""
        some = torch.from_numpy(played.took_part)
        participant = self._participant
        checker = UploadChecker(
            self._module,
            self._features[some],
            self._labels[some],
            self._features[~some],
            self._labels[~some],
            num_classes=self._num_classes,
            sends_largest=self._sends_largest,
        )
        training = participant.private or participant.training
        num_steps = (
            participant.private.num_steps
            if participant.private is not None
            else participant.training.num_steps(int(some.sum()))
        )
        return checker.check(
            played.update,
            self._initial,
            learning_rate=participant.learning_rate(0),
            batch_size=training.batch_size,
            num_steps=num_steps,
        )

    def _shard(self, took_part: Truths) -> Shard:
        return replace(self._pool, rows=self._pool.rows[torch.from_numpy(took_part)])


def _standardised(scores: Floats) -> Floats:
    """So that every upload weighs the same."""
    found: Floats = (scores - scores.mean()) / max(float(scores.std()), 1e-30)
    return found
