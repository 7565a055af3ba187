"""The records that an audit of a run's model is about: members, strangers, and a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tithe.audit.scores import Integers, Truths
from tithe.build import Built
from tithe.checks import BadInput
from tithe.data.dataset import Dataset
from tithe.data.shard import Shard

FEWEST = 20  # on a side; below it no figure means anything


@dataclass(frozen=True, eq=False)
class Pool:
    """Who is looked for, and what the network sees of each.

    Attributes:
      features: m members, then m non-members, as trained on, shape ``(2m, ...)``.
      labels: shape ``(2m,)``.
      rows: where each lies in ``data``, shape ``(2m,)``.
      owners: of each member, the participant that is audited with it, shape ``(m,)``.
      population_features: of rows that nobody trained on and that nobody is looked for among.
      population_labels: of those.
      data: training rows with the test rows behind them.
      shards: of every participant, as they were, over ``data``.
    """

    features: Tensor
    labels: Tensor
    rows: Integers
    owners: Integers
    population_features: Tensor
    population_labels: Tensor
    data: Dataset
    shards: tuple[Shard, ...]

    @property
    def took_part(self) -> Truths:
        """The truth, shape ``(2m,)``."""
        return np.arange(len(self.rows)) < len(self.rows) // 2

    @property
    def names(self) -> list[str]:
        """What each member is called: whose it is, and which row of the training part."""
        members = zip(self.owners, self.rows[: len(self.owners)], strict=True)
        return [f"participant {owner}, row {row}" for owner, row in members]


def pool_of(built: Built, *, participant: int | None, most_records: int, seed: int) -> Pool:
    """Draws members from the participants' rows, and as many strangers from the test rows.

    Args:
      built: of the run's plan.
      participant: whose rows are looked for; None: everybody's.
      most_records: members at most, >= 20.
      seed: of the draw.
    Raises:
      BadInput: there is no such participant, or too few rows on a side.
    """
    shards = [held_rows(each.shard) for each in built.phases[0].participants]
    numbers = [each.number for each in built.phases[0].participants]
    if participant is not None and participant not in numbers:
        raise BadInput(
            f"participant must be one of the {len(numbers)} of the run, "
            f"{numbers[0]} to {numbers[-1]}, got {participant}"
        )
    wanted = [
        (number, shard)
        for number, shard in zip(numbers, shards, strict=True)
        if participant in (None, number)
    ]
    candidates = np.unique(torch.cat([shard.rows for _, shard in wanted]).numpy())
    num_test = len(built.test_labels)
    num = min(most_records, len(candidates), num_test // 2)
    if num < FEWEST:
        raise BadInput(
            f"an audit needs at least {FEWEST} members and twice as many test rows, got "
            f"{len(candidates)} and {num_test}; bring more test rows (data.test_rows)"
        )
    rng = np.random.default_rng(seed)
    members = np.sort(rng.permutation(candidates)[:num])
    test = rng.permutation(num_test)
    strangers, population = np.sort(test[:num]), np.sort(test[num:])
    owners = np.full(num, -1, dtype=np.int64)
    parts: list[Tensor | None] = [None] * num
    for number, shard in wanted:
        for at, row in _places(members, shard):
            if owners[at] < 0:
                owners[at] = number
                parts[at] = row
    features = torch.stack([part for part in parts if part is not None])
    data = _joined(shards[0].data, built.test.data)
    start = len(shards[0].data)
    return Pool(
        features=torch.cat([features, built.test_features[strangers]]),
        labels=torch.cat([shards[0].data.labels[members], built.test_labels[strangers]]),
        rows=np.concatenate([members, start + strangers]),
        owners=owners,
        population_features=built.test_features[population],
        population_labels=built.test_labels[population],
        data=data,
        shards=tuple(replace(shard, data=data) for shard in shards),
    )


def with_others(pool: Pool, chosen: Integers, *, rng: np.random.Generator) -> list[Shard]:
    """Everybody's rows, with those of the pool in the members' places; all others stay.

    Args:
      pool: of the audit.
      chosen: as many rows of the pool as it has members.
      rng: who gets which of them.
    """
    num = len(pool.rows) // 2
    given = dict(zip(pool.rows[:num].tolist(), rng.permutation(pool.rows[chosen]), strict=True))
    return [
        replace(
            shard,
            rows=torch.tensor([int(given.get(row, row)) for row in shard.rows.tolist()]),
        )
        for shard in pool.shards
    ]


def held_rows(shard: Shard) -> Shard:
    """The rows that are a participant's own, without copies of them or synthetic ones."""
    return shard if shard.held is None else replace(shard, rows=shard.held, held=None)


def _places(members: Integers, shard: Shard) -> Sequence[tuple[int, Tensor]]:
    """Where a shard's rows stand among the members, with what the network sees of each."""
    at = np.searchsorted(members, shard.rows.numpy()).clip(0, len(members) - 1)
    is_there = members[at] == shard.rows.numpy()
    features, _ = shard.tensors()
    return [(int(at[place]), features[place]) for place in np.flatnonzero(is_there)]


def _joined(train: Dataset, test: Dataset) -> Dataset:
    return replace(
        train,
        features=torch.cat([train.features, test.features]),
        labels=torch.cat([train.labels, test.labels]),
        groups=None,
    )
