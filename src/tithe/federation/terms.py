"""What server and participants settled before a run, as far as the server holds them to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tithe.federation.frames import longest_payload
from tithe.parties.phase import Phase
from tithe.plan import Plan
from tithe.sharing.selection import num_to_select
from tithe.sharing.value_code import ValueFormat

_ROUNDING = 1 + 2**-9  # a value of float16 or int8 may come back a little larger than it was


@dataclass(frozen=True)
class ParticipantTerms:
    """One participant's part of the plan.

    Attributes:
      number: the participant.
      theta_d, download_format: what it downloads.
      most_entries: of an upload.
      largest_value: the magnitude that no uploaded value passes; infinite if nothing was announced.
    """

    number: int
    theta_d: float
    download_format: ValueFormat
    most_entries: int
    largest_value: float


@dataclass(frozen=True)
class Terms:
    """One run as the server knows it.

    Attributes:
      run: 16 bytes that name it, drawn once.
      plan_hash: 32 bytes, of the plan's ``digest``.
      plan_text: the plan as TOML, every key resolved.
      phase: the joint training; of its participants the server uses the numbers alone.
      participants: by number.
    """

    run: bytes
    plan_hash: bytes
    plan_text: str
    phase: Phase
    participants: dict[int, ParticipantTerms]

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return self.phase.initial.numel()

    def most_payload(self, participant: int) -> int:
        """The longest codec payload this participant may upload, in bytes."""
        most_entries = self.participants[participant].most_entries
        return longest_payload(size=self.size, num_entries=most_entries)

    def place_of(self, participant: int) -> int:
        """Its place in the schedule."""
        numbers = [each.number for each in self.phase.participants]
        return numbers.index(participant)


def terms_of(plan: Plan, phase: Phase, *, run: bytes) -> Terms:
    """The terms of a run of this plan.

    Args:
      plan: what all agree on.
      phase: its joint training, built on whatever rows the server has of its own.
      run: 16 bytes, drawn once for the run.
    """
    if len(run) != 16:
        raise ValueError(f"run must be 16 bytes, got {len(run)}")
    size = phase.initial.numel()
    largest = _largest_value(plan)
    participants = {
        each.number: ParticipantTerms(
            number=each.number,
            theta_d=each.theta_d,
            download_format=each.download_format,
            most_entries=num_to_select(
                size, theta=plan.for_participant(each.number).sharing.theta_u
            ),
            largest_value=largest(each.number),
        )
        for each in phase.participants
    }
    return Terms(run, bytes.fromhex(plan.digest()), plan.to_toml(), phase, participants)


def _largest_value(plan: Plan) -> Callable[[int], float]:
    """The bound that every value keeps: noise added after a bound may pass it."""

    def largest(number: int) -> float:
        gamma = plan.for_participant(number).sharing.gamma
        is_bounded_last = plan.privacy.unit != "participant" or plan.privacy.bound_after
        return gamma * _ROUNDING if gamma and is_bounded_last else math.inf

    return largest
