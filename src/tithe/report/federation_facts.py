"""What a federation's server told of itself, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RECENT_SECONDS = 60.0

SAID = {  # what a participant's last refusal means, where it is not over in a moment
    "consent": "nobody there has consented to this plan",
    "policy": "its policy forbids this plan",
    "later": "it has had its turns of this hour",
    "stopped": "its last turn gave nothing: the budget is spent, or training broke",
    "ended": "it takes no more turns",
    "ledger": "its ledger lacks a row that was acknowledged",
    "malformed": "it cannot use what it is sent",
}


@dataclass(frozen=True)
class Member:
    """One participant, as the server sees it.

    Attributes:
      number, name: from the roster.
      is_here: connected now.
      has_agreed: to this run.
      is_missing: was awaited in vain.
      since: when it was found connected, seconds since 1970; None if it is away.
      heard: when its last upload was applied; None if none was since the server started.
      turns, applied: how many it began, and how many of them came to something.
      staleness: of its last upload.
      bytes_down, bytes_up: since the server started.
      refused: reasons by name, and how often.
      said: its own last refusal by name; "" for none.
    """

    number: int
    name: str
    is_here: bool
    has_agreed: bool
    is_missing: bool
    since: float | None
    heard: float | None
    turns: int
    applied: int
    staleness: int
    bytes_down: int
    bytes_up: int
    refused: Mapping[str, int]
    said: str

    @property
    def state(self) -> str:
        """In a word or two."""
        if not self.is_here:
            return "away"
        if not self.has_agreed:
            return "no consent" if self.said in ("", "consent") else "refuses"
        return "slow" if self.is_missing else "here"


@dataclass(frozen=True)
class Facts:
    """A server's status and its history.

    Attributes:
      status: as it was written down.
      uploads: lines with at, participant, round, entries, bytes, length and staleness.
      measured: lines with at, round, uploads, accuracy and loss.
      now: the time of looking, seconds since 1970; None for a page that is kept.
    """

    status: Mapping[str, Any]
    uploads: Sequence[Any]
    measured: Sequence[Any]
    now: float | None = None
    members: tuple[Member, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Reads the participants off the status."""
        object.__setattr__(self, "members", members_of(self.status))

    @property
    def at(self) -> float:
        """When the status was written, seconds since 1970."""
        return float(self.status["at"])

    @property
    def accuracy(self) -> float | None:
        """The last that was measured; None if none was."""
        if "accuracy" in self.status:
            return float(self.status["accuracy"])
        return float(self.measured[-1].accuracy) if self.measured else None

    @property
    def certificate_days(self) -> float | None:
        """How long the server's certificate held yet; None if it is not told."""
        until = self.status.get("certificate_until")
        return None if until is None else (float(until) - self.at) / 86400

    @property
    def num_applied(self) -> int:
        """Uploads in the joint model."""
        return sum(member.applied for member in self.members)

    @property
    def num_refused(self) -> int:
        """Messages that the server refused since it started."""
        return sum(sum(member.refused.values()) for member in self.members)

    @property
    def recent_rate(self) -> float:
        """Uploads a second, over the minute before the status was written."""
        recent = [line for line in self.uploads if line.at > self.at - RECENT_SECONDS]
        return len(recent) / RECENT_SECONDS

    def name_of(self, number: int) -> str:
        """A participant's number and name."""
        found = next((each.name for each in self.members if each.number == number), "")
        return f"{number} {found}".strip()


def members_of(status: Mapping[str, Any]) -> tuple[Member, ...]:
    """The participants in a server's status."""
    return tuple(_member(each) for each in status["participants"])


def _member(told: Mapping[str, Any]) -> Member:
    return Member(
        number=told["number"],
        name=told["name"],
        is_here=told["connected"],
        has_agreed=told["agreed"],
        is_missing=told["missing"],
        since=told.get("since"),
        heard=told.get("heard"),
        turns=told["turns"],
        applied=told["applied"],
        staleness=told["staleness"],
        bytes_down=told["bytes_down"],
        bytes_up=told["bytes_up"],
        refused=told["refused"],
        said=told.get("said", ""),
    )
