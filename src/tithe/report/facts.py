"""Facts: what a run's record adds up to, before anyone draws or words it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tithe.checks import BadInput
from tithe.record import RunRecord, TurnLine
from tithe.report.curves import Curve, curves
from tithe.report.traffic import Traffic, traffic

SMALLEST_GAP = 0.001  # in accuracy: a tenth of a point is within the noise of any test set here


@dataclass(frozen=True)
class Facts:
    """A run's record and what follows from it; each is worked out once."""

    record: RunRecord

    @cached_property
    def plan(self) -> Mapping[str, Any]:
        """The plan as used.

        Raises:
          BadInput: it is not TOML.
        """
        try:
            return tomllib.loads(self.record.plan_toml)
        except tomllib.TOMLDecodeError as error:
            path = self.record.directory / "plan.toml"
            raise BadInput(f"{path} is damaged: it is not TOML ({error})") from error

    def planned(self, section: str, key: str) -> Any:
        """One value of the plan, None if it is not there."""
        table = self.plan.get(section)
        return table.get(key) if isinstance(table, dict) else None

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.record.about.get("name") or self.record.directory.name)

    @property
    def is_private(self) -> bool:
        """Whether its uploads were to be private: for a record, or for a participant."""
        return bool(self.planned("privacy", "unit") in ("record", "participant"))

    @property
    def has_simulated_randomness(self) -> bool:
        """Whether all of it came from the seed, noise included."""
        return bool(self.planned("privacy", "noise") != "secure")

    @cached_property
    def turns(self) -> list[TurnLine]:
        """The turns of the joint training."""
        return [line for line in self.record.turns if line.phase == "joint"]

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Per phase, what was measured."""
        return curves(self.record.evaluations)

    @cached_property
    def num_participants(self) -> int:
        """As planned; more if more took a turn."""
        seen = max((line.participant + 1 for line in self.turns), default=0)
        return max(int(self.record.about.get("participants") or 0), seen, 1)

    @cached_property
    def num_parameters(self) -> int:
        """How many parameters the network has, d."""
        known = int(self.record.about.get("num_parameters") or 0)
        return known or max((line.size for line in self.turns), default=0)

    @cached_property
    def traffic(self) -> Traffic:
        """Who sent how much in the joint training."""
        return traffic(self.turns, num_participants=self.num_participants)

    @cached_property
    def rounds_done(self) -> int:
        """The last round that was measured; without measurements, the last with a turn."""
        joint = self.curves.get("joint")
        return joint.last.round if joint else max((line.round for line in self.turns), default=0)

    @property
    def rounds_planned(self) -> int:
        """As the plan says; as many as were done if it says nothing."""
        planned = self.planned("exchange", "rounds")
        return planned if isinstance(planned, int) else self.rounds_done

    @cached_property
    def gap_closed(self) -> float | None:
        """How far joint training comes from standalone (0) to centralised (1).

        None where a baseline is missing, or the two are too close for a gap to speak of.
        """
        if not {"standalone", "joint", "centralised"} <= self.curves.keys():
            return None
        low = self.curves["standalone"].last.accuracy
        high = self.curves["centralised"].last.accuracy
        if high - low < SMALLEST_GAP:
            return None
        return (self.curves["joint"].last.accuracy - low) / (high - low)

    @cached_property
    def share_sent(self) -> float | None:
        """The mean fraction of parameters in an update that was sent."""
        sizes = sum(line.size for line in self.turns if line.status == "shared")
        return int(self.traffic.entries.sum()) / sizes if sizes else None

    @cached_property
    def is_asynchronous(self) -> bool:
        """Whether participants went at their own speed."""
        order = self.planned("exchange", "order")
        if order is None:  # a plan that cannot be read: lateness is what is left to go by
            return any(line.staleness > 0 for line in self.turns)
        return bool(order == "asynchronous")

    @cached_property
    def clock(self) -> dict[int, float]:
        """Per round, the simulated time at the end of its last turn."""
        ends: dict[int, float] = {}
        for line in self.turns:
            ends[line.round] = max(ends.get(line.round, 0.0), line.clock)
        return ends
