"""Which rows there are, which participant holds which, and what it trains on because of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.balance import (
    ONE_ROW,
    Touched,
    class_weights,
    copies_each,
    growth,
    kept_rows,
    most_copies,
)
from tithe.data.dataset import Dataset
from tithe.data.line_smote import line_rows, rows_between, touched_by_one
from tithe.data.partition import dirichlet, even, independent, label_shards, natural, power_law
from tithe.data.shard import Shard
from tithe.data.synthetic import KINDS, synthetic_rows
from tithe.plan import Plan
from tithe.randomness import stream


@dataclass(frozen=True, eq=False)
class Balanced:
    """What one participant trains on, as [balance] says.

    Attributes:
      shard: its rows, some of them several times or with synthetic ones beside them.
      class_weights: of its classes in the loss; empty if all weigh 1.
      touched: how many rows of the shard one record decides. For SMOTE and kin it is true of public
        rows alone, and [privacy] lets no others through.
    """

    shard: Shard
    class_weights: tuple[float, ...] = ()
    touched: Touched = ONE_ROW


def rows_each(plan: Plan, train: Dataset) -> list[Tensor]:
    """The rows of each participant, as [balance] and [partition] say; BadInput if that cannot be.

    Public rows are nobody's.
    """
    if not plan.balance.class_rows and not plan.balance.public_rows:
        return _dealt(plan, train)
    private, _ = _private_and_public(plan, train)
    return [private[rows] for rows in _dealt(plan, train.take(private))]


def _dealt(plan: Plan, train: Dataset) -> list[Tensor]:
    """The rows of each participant, as [partition] says."""
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


def balanced(plan: Plan, shards: Sequence[Shard], *, purpose: str = "balance") -> list[Balanced]:
    """What each participant trains on; its own shard where [balance] asks for nothing.

    Guarantee, where public counts are stated: how often a row is there, and what weighs it, depends
    on that row and on these counts alone; synthetic rows of public rows depend on no private one;
    of those on a line one record touches as many as are told.

    Args:
      plan: its [balance].
      shards: of one data set, in the order of their participants.
      purpose: names the streams of what is drawn.
    Raises:
      BadInput: numbers a class that do not fit the classes, or rows that no method can grow.
    """
    balance = plan.balance
    if balance.method == "none":
        return [Balanced(shard) for shard in shards]
    if balance.method in KINDS or balance.method == "line_smote":
        return _with_new_rows(plan, shards, purpose=purpose)
    found = []
    for number, shard in enumerate(shards):
        labels, counts = _labels_and_counts(plan, shard)
        if balance.method == "class_weights":
            found.append(Balanced(shard, class_weights(counts)))
            continue
        factors = growth(counts, most_times=balance.most_times)
        rng = stream(plan.seed, purpose=purpose, participant=number)
        rows = shard.rows.repeat_interleave(copies_each(labels, factors=factors, rng=rng))
        grown = replace(shard, rows=rows, held=shard.rows)
        found.append(Balanced(grown, touched=Touched(brought=most_copies(factors))))
    return found


def _with_new_rows(plan: Plan, shards: Sequence[Shard], *, purpose: str) -> list[Balanced]:
    """One data set for all, with every participant's new rows behind the real ones."""
    data = shards[0].data
    public = _private_and_public(plan, data)[1] if plan.balance.public_rows else None
    features, labels, rows_of, touched_of = [data.features], [data.labels], [], []
    num_rows = len(data)
    for number, shard in enumerate(shards):
        rng = stream(plan.seed, purpose=purpose, participant=number)
        if plan.balance.method == "line_smote":
            new, new_labels, touched = _on_a_line(plan, shard, rng)
        else:
            source = shard.rows if public is None else public
            new, new_labels = _synthetic(plan, shard, source, rng)
            touched = ONE_ROW
        features.append(new)
        labels.append(new_labels)
        rows_of.append(torch.cat([shard.rows, torch.arange(num_rows, num_rows + len(new))]))
        touched_of.append(touched)
        num_rows += len(new)
    grown = replace(data, features=torch.cat(features), labels=torch.cat(labels), groups=None)
    return [
        Balanced(replace(shard, data=grown, rows=rows, held=shard.rows), touched=touched)
        for shard, rows, touched in zip(shards, rows_of, touched_of, strict=True)
    ]


