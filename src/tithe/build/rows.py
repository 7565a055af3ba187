"""Which rows there are, and which participant holds which."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.dataset import Dataset
from tithe.data.partition import dirichlet, even, independent, label_shards, natural, power_law
from tithe.plan import Plan
from tithe.randomness import stream


def rows_each(plan: Plan, train: Dataset) -> list[Tensor]:
    """The rows of each participant, as [partition] says; BadInput if they cannot be dealt."""
    part = plan.partition
    rng = stream(plan.seed, purpose="partition")
    num = part.participants
    if part.kind == "natural":
        if train.groups is None:
            raise BadInput(
                f'partition.kind "natural" needs data with an owner for each row, {train.name} has '
                "none; name its column as data.options.group, or take another partition.kind"
            )
        return natural(train.groups)
    try:
        if part.kind == "independent":
            each = part.rows_each or max(1, len(train) // num)
            return independent(len(train), num_participants=num, rows_each=each, rng=rng)
        if part.kind == "label_shards":
            return label_shards(
                train.labels, num_participants=num, shards_each=part.shards_each, rng=rng
            )
        if part.kind == "dirichlet":
            return dirichlet(
                train.labels,
                num_participants=num,
                concentration=part.concentration,
                min_rows=part.min_rows,
                rng=rng,
            )
        if part.kind == "power_law":
            return power_law(
                len(train),
                num_participants=num,
                exponent=part.exponent,
                min_rows=part.min_rows,
                rng=rng,
            )
        each_or_all = part.rows_each or None
        return even(len(train), num_participants=num, rows_each=each_or_all, rng=rng)
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"[partition] does not fit the data: {error}") from error


def subset(data: Dataset, num_rows: int, *, seed: int, key: str) -> Dataset:
    """num_rows drawn rows, all for 0; raises BadInput if there are fewer."""
    if not num_rows:
        return data
    if num_rows > len(data):
        raise BadInput(
            f"data.{key} must be at most {len(data)}, the rows of {data.name}, got {num_rows}; "
            "0 keeps all"
        )
    rows = torch.randperm(len(data), generator=stream(seed, purpose=key))[:num_rows].sort().values
    groups = None if data.groups is None else data.groups[rows]
    return replace(data, features=data.features[rows], labels=data.labels[rows], groups=groups)


def require_ids(plan: Plan, num_participants: int) -> None:
    """Refuses settings for participants that the data do not have (natural partitions alone)."""
    for number, each in enumerate(plan.participant):
        beyond = [i for i in each.ids if i >= num_participants]
        if beyond:
            raise BadInput(
                f"participant[{number}].ids must be < {num_participants}, the owners in the data, "
                f"got {beyond[0]}"
            )
