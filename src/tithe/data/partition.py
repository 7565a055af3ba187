"""Dealing the rows of one set to participants, for experiments.

Every function returns one int64 tensor of row numbers per participant, sorted, never empty; the
same seed gives the same rows. All but ``independent`` deal every row at most once.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tithe.checks import require_at_least, require_positive


def even(
    num_rows: int,
    *,
    num_participants: int,
    rows_each: int | None = None,
    rng: torch.Generator,
) -> list[Tensor]:
    """Disjoint random parts of (nearly) one size.

    Args:
      num_rows: of the whole set.
      num_participants: >= 1.
      rows_each: None deals all rows, so that sizes differ by at most one; a number gives each
        participant exactly that many and leaves the rest.
      rng: advanced.
    Raises:
      ValueError: there are fewer rows than that takes.
    """
    _require_rows(num_rows, num_participants, 1 if rows_each is None else rows_each)
    order = torch.randperm(num_rows, generator=rng)
    if rows_each is not None:
        order = order[: num_participants * rows_each]
    return [part.sort().values for part in order.tensor_split(num_participants)]


def independent(
    num_rows: int, *, num_participants: int, rows_each: int, rng: torch.Generator
) -> list[Tensor]:
    """One random sample per participant, drawn without regard to the others, so that they overlap.

    Within a sample no row comes twice. This is how the paper gives 150 participants 1 % each; a
    guarantee about one row must then count every participant that holds it.

    Args:
      num_rows: of the whole set.
      num_participants: >= 1.
      rows_each: in [1, num_rows].
      rng: advanced.
    Raises:
      ValueError: a number is out of range.
    Source: Shokri & Shmatikov 2015, section 6 (as their code has it: a random 1 % each).
    """
    require_at_least(1, num_participants=num_participants, rows_each=rows_each)
    if rows_each > num_rows:
        raise ValueError(
            f"rows_each must be at most the {num_rows} rows there are, got {rows_each}"
        )
    return [
        torch.randperm(num_rows, generator=rng)[:rows_each].sort().values
        for _ in range(num_participants)
    ]


def label_shards(
    labels: Tensor, *, num_participants: int, shards_each: int, rng: torch.Generator
) -> list[Tensor]:
    """All rows sorted by label, cut into equal shards, ``shards_each`` of them to each participant.

    With two shards each, most participants see only two labels. Nobody is empty, because a shard
    has at least one row.

    Args:
      labels: shape ``(n,)``, int64.
      num_participants: >= 1.
      shards_each: >= 1.
      rng: advanced; it mixes the rows of one label and deals the shards.
    Raises:
      ValueError: there are fewer rows than shards.
    Source: McMahan et al. 2017, section 3 ("pathological non-IID").
    """
    require_at_least(1, shards_each=shards_each)
    num_rows = len(labels)
    _require_rows(num_rows, num_participants, shards_each)
    shards = _mixed_by_label(labels, rng).tensor_split(num_participants * shards_each)
    dealt = torch.randperm(len(shards), generator=rng).view(num_participants, shards_each)
    return [torch.cat([shards[i] for i in hand]).sort().values for hand in dealt.tolist()]


def dirichlet(
    labels: Tensor,
    *,
    num_participants: int,
    concentration: float,
    min_rows: int = 1,
    rng: torch.Generator,
) -> list[Tensor]:
    """Every label shared out by its own draw from a symmetric Dirichlet distribution.

    A small concentration gives each label to hardly more than one participant, a large one gives
    everybody the same mixture. Every row is dealt. Whoever then has fewer than ``min_rows`` takes
    what is lacking from the participant with most rows, out of that one's commonest label; this
    always ends, unlike drawing again, and moves at most ``num_participants * min_rows`` rows.

    Args:
      labels: shape ``(n,)``, int64.
      num_participants: >= 1.
      concentration: of the Dirichlet distribution, > 0.
      min_rows: >= 1.
      rng: advanced.
    Raises:
      ValueError: a number is out of range, or there are fewer rows than ``min_rows`` for each.
    Source: Yurochkin et al. 2019, section 4; the minimum is ours.
    """
    require_positive(concentration=concentration)
    require_at_least(1, min_rows=min_rows)
    _require_rows(len(labels), num_participants, min_rows)
    # NumPy's sampler, because torch's takes no generator and underflows for small concentrations.
    draws = np.random.default_rng(int(torch.randint(2**62, (1,), generator=rng)))
    owner = torch.empty(len(labels), dtype=torch.int64)
    counts = torch.unique(labels, return_counts=True)[1].tolist()
    for rows in _mixed_by_label(labels, rng).split(counts):
        shares = draws.dirichlet(np.full(num_participants, concentration))
        ends = torch.from_numpy(np.rint(np.cumsum(shares)[:-1] * len(rows)).astype(np.int64))
        for participant, part in enumerate(rows.tensor_split(ends)):
            owner[part] = participant
    _top_up(owner, labels, num_participants, min_rows, rng)
    return [torch.nonzero(owner == i).flatten() for i in range(num_participants)]


def power_law(
    num_rows: int,
    *,
    num_participants: int,
    exponent: float,
    min_rows: int = 1,
    rng: torch.Generator,
) -> list[Tensor]:
    """Disjoint random parts whose sizes fall off as a power of the participant's number.

    Each gets ``min_rows``; the others are shared out in proportion to ``(i + 1) ** -exponent``, so
    participant 0 has most rows. Every row is dealt.

    Args:
      num_rows: of the whole set.
      num_participants: >= 1.
      exponent: >= 0; 0 gives even sizes.
      min_rows: >= 1.
      rng: advanced; it chooses which rows, not how many.
    Raises:
      ValueError: a number is out of range, or there are fewer rows than ``min_rows`` for each.
    """
    require_at_least(0, exponent=exponent)
    require_at_least(1, min_rows=min_rows)
    _require_rows(num_rows, num_participants, min_rows)
    weights = torch.arange(1, num_participants + 1, dtype=torch.float64) ** -exponent
    ends = (weights.cumsum(0) / weights.sum() * (num_rows - num_participants * min_rows)).round()
    ends = ends.long() + min_rows * torch.arange(1, num_participants + 1)
    order = torch.randperm(num_rows, generator=rng)
    return [part.sort().values for part in order.tensor_split(ends[:-1])]


def natural(groups: Tensor) -> list[Tensor]:
    """One participant per distinct value of the user's column, in ascending order of the value.

    Args:
      groups: shape ``(n,)``, int64, n > 0; ``Dataset.groups``.
    Raises:
      ValueError: there is no row.
    """
    if len(groups) == 0:
        raise ValueError("groups must name an owner for at least one row, got none")
    _, owner, counts = torch.unique(groups, return_inverse=True, return_counts=True)
    by_owner = torch.sort(owner, stable=True).indices
    return list(by_owner.split(counts.tolist()))


def _require_rows(num_rows: int, num_participants: int, rows_each: int) -> None:
    """Refuses more participants than the rows can serve."""
    require_at_least(1, num_participants=num_participants, rows_each=rows_each)
    needed = num_participants * rows_each
    if needed > num_rows:
        raise ValueError(
            f"{num_participants} participants with at least {rows_each} rows each need {needed} "
            f"rows, got {num_rows}; take fewer participants or fewer rows each"
        )


def _mixed_by_label(labels: Tensor, rng: torch.Generator) -> Tensor:
    """All row numbers in ascending order of their label, at random within one label."""
    mixed = torch.randperm(len(labels), generator=rng)
    return mixed[torch.sort(labels[mixed], stable=True).indices]


def _top_up(
    owner: Tensor, labels: Tensor, num_participants: int, min_rows: int, rng: torch.Generator
) -> None:
    """Moves rows in ``owner`` (changed in place) until everybody has ``min_rows``."""
    sizes = torch.bincount(owner, minlength=num_participants)
    for poor in torch.nonzero(sizes < min_rows).flatten().tolist():
        while (lacking := min_rows - int(sizes[poor])) > 0:
            rich = int(sizes.argmax())
            rows = torch.nonzero(owner == rich).flatten()
            rows = rows[labels[rows] == torch.mode(labels[rows]).values]
            rows = rows[torch.randperm(len(rows), generator=rng)]
            # At most half of what the giver has above the minimum, so that it stays above it; there
            # is always some: all have the minimum on average and somebody has less.
            spare = math.ceil((int(sizes[rich]) - min_rows) / 2)
            moved = rows[: min(lacking, spare)]
            owner[moved] = poor
            sizes[rich] -= len(moved)
            sizes[poor] += len(moved)
