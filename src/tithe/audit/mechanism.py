"""The audit of what leaves: stages that deploy, played on neighbouring changes, against their cost.

The stages themselves say what they cost, by the events that a ledger would be charged with. Here
they are played many times on two changes that neighbouring participants might offer, turn after
turn with the residual between them, and what is seen to leak is held against that cost. The vector
is tiny and the noise small, a tight claim, since only the code is on trial: noise that is four
times too small is seen at epsilon 1 and hidden at epsilon 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tithe.audit.exact import require_confidence
from tithe.audit.scores import Floats
from tithe.audit.tell_apart import Told, tell_apart
from tithe.checks import BadInput, require_at_least, require_positive
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import Event, Relation
from tithe.randomness import stream
from tithe.sharing.residual import Residual, what_remains
from tithe.sharing.stages import Coins, Stage
from tithe.sharing.update import SparseUpdate, everything

Play = Callable[[Sequence[Tensor], Coins], tuple[list[SparseUpdate], list[Event]]]
"""From the changes of one participant, turn by turn, to what leaves and what it costs."""

_KEEP_NOTHING = Residual()
_FAR = 50.0  # bounds; a change may be as large as it likes


class Pair(NamedTuple):
    """Two participants that differ in all their data: their changes ``(d,)``, turn by turn."""

    name: str
    one: tuple[Tensor, ...]
    other: tuple[Tensor, ...]


@dataclass(frozen=True)
class MechanismFinding:
    """What was claimed and what was shown.

    Attributes:
      claimed: epsilon at ``delta`` of the events that the stages gave; may be infinite.
      shown: the lower bound for the pair that came closest to its claim, or exceeded it most;
        above ``claimed``, the code is wrong.
      ceiling: what outputs that never overlap would have shown.
      pair, statistic: the pair that is told of, and what was looked at.
      num_runs: of each pair and side.
      confidence: that a correct mechanism is not accused, over all pairs together.
    """

    claimed: float
    shown: float
    ceiling: float
    delta: float
    pair: str
    statistic: str
    num_runs: int
    confidence: float

    @property
    def is_rejected(self) -> bool:
        """Whether the stages are proven to cost more than they say."""
        return self.shown > self.claimed


def audit_mechanism(
    play: Play,
    pairs: Sequence[Pair],
    *,
    delta: float = 0.0,
    num_runs: int = 2000,
    confidence: float = 0.99,
    seed: int,
) -> MechanismFinding:
    """Plays the stages on neighbouring changes and bounds from below what they cost.

    Guarantee: stages that cost at most what their events say are rejected with probability at most
    ``1 - confidence``. A claim that stands is not proven: another pair might have told more.

    Args:
      play: the stages under trial, see ``turns_of``.
      pairs: neighbouring participants, see ``neighbouring_changes``.
      delta: at which claim and finding are compared, in [0, 1).
      num_runs: of each side of each pair; the ceiling grows with its logarithm.
      confidence: in (0.5, 1).
      seed: of all draws; noise that deploys is drawn from it as in a simulation.
    Raises:
      BadInput: no pair, too few runs, or a value out of its range.
    """
    level = (1 - require_confidence(confidence)) / max(1, len(pairs))
    if not pairs:
        raise BadInput("an audit needs at least one pair of neighbouring changes, got none")
    found: list[tuple[Told, float, str]] = []
    for number, pair in enumerate(pairs):
        sides, charged = [], set()
        for side, changes in enumerate((pair.one, pair.other)):
            rng = stream(seed, purpose=f"mechanism audit {number} {side}")
            outputs, events = _outputs(play, changes, num_runs=num_runs, rng=rng)
            sides.append(outputs)
            charged |= events
        told = tell_apart(*sides, delta=delta, confidence=1 - level)
        claimed = max(epsilon_of(events, delta=delta) for events in charged)
        found.append((told, claimed, pair.name))
    best, claimed, name = max(found, key=lambda each: each[0].epsilon - each[1])
    return MechanismFinding(
        claimed=claimed,
        shown=best.epsilon,
        ceiling=best.ceiling,
        delta=delta,
        pair=name,
        statistic=best.statistic,
        num_runs=num_runs,
        confidence=confidence,
    )


def turns_of(share: Stage, *, residual: Residual = _KEEP_NOTHING) -> Play:
    """The turns of a participant: its chain of stages, and its residual from turn to turn."""

    def play(changes: Sequence[Tensor], coins: Coins) -> tuple[list[SparseUpdate], list[Event]]:
        updates: list[SparseUpdate] = []
        charged: list[Event] = []
        left: Tensor | None = None
        for change in changes:
            wanted = change if left is None else change + left
            update, events = share(everything(wanted), coins)
            left = what_remains(wanted, update, residual)
            updates.append(update)
            charged += events
        return updates, charged

    return play


def neighbouring_changes(
    size: int, *, gamma: float, relation: Relation, num_turns: int = 2
) -> list[Pair]:
    """Pairs of participants that tell most for one fault or another.

    Args:
      size: d of the tiny vector, >= 1.
      gamma: the bound on one value (or, for an L2 bound, that bound over the root of d).
      relation: "replace" turns a participant into any other, "zero_out" and "add_or_remove" into
        one that contributes nothing.
      num_turns: >= 1; with one turn, noise that is used again cannot be seen.
    """
    require_positive(gamma=gamma)
    require_at_least(1, size=size, num_turns=num_turns)
    full, nothing = torch.full((size,), gamma), torch.zeros(size)
    opposite = -full if relation == "replace" else nothing
    pairs = [
        Pair("every value at its bound", (full,), (opposite,)),
        Pair("values far beyond the bound", (_FAR * full,), (nothing,)),
    ]
    if num_turns > 1:
        still = (nothing,) * num_turns
        alternating = tuple(full if turn % 2 == 0 else -full for turn in range(num_turns))
        once = (_FAR * full, *still[1:])
        pairs += [
            Pair("signs that change every turn", alternating, still),
            Pair("one far change, then nothing", once, still),
        ]
    return pairs


def _outputs(
    play: Play, changes: Sequence[Tensor], *, num_runs: int, rng: torch.Generator
) -> tuple[Floats, set[tuple[Event, ...]]]:
    """What every run let out, one row each, and the different lists of events."""
    coins = Coins(own=rng, public=rng)
    rows, charged = [], set()
    for _ in range(num_runs):
        updates, events = play(changes, coins)
        charged.add(tuple(events))
        rows.append(_row(updates))
    return np.stack(rows), charged


def _row(updates: list[SparseUpdate]) -> Floats:
    """Values, which were sent and how many, turn by turn; sums and differences of neighbours."""
    values = [update.dense().double().numpy() for update in updates]
    columns: list[Floats] = []
    for update, value in zip(updates, values, strict=True):
        sent = np.zeros(update.size)
        sent[update.indices.numpy()] = 1.0
        columns += [value, sent, np.array([float(len(update)), value.sum()])]
    for before, after in pairwise(values):
        columns += [after - before, after + before]
    return np.concatenate(columns)