def _on_a_line(plan: Plan, shard: Shard, rng: torch.Generator) -> tuple[Tensor, Tensor, Touched]:
    """New rows of one participant between neighbours of its own, and how many a record touches."""
    labels, counts = _labels_and_counts(plan, shard)
    between = rows_between(counts, most_times=plan.balance.most_times)
    own, name = shard.data.features[shard.rows], shard.data.name
    new, new_labels = line_rows(own, labels, between=between, rng=rng, name=name)
    return new, new_labels, touched_by_one(between)


def _synthetic(
    plan: Plan, shard: Shard, source: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """New rows for one participant by imbalanced-learn, made of the rows ``source``."""
    balance, data = plan.balance, shard.data
    assert balance.method in KINDS
    return synthetic_rows(
        data.features[source],
        data.labels[source],
        kind=balance.method,
        wanted=_wanted(plan, shard),
        neighbours=balance.neighbours,
        seed=int(torch.randint(2**32, (1,), generator=rng)),
        name=data.name,
    )


def _wanted(plan: Plan, shard: Shard) -> dict[int, int]:
    """How many synthetic rows of each class; of public rows, a number that no private one moves."""
    labels, counts = _labels_and_counts(plan, shard)
    factors = growth(counts, most_times=plan.balance.most_times)
    if plan.balance.public_rows and _public_counts(plan):
        expected = [len(shard) * count / sum(counts) for count in counts]
    else:
        expected = torch.bincount(labels, minlength=len(counts)).tolist()
    grown = zip(factors, expected, strict=True)
    return {label: round((factor - 1) * have) for label, (factor, have) in enumerate(grown)}


def _labels_and_counts(plan: Plan, shard: Shard) -> tuple[Tensor, list[float]]:
    """The labels of a shard's rows; how many rows each class has, as public or else as its own."""
    data = shard.data
    labels = data.labels[shard.rows]
    stated = _public_counts(plan)
    if not stated:
        return labels, torch.bincount(labels, minlength=data.num_classes).double().tolist()
    key = "public_counts" if plan.balance.public_counts else "class_rows"
    _require_one_a_class(stated, data, key=key)
    return labels, list(stated)


def _public_counts(plan: Plan) -> tuple[float, ...]:
    return plan.balance.public_counts or plan.balance.class_rows


def _private_and_public(plan: Plan, train: Dataset) -> tuple[Tensor, Tensor]:
    """The rows that are dealt out and those that are public, in ascending order.

    Public rows are drawn from those that ``class_rows`` leaves over, or else from all.
    """
    balance = plan.balance
    private = torch.arange(len(train))
    free = private
    if balance.class_rows:
        _require_one_a_class(balance.class_rows, train, key="class_rows")
        rng = stream(plan.seed, purpose="class_rows")
        private = kept_rows(train.labels, class_rows=balance.class_rows, rng=rng, name=train.name)
        free = _without(len(train), private)
    most = len(free) - (not balance.class_rows)
    if balance.public_rows > most:
        raise BadInput(
            f"balance.public_rows must be at most {most}, the rows of {train.name} that nobody "
            f"needs, got {balance.public_rows}"
        )
    rng = stream(plan.seed, purpose="public_rows")
    public = free[torch.randperm(len(free), generator=rng)[: balance.public_rows].sort().values]
    return (private if balance.class_rows else _without(len(train), public)), public


def _without(num_rows: int, gone: Tensor) -> Tensor:
    """All row numbers below ``num_rows`` but these, ascending."""
    is_left = torch.ones(num_rows, dtype=torch.bool)
    is_left[gone] = False
    return torch.nonzero(is_left).flatten()


def _require_one_a_class(numbers: Sequence[float], data: Dataset, *, key: str) -> None:
    if len(numbers) != data.num_classes:
        raise BadInput(
            f"balance.{key} must have one number for each of the {data.num_classes} classes of "
            f"{data.name}, got {len(numbers)}"
        )
