"""What a run comes to: figures of each phase and one sentence."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tithe.build import Built
from tithe.plan import Plan


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
    plan: Plan, built: Built, outcomes: list[Outcome], *, seconds: float
) -> dict[str, object]:
    """The content of ``summary.json``."""
    return {
        "phases": {outcome.name: asdict(outcome) for outcome in outcomes},
        "verdict": verdict(plan, built, outcomes),
        "seconds": seconds,
        "complete": True,
    }


def verdict(plan: Plan, built: Built, outcomes: list[Outcome]) -> str:
    """One sentence: what sharing brought, between the floor and the ceiling, and what it cost."""
    joint = outcomes[0]
    num = len(built.phases[0].participants)
    shared = f"{num} participants sharing {_percent(plan.sharing.theta_u)} of their changes"
    if joint.num_shared == 0:
        return f"No turn of the {num} participants could be shared: training broke in all of them."
    sentence = f"{shared} reached {_percent(joint.accuracy)} together"
    alone = [
        o.accuracy for o in outcomes if o.name.startswith("standalone") and o.accuracy is not None
    ]
    ceiling = next((o.accuracy for o in outcomes if o.name == "centralised"), None)
    if alone:
        mean = sum(alone) / len(alone)
        sentence += f", where one alone reached {_percent(mean)}"
        sentence += f" (mean of {len(alone)})" if len(alone) > 1 else ""
    if ceiling is not None:
        sentence += " and" if alone else ", where"
        sentence += f" all data in one place {_percent(ceiling)}"
    each = joint.bytes_up / max(1, joint.num_shared)
    return f"{sentence}; an upload took {_bytes(each)}."


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
