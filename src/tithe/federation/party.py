"""A plan as one participant carries it out: its own rows, network and protection, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.parties.participant import Participant
from tithe.plan import Plan, load_plan


@dataclass(frozen=True)
class Party:
    """What a participant needs to take turns of one plan.

    Attributes:
      participant: as ``take_turn`` wants it.
      make_module: a network of d parameters.
      initial: the parameters it begins with where it downloads a part alone, shape ``(d,)``.
      num_turns: how many turns it will take at most; its noise was made for as many.
      held_out: rows of its own that it does not train on, for looking at what it downloads.
      sends_largest: see ``Plan.sends_largest``.
    """

    participant: Participant
    make_module: Callable[[], nn.Module]
    initial: Tensor
    num_turns: int
    held_out: tuple[Tensor, Tensor]
    sends_largest: bool

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return self.initial.numel()


def party_with(
    plan: Plan, number: int, *, data: str, options: dict[str, object], data_root: Path | None = None
) -> Party:
    """The plan with data of the participant's own in place of what the plan names.

    Its training rows are all its own; the test rows of its data are held out.

    Args:
      plan: what was consented to.
      number: the participant's, which names its streams and its overrides.
      data: as ``data.set`` of a plan would name it.
      options: as ``data.options``. Where the plan's data are files of the same kind, its own
        options hold for what is not said here; but a file of test rows that it names is not.
      data_root: where named data sets lie.
    Raises:
      BadInput: the data do not fit the plan.
    """
    table = plan.to_table()
    table["data"] = {
        **table["data"],
        "set": data,
        "options": _described(plan, data) | options,
        "train_rows": 0,
        "test_rows": 0,
    }
    table["partition"] = {"kind": "even", "participants": 1}
    table["baselines"] = {"centralised": False, "standalone": 0}
    own = [each for each in table.pop("participant", []) if number in each["ids"]][:1]
    if own:
        table["participant"] = [{**own[0], "ids": [0]}]
    built = build(load_plan(table), data_root=data_root)
    return replace(
        _party(plan, built, 0),
        participant=_numbered(built, number),
        sends_largest=plan.sends_largest(number),
    )


def party_in(plan: Plan, number: int, *, data_root: Path | None = None) -> Party:
    """The rows that the plan itself deals to this participant: for trials on one machine.

    Raises:
      BadInput: the plan has no such participant, or its data cannot be used.
    """
    built = build(plan, data_root=data_root)
    numbers = [each.number for each in built.phases[0].participants]
    if number not in numbers:
        raise BadInput(f"participant must be in 0 to {len(numbers) - 1}, got {number}")
    return _party(plan, built, numbers.index(number))


def require_size(party: Party, size: int) -> None:
    """Refuses data that make another network than the server's.

    Args:
      party: made of the participant's data.
      size: d, as the server has it.
    Raises:
      BadInput: the sizes differ.
    """
    if party.size == size:
        return
    rows = party.participant.shard.data
    shape = " x ".join(str(each) for each in rows.features.shape[1:])
    raise BadInput(
        f"your data do not fit the plan: rows of {shape} features and {rows.num_classes} classes "
        f"make a network of {party.size:,} parameters, and the server's has {size:,}; see that "
        "columns, categories and classes are those of the plan"
    )


def _described(plan: Plan, data: str) -> dict[str, object]:
    """What the plan says of files of this kind: which column is the label, which classes are."""
    kind, colon, _ = data.partition(":")
    if not colon or kind == "python" or kind != plan.data.set.partition(":")[0]:
        return {}
    return {name: value for name, value in plan.data.options.items() if name != "test"}


def _party(plan: Plan, built: Built, place: int) -> Party:
    joint = built.phases[0]
    return Party(
        participant=_alone(joint.participants[place]),
        make_module=joint.make_module,
        initial=joint.initial,
        num_turns=plan.exchange.rounds,
        held_out=(built.test_features, built.test_labels),
        sends_largest=plan.sends_largest(joint.participants[place].number),
    )


def _numbered(built: Built, number: int) -> Participant:
    return replace(_alone(built.phases[0].participants[0]), number=number)


def _alone(participant: Participant) -> Participant:
    """The participant with a copy of its own rows and nobody else's."""
    shard, rows = participant.shard, participant.shard.rows
    data = replace(
        shard.data,
        features=shard.data.features[rows],
        labels=shard.data.labels[rows],
        groups=None if shard.data.groups is None else shard.data.groups[rows],
    )
    places = rows.new_tensor(range(len(rows)))
    held = None
    if shard.held is not None:  # what the ledger's fingerprint is taken of
        place_of = {int(row): place for place, row in enumerate(rows)}
        held = places.new_tensor([place_of[int(row)] for row in shard.held])
    return replace(participant, shard=Shard(data, places, shard.normalisation, held))
