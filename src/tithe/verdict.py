"""What a run comes to: figures of each phase, summed up in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from tithe.build import Built
from tithe.plan import Plan
from tithe.privacy.budget import Budget

_BARELY = 0.5  # of a budget: less than this, and the spending says more than the budget


@dataclass
class Outcome:
    """How one phase went so far."""

    name: str
    num_turns: int = 0
    num_shared: int = 0
    num_stopped: int = 0
    round: int = 0
    epochs: float = 0.0
    accuracy: float | None = None
    best_accuracy: float | None = None
    loss: float | None = None
    bytes_up: int = 0
    bytes_down: int = 0
    train_seconds: float = 0.0

    def measured(self, accuracy: float, loss: float) -> None:
        """Takes in a measurement on the test rows."""
        self.accuracy, self.loss = accuracy, loss
        self.best_accuracy = max(accuracy, self.best_accuracy or 0.0)

    def to_plain(self) -> dict[str, object]:
        """As JSON-ready data; a loss that is not finite becomes a string."""
        fields = asdict(self)
        if self.loss is not None:
            fields["loss"] = str(self.loss)
        return fields

    @staticmethod
    def from_plain(fields: dict[str, object]) -> Outcome:
        """The inverse of ``to_plain``."""
        outcome = Outcome(**fields)  # type: ignore[arg-type]
        outcome.loss = None if outcome.loss is None else float(outcome.loss)
        return outcome


def summarise(
    plan: Plan,
    built: Built,
    outcomes: list[Outcome],
    *,
    seconds: float,
    spent: float | None = None,
) -> dict[str, object]:
    """The content of ``summary.json``; for ``spent`` see ``verdict``."""
    return {
        "phases": {outcome.name: asdict(outcome) for outcome in outcomes},
        "verdict": verdict(plan, built, outcomes, spent=spent),
        "seconds": seconds,
        "complete": True,
    }


def verdict(
    plan: Plan, built: Built, outcomes: list[Outcome], *, spent: float | None = None
) -> str:
    """In a sentence what sharing brought, between floor and ceiling, and what it cost.

    A private run adds what it promised, and what the sentence would hide: turns in which nothing
    was sent, and noise that protects nobody.

    Args:
      plan: of the run.
      built: what was made of it.
      outcomes: of its phases, the joint one first.
      spent: epsilon of the participant that spent most; told in place of a budget that was barely
        touched. None: not known.
    """
    joint = outcomes[0]
    num = len(built.phases[0].participants)
    budget = next((each.budget for each in built.phases[0].participants if each.budget), None)
    if joint.num_shared == 0:
        why = "training broke in all of them"
        if budget is not None and math.isfinite(budget.epsilon):
            why = f"each would have passed the {_total(budget)}, or its training broke"
        return f"No turn of the {num} participants could be shared: {why}."
    reached = f"reached {_percent(joint.accuracy)} together"
    each = f"an upload took {_bytes(joint.bytes_up / joint.num_shared)}."
    if budget is None:
        sharing = f"sharing {_percent(plan.sharing.theta_u)} of their changes"
        return f"{num} participants {sharing} {reached}{_beside(outcomes, ', where')}; {each}"
    beside = _beside(outcomes, ", where without any privacy")
    if spent is not None and spent < _BARELY * budget.epsilon:
        budget = replace(budget, epsilon=float(f"{spent:.4g}"))
    sentences = [f"{num} participants {reached} at a {_total(budget)}{beside}; {each}"]
    if joint.num_stopped:
        num_turns = joint.num_shared + joint.num_stopped
        sentences.append(f"In {joint.num_stopped} of {num_turns} turns nothing was sent.")
    if plan.privacy.noise == "simulated":
        sentences.append("The noise was simulated and protects nobody.")
    return " ".join(sentences)


def _beside(outcomes: list[Outcome], begin: str) -> str:
    """What the baselines reached, as a clause that begins with these words; empty if none ran."""
    alone = [
        o.accuracy for o in outcomes if o.name.startswith("standalone") and o.accuracy is not None
    ]
    ceiling = next((o.accuracy for o in outcomes if o.name == "centralised"), None)
    told = []
    if alone:
        mean = f" (mean of {len(alone)})" if len(alone) > 1 else ""
        told.append(f"one alone reached {_percent(sum(alone) / len(alone))}{mean}")
    if ceiling is not None:
        told.append(f"all data in one place {'' if alone else 'reached '}{_percent(ceiling)}")
    return f"{begin} {' and '.join(told)}" if told else ""


def _total(budget: Budget) -> str:
    """What all turns together may cost each participant; it holds however they were chosen."""
    whom = "each record" if budget.unit == "record" else "all data of each"
    if math.isinf(budget.epsilon):
        return f"total of epsilon infinity for {whom}"
    return f"total of epsilon {budget.epsilon:g} (delta {budget.delta:g}) for {whom}"


def _percent(share: float | None) -> str:
    if share is None:
        return "unknown"
    text = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000 or unit == "MB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
