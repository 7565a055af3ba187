"""Consent: a participant's record that it read one exact plan, and agreed to what that costs."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from pathlib import Path

from tithe.checks import BadInput
from tithe.federation.owned import owned_folder
from tithe.federation.party import Party
from tithe.plan import Plan, differences, load_plan
from tithe.privacy.accounting import total_cost
from tithe.privacy.condensed import condensed
from tithe.record import write_atomically
from tithe.record_lines import object_from_json

_SIZE = "# parameters: "
MOST_OFFERS = 20  # plans that wait to be read; a server cannot fill the disk with more


@dataclass(frozen=True)
class Consent:
    """Who agreed to which plan, when, and in which words it was explained."""

    plan_hash: str
    by: str
    at: str
    words: tuple[str, ...]


class Consents:
    """A folder with one file for each plan that was consented to, and the plans on offer.

    Args:
      folder: beside the policy; made where there is none, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = owned_folder(folder)

    def give(self, plan: Plan, party: Party, *, by: str, at: dt.datetime) -> Consent:
        """Writes down that somebody agreed to this plan as ``in_words`` explains it."""
        consent = Consent(plan.digest(), by, at.isoformat(), tuple(in_words(plan, party)))
        content = json.dumps(consent.__dict__, indent=2, sort_keys=True)
        write_atomically(self._folder / f"{consent.plan_hash}.plan.toml", plan.to_toml().encode())
        write_atomically(self._path(consent.plan_hash), content.encode())
        return consent

    def of(self, plan_hash: str) -> Consent | None:
        """The consent to exactly this plan; None if nobody gave it.

        Raises:
          BadInput: the file is damaged.
        """
        path = self._path(plan_hash)
        if not path.exists():
            return None
        try:
            fields = object_from_json(path.read_text(encoding="utf-8"), where=str(path))
            found = Consent(fields["plan_hash"], fields["by"], fields["at"], tuple(fields["words"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is damaged; consent anew") from error
        if found.plan_hash != plan_hash:
            raise BadInput(f"{path} is the consent to another plan; consent anew")
        return found

    def withdraw(self, plan_hash: str) -> None:
        """No further turn of this plan is taken."""
        self._path(plan_hash).unlink(missing_ok=True)

    def keep_offer(self, plan: Plan, *, size: int) -> None:
        """Keeps a plan that was offered, for somebody to read, unless too many wait already.

        Args:
          plan: what the server offers.
          size: d, as the server has it.
        """
        path = self._folder / f"{plan.digest()}.offer.toml"
        if not path.exists() and len(self.offers()) < MOST_OFFERS:
            write_atomically(path, f"{_SIZE}{size}\n{plan.to_toml()}".encode())

    def changes_since(self, plan: Plan) -> list[str]:
        """Which keys differ from the plan of the same name that was consented to; [] for none."""
        for path in self._folder.glob("*.plan.toml"):
            plan_hash = path.name.partition(".")[0]
            if plan_hash != plan.digest() and self._path(plan_hash).exists():
                before = load_plan(path)
                if before.name == plan.name:
                    return differences(plan, before)
        return []

    def offers(self) -> list[Path]:
        """The plans that were offered and not yet consented to."""
        return [
            path
            for path in sorted(self._folder.glob("*.offer.toml"))
            if not self._path(path.name.partition(".")[0]).exists()
        ]

    def _path(self, plan_hash: str) -> Path:
        return self._folder / f"{plan_hash}.consent.json"


def offered_size(path: Path) -> int | None:
    """The server's d in an offer that was kept; None for a plan file of another origin."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    digits = first.removeprefix(_SIZE)
    return int(digits) if first.startswith(_SIZE) and digits.isdecimal() else None


def in_words(plan: Plan, party: Party) -> list[str]:
    """What a plan does with a participant's rows and what that costs, one sentence each."""
    participant = party.participant
    sharing = plan.for_participant(participant.number).sharing
    who = (
        f"The plan {plan.name} ({plan.digest()[:12]}...) trains a network of {party.size:,} "
        f"parameters on your {len(participant.shard):,} rows, in at most {party.num_turns} turns."
    )
    what = (
        f"In each turn at most {sharing.theta_u:.3g} of the parameters' changes leave, "
        f"as {sharing.values}; nothing else about your rows does."
    )
    sentences = [who, what]
    if sharing.gamma:
        sentences.append(f"Every change is first bounded to [-{sharing.gamma}, {sharing.gamma}].")
    if ":" in plan.model.name:
        sentences.append(
            f"The network is made by {plan.model.name}, code that is installed on this machine."
        )
    return [*sentences, *_costs_in_words(party)]


def _costs_in_words(party: Party) -> list[str]:
    participant = party.participant
    budget, cost = participant.budget, participant.cost
    if cost is None or budget is None or math.isinf(budget.epsilon):
        return ["What leaves is not protected by noise: the loss of privacy (epsilon) is infinite."]
    total = total_cost(
        condensed(cost, times=party.num_turns), delta=budget.delta, unit=budget.unit
    ).pld
    noise = (
        "The noise comes from your operating system and nobody can repeat it."
        if participant.has_secure_noise
        else "The noise is simulated: who knows the plan's seed can subtract it."
    )
    total_in_words = (
        f"All turns together cost epsilon {total.epsilon:.3g} at delta {budget.delta:g}, for each "
        f"{budget.unit}; your ledger refuses what passes epsilon {budget.epsilon:g}, counting "
        "all earlier runs on these rows."
    )
    return [total_in_words, noise]
