"""What uploads told so far: rehearsed turns give each record's law, and log ratios add over turns.

A shadow upload repeats one local training, from the same downloaded parameters, on a random half of
some records. Sixteen of them cost sixteen turns and not sixteen trainings, so a participant can
afford them after every few of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tithe.audit.lira import lira_online
from tithe.audit.scores import Floats, Integers, Scores, Truths
from tithe.audit.separation import Separation, measure_separation
from tithe.audit.shadow_models import halves
from tithe.checks import BadInput
from tithe.sharing.update import SparseUpdate

Rehearse = Callable[[Integers, int], SparseUpdate]
"""One turn on these rows of the pool with this seed: what would be sent."""

Tell = Callable[[SparseUpdate], Floats]
"""One number a record of the pool from one upload, ``(n,)``: decoded weights, or a canary's."""


@dataclass(frozen=True, eq=False)
class TurnLeak:
    """What one upload told of each record: a log-likelihood ratio, shape ``(n,)``."""

    log_ratios: Floats


def leak_of_turn(
    upload: SparseUpdate,
    *,
    rehearse: Rehearse,
    tell: Tell,
    pool_size: int,
    count: int = 16,
    seed: int,
) -> TurnLeak:
    """Compares what the upload tells of each record with what rehearsed uploads tell.

    Args:
      upload: what was really sent.
      rehearse: the same turn on other rows of the pool.
      tell: from an upload to one number a record.
      pool_size: n records, those of the participant and some held out.
      count: rehearsals, even, >= 4.
      seed: of the halves and rehearsals.
    Raises:
      BadInput: fewer than four rehearsals or an odd number.
    """
    if count < 4 or count % 2:
        raise BadInput(f"rehearsals must be even and at least 4, got {count}")
    is_in = halves(pool_size, count, seed=seed)
    told = np.stack(
        [
            tell(rehearse(np.flatnonzero(is_in[number]).astype(np.int64), seed + 1 + number))
            for number in range(count)
        ]
    )
    return TurnLeak(lira_online(tell(upload), told, is_in, variance="shrunk"))


def leak_so_far(turns: Sequence[TurnLeak], *, took_part: Truths) -> list[Separation]:
    """How well members are told after the first, the first two, ... uploads.

    Raises:
      BadInput: no turn, or turns of different pools.
    """
    if not turns:
        raise BadInput("nothing was sent yet, so nothing was told")
    if len({turn.log_ratios.shape for turn in turns}) > 1:
        raise BadInput("all turns must be about the same pool of records")
    sums = np.cumsum([turn.log_ratios for turn in turns], axis=0)
    return [measure_separation(Scores.split(each, took_part=took_part)) for each in sums]
