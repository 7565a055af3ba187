"""What a plan will cost each participant, before anything runs."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from tithe.build import Built
from tithe.learning.dp_sgd import PrivateTraining
from tithe.parties.phase import Phase, schedule_of
from tithe.privacy.accounting import TotalCost, total_cost
from tithe.privacy.budget import Budget
from tithe.privacy.condensed import condensed
from tithe.privacy.events import Event, PlainValues, Unit
from tithe.privacy.gate import gate_of


@dataclass(frozen=True)
class Kind:
    """What participants that are treated alike have in common.

    Attributes:
      num_rows: rows each.
      num_turns: turns each will have.
      turns_a_round: at most so many of them in one round.
      cost: what one turn releases; None: plain sharing, which costs everything.
      budget: what all turns may cost; None: no limit.
      private: how they train by DP-SGD; None: they do not.
    """

    num_rows: int
    num_turns: int
    turns_a_round: int
    cost: tuple[Event, ...] | None
    budget: Budget | None
    private: PrivateTraining | None

    @property
    def sampling_rate(self) -> float | None:
        """Of DP-SGD with Poisson sampling; None if batches are not sampled."""
        if self.private is None or self.private.sampling != "poisson":
            return None
        return self.private.sampling_rate(self.num_rows)


@dataclass(frozen=True)
class Group:
    """Participants alike and what each of them pays.

    Attributes:
      kind: what they have in common.
      participants: their numbers.
      turn, round, total: the cost of one turn, of a round and of all turns, by every accountant;
        no turn costs 0.
      num_allowed: how many turns their budgets allow; less than planned if noise is given that is
        too small.
      allowed: the cost of these, which is all that will be spent.
    """

    kind: Kind
    participants: tuple[int, ...]
    turn: TotalCost
    round: TotalCost
    total: TotalCost
    num_allowed: int
    allowed: TotalCost


@dataclass(frozen=True)
class SharedRow:
    """The row that costs most where rows have several holders.

    Attributes:
      num_holders: how many participants hold it.
      most_holders: the most that any row has.
      total: what all its holders spend together, about one record.
    """

    num_holders: int
    most_holders: int
    total: TotalCost


@dataclass(frozen=True)
class PlanCosts:
    """What a plan costs; the groups that pay most come first.

    ``shared`` is None where no row has two holders or nothing protects the rows.
    """

    groups: tuple[Group, ...]
    shared: SharedRow | None


def costs_of(built: Built) -> PlanCosts:
    """Counts every participant's turns and what they release, by every accountant.

    Guarantee: that of :func:`tithe.privacy.accounting.epsilon_of` for each figure; nothing is
    trained, and no row is looked at beyond how many there are and who holds them.
    """
    joint = built.phases[0]
    alike: dict[Kind, list[int]] = defaultdict(list)
    places: dict[Kind, list[int]] = defaultdict(list)
    starts = _starts(joint)
    for place, each in enumerate(joint.participants):
        in_round = starts[place]
        kind = Kind(
            num_rows=len(each.shard),
            num_turns=sum(in_round.values()),
            turns_a_round=max(in_round.values(), default=0),
            cost=each.cost,
            budget=each.budget,
            private=each.private,
        )
        alike[kind].append(each.number)
        places[kind].append(place)
    groups = [_group(kind, tuple(numbers)) for kind, numbers in alike.items()]
    groups.sort(key=lambda group: (-group.total.pld.epsilon, group.participants))
    alike_by_place = {place: group for group in groups for place in places[group.kind]}
    return PlanCosts(tuple(groups), _shared_row(joint, alike_by_place))


def _starts(joint: Phase) -> list[Counter[int]]:
    """How many turns each place begins in each round."""
    counts: list[Counter[int]] = [Counter() for _ in joint.participants]
    for move in schedule_of(joint):
        if move.kind == "start":
            counts[move.participant][move.round] += 1
    return counts


def _group(kind: Kind, participants: tuple[int, ...]) -> Group:
    num_allowed = _num_allowed(kind)
    return Group(
        kind=kind,
        participants=participants,
        turn=_cost(kind, 1),
        round=_cost(kind, kind.turns_a_round),
        total=_cost(kind, kind.num_turns),
        num_allowed=num_allowed,
        allowed=_cost(kind, num_allowed),
    )


def _cost(kind: Kind, num_turns: int) -> TotalCost:
    delta, unit = (kind.budget.delta, kind.budget.unit) if kind.budget else (0.0, None)
    return _repeated(_released(kind), num_turns, delta, unit)


def _released(kind: Kind) -> tuple[Event, ...]:
    """What one turn releases; what is not known to be noisy is plain."""
    return (PlainValues(1),) if kind.cost is None else kind.cost


@lru_cache(maxsize=4096)
def _repeated(
    events: tuple[Event, ...], num_turns: int, delta: float, unit: Unit | None
) -> TotalCost:
    repeated = condensed(events, times=num_turns) if num_turns else []
    return total_cost(repeated, delta=delta, unit=unit)


def _num_allowed(kind: Kind) -> int:
    """How many of its turns the ledger will let pass."""
    if kind.budget is None or not kind.num_turns:
        return kind.num_turns
    budget, cost, gate = kind.budget, _released(kind), gate_of(kind.budget)

    def is_refused(num_turns: int) -> int:
        return 0 if budget.allows(gate(condensed(cost, times=num_turns))) else 1

    return bisect_left(range(1, kind.num_turns + 1), 1, key=is_refused)


def _shared_row(joint: Phase, group_at: dict[int, Group]) -> SharedRow | None:
    """The row whose holders spend most together; None if no row has two of them."""
    places = range(len(joint.participants))
    holders = _count(joint, [1.0] * len(places))
    most = int(holders.max())
    budgets = [group.kind.budget for group in group_at.values() if group.kind.budget is not None]
    if most < 2 or not budgets:
        return None
    row = int(_count(joint, [group_at[place].allowed.pld.epsilon for place in places]).argmax())
    events = [
        event
        for place in places
        if bool((joint.participants[place].shard.rows == row).any())
        for event in _all_released(group_at[place])
    ]
    if not events:
        return None
    total = total_cost(condensed(events), delta=budgets[0].delta, unit="record")
    return SharedRow(int(holders[row]), most, total)


def _all_released(group: Group) -> list[Event]:
    """What one of this group releases in all the turns that its budget allows."""
    if not group.num_allowed:
        return []
    return condensed(_released(group.kind), times=group.num_allowed)


def _count(joint: Phase, weights: list[float]) -> Tensor:
    """The sum of its holders' weights for every row of the data, shape ``(n,)``."""
    data = joint.participants[0].shard.data
    sums = torch.zeros(len(data), dtype=torch.float64)
    for each, weight in zip(joint.participants, weights, strict=True):
        sums[each.shard.rows] += weight
    return sums
