"""What can be wrong between the keys of a plan, and the parts of it that depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

from tithe.plan.balance import Balance
from tithe.plan.privacy import Privacy
from tithe.plan.sections import (
    Data,
    Exchange,
    Model,
    Override,
    Partition,
    Run,
    Server,
    Sharing,
    Training,
)


@dataclass(frozen=True)
class Problem:
    """One sentence about a wrong plan, and the keys it is about."""

    sentence: str
    keys: tuple[str, ...]

    def inside(self, place: str) -> Problem:
        """The same problem, its keys found inside ``place`` instead of at the top."""
        return Problem(f"{place}.{self.sentence}", tuple(f"{place}.{key}" for key in self.keys))


@dataclass(frozen=True)
class Parts:
    """The sections of a plan that depend on each other."""

    data: Data
    partition: Partition
    balance: Balance
    model: Model
    training: Training
    sharing: Sharing
    privacy: Privacy
    server: Server
    exchange: Exchange
    run: Run
    participant: tuple[Override, ...]


class BrokenRules(ValueError):
    """The keys of a plan contradict each other; ``problems`` says all the ways."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(each.sentence for each in problems))
        self.problems = tuple(problems)
