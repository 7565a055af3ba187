"""Spending: what a private run lost so far, by every count, against its budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tithe.record import TurnLine
from tithe.report.facts import Facts

COUNTS = ("pld", "rdp", "pure")  # as the record calls the accountants, from the tightest
UNITS = {"record": "each record", "participant": "all data of a participant together"}


@dataclass(frozen=True)
class Spending:
    """What privacy a run promised, and what of it is gone.

    Attributes:
      unit: ``"record"`` or ``"participant"``.
      budget: the epsilon that the plan allows in all.
      delta: that goes with it.
      is_simulated: the noise came from the seed, so that it protects nobody.
      is_broken: something left without noise that hides it, so that epsilon is infinite.
      charged: epsilon by round, as the ledger counted the participant that spent most.
      totals: epsilon of that participant by accountant, in the order of COUNTS; empty before the
        run's end.
      naive: epsilon divided by the number of values released, which is no guarantee; None if there
        is no such figure.
      refusals: the joint turns that the ledger refused, in order.
      num_turns: how many joint turns there were.
    """

    unit: str
    budget: float
    delta: float
    is_simulated: bool
    is_broken: bool
    charged: Mapping[int, float]
    totals: Mapping[str, float]
    naive: float | None
    refusals: tuple[TurnLine, ...]
    num_turns: int

    @property
    def total(self) -> float:
        """What the ledger charged, in all."""
        return max(self.charged.values(), default=0.0)

    @property
    def at_delta(self) -> str:
        """Delta in words that are not broken over two lines."""
        return f"delta\N{NO-BREAK SPACE}{self.delta:g}".replace("-", "\N{NON-BREAKING HYPHEN}")

    @property
    def whom(self) -> str:
        """Whom it speaks of, in words."""
        return UNITS[self.unit]


def spending(facts: Facts) -> Spending | None:
    """Reads what a run spent off its record; None for a run without privacy."""
    if not facts.is_private:
        return None
    told = (facts.record.summary or {}).get("privacy")
    told = told if isinstance(told, dict) else {}
    by_accountant = told.get("epsilon")
    by_accountant = by_accountant if isinstance(by_accountant, dict) else {}
    totals = {name: _number(by_accountant.get(name)) for name in COUNTS}
    charged = charged_by_round(facts)
    return Spending(
        unit=str(facts.planned("privacy", "unit")),
        budget=_number(facts.planned("privacy", "epsilon")) or math.inf,
        delta=_number(facts.planned("privacy", "delta")) or 0.0,
        is_simulated=facts.has_simulated_randomness,
        is_broken=math.inf in charged.values(),
        charged=charged,
        totals={name: total for name, total in totals.items() if total is not None},
        naive=_number(told.get("naive_epsilon_per_value")),
        refusals=tuple(line for line in facts.turns if line.status == "refused"),
        num_turns=len(facts.turns),
    )


def charged_by_round(facts: Facts) -> dict[int, float]:
    """Epsilon after each round that had a turn, of the participant that had spent most."""
    most: dict[int, float] = {}
    for line in facts.turns:
        most[line.round] = max(most.get(line.round, 0.0), line.epsilon)
    so_far, charged = 0.0, {}
    for round_, epsilon in sorted(most.items()):
        so_far = charged[round_] = max(so_far, epsilon)
    return charged


def charged_after(charged: Mapping[int, float], round_: int) -> float:
    """Epsilon after any round, those without a turn included."""
    return max((epsilon for at, epsilon in charged.items() if at <= round_), default=0.0)


def _number(value: object) -> float | None:
    """A number of the record, where infinity is a word; None for anything else."""
    if value == "inf":
        return math.inf
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
        return float(value)
    return None
