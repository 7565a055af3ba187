"""Who plays what where an insider is simulated: the insider, the class, and who holds its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from tithe.audit.scores import Floats
from tithe.build import Built
from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.run_audits.class_names import class_named
from tithe.run_audits.pool import held_rows


@dataclass(frozen=True, eq=False)
class Cast:
    """One simulation's roles.

    Attributes:
      insider: its number; ``place`` where it stands among the shards.
      wanted: the class, which it has no row of.
      called: the class it hands its drawings in as, the largest of its own; ``called_name`` that
        class's name.
      num_owners: participants with rows of the class.
      shards: everybody's rows.
    """

    insider: int
    place: int
    wanted: int
    called: int
    called_name: str
    num_owners: int
    shards: list[Shard]

    def without_class(self) -> list[Shard]:
        """Everybody's rows but those of the class.

        Raises:
          BadInput: somebody has no others.
        """
        return [without_class(each, self.wanted) for each in self.shards]

    def rows_of_class(self) -> Floats:
        """What the network sees of all rows of the class, flat, shape ``(m, p)``."""
        found = []
        for shard in self.shards:
            features, labels = shard.tensors()
            found.append(features[labels == self.wanted].flatten(1))
        rows: Floats = torch.cat(found).double().numpy()
        return rows


def cast_of(built: Built, *, wanted: str | None, participant: int | None, is_sole: bool) -> Cast:
    """Deals out the roles by rule, as far as they are not asked for.

    Args:
      built: of the plan.
      wanted: the class's name; None: of those that the fewest hold, the one with the most rows.
      participant: the insider's number; None: the first with the fewest rows of the class.
      is_sole: all rows of the class go to one other participant, the first.
    Raises:
      BadInput: there is nobody else, no such class or participant, or nobody else holds the class.
    """
    joint = built.phases[0].participants
    if len(joint) < 2:
        raise BadInput(
            f"an insider needs others to spy on, and the plan has {len(joint)} participant; set "
            "partition.participants to 2 or more"
        )
    shards = [held_rows(each.shard) for each in joint]
    counts = torch.stack([_counts(each) for each in shards])  # (participants, classes)
    label = _class_of(built.class_names, counts, wanted)
    place = _place_of([each.number for each in joint], counts[:, label], participant)
    shards[place] = without_class(shards[place], label)
    if is_sole:
        shards = all_to_one(shards, label, owner=0 if place else 1)
    owners = sum(int(_counts(each)[label] > 0) for each in shards)
    if not owners:
        raise BadInput(
            f"nobody but participant {joint[place].number} holds rows of class "
            f"{built.class_names[label]}, so there is nothing to spy on; take another class"
        )
    called = int(_counts(shards[place]).argmax())
    return Cast(
        insider=joint[place].number,
        place=place,
        wanted=label,
        called=called,
        called_name=built.class_names[called],
        num_owners=owners,
        shards=shards,
    )


def without_class(shard: Shard, label: int) -> Shard:
    """The rows that are not of this class.

    Raises:
      BadInput: none is left.
    """
    held = held_rows(shard)
    rows = held.rows[held.data.labels[held.rows] != label]
    if not len(rows):
        raise BadInput(
            f"a participant has rows of class {shard.data.class_names[label]} alone, so it cannot "
            "take part without that class; take another with --class"
        )
    return replace(held, rows=rows)


def all_to_one(shards: list[Shard], label: int, *, owner: int) -> list[Shard]:
    """The same rows, those of this class all with one participant."""
    rows = [each.rows[each.data.labels[each.rows] == label] for each in map(held_rows, shards)]
    dealt = [
        each if place == owner else without_class(each, label)
        for place, each in enumerate(map(held_rows, shards))
    ]
    others = dealt[owner].rows
    dealt[owner] = replace(dealt[owner], rows=torch.cat([others, *rows]).unique())
    return dealt


def _counts(shard: Shard) -> torch.Tensor:
    return torch.bincount(shard.data.labels[shard.rows], minlength=shard.data.num_classes)


def _class_of(names: tuple[str, ...], counts: torch.Tensor, wanted: str | None) -> int:
    if wanted is None:
        total = counts.sum(dim=0)
        owners = (counts > 0).sum(dim=0)
        held = [label for label in range(len(names)) if total[label]]
        return min(held, key=lambda label: (int(owners[label]), -int(total[label])))
    return class_named(wanted, names)


def _place_of(numbers: list[int], counts: torch.Tensor, participant: int | None) -> int:
    if participant is None:
        return int(counts.argmin())
    if participant not in numbers:
        raise BadInput(
            f"participant must be one of the {len(numbers)} of the plan, {numbers[0]} to "
            f"{numbers[-1]}, got {participant}"
        )
    return numbers.index(participant)
