"""What a recipe gives away before anything is trained, and what a participant says to that.

A refusal that looks at private values leaks too: who sees that one upload was held back learns
something of what was in it. So these rules look at the recipe and at how many records stand behind
an upload, and at nothing else; they can be told to everybody. Their borders are measured
(experiments/audit-mnist), for attacks that exist; what lies beyond a border is not thereby safe.
Only noise ends these attacks, so a protected recipe passes all rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal, get_args

from tithe.checks import require_at_least, require_fraction, require_positive

Action = Literal["allow", "warn", "hold", "change"]
"""``warn``: say so and go on; ``hold``: wait until a person approves the rule by name; ``change``:
not with this recipe, but with the one that the sentence names."""

Rule = Literal[
    "few_records", "some_records", "modest_records", "one_gradient", "small_steps", "last_biases",
    "selection",
]  # fmt: skip
RULES: tuple[Rule, ...] = get_args(Rule)

DEFAULTS: Mapping[Rule, Action] = {
    "few_records": "change",
    "some_records": "hold",
    "modest_records": "warn",
    "one_gradient": "change",
    "small_steps": "warn",
    "last_biases": "warn",
    "selection": "warn",
}

FEW, SOME, MODEST = 32, 128, 600
SMALL_TRAVEL = 0.3
_PROTECT = 'privacy.unit = "record"'


@dataclass(frozen=True)
class Recipe:
    """All that the rules look at.

    Attributes:
      num_records: how many stand behind one upload, >= 1.
      num_steps: of one turn's training, >= 1.
      learning_rate: alpha of a turn, > 0.
      theta_u: the share of the parameters that leaves, in (0, 1].
      is_protected: whether all that leaves is private, by noise that is charged.
    """

    num_records: int
    num_steps: int
    learning_rate: float
    theta_u: float
    is_protected: bool

    def __post_init__(self) -> None:
        require_at_least(1, num_records=self.num_records, num_steps=self.num_steps)
        require_positive(learning_rate=self.learning_rate)
        require_fraction(theta_u=self.theta_u)


@dataclass(frozen=True)
class Objection:
    """One rule that a recipe does not keep.

    Attributes:
      rule: its name, as in a policy file.
      action: what the participant wants done about it.
      sentence: what the rule says, the value, and the way out.
    """

    rule: Rule
    action: Action
    sentence: str

    @property
    def forbids(self) -> bool:
        """Whether nothing may be sent by this recipe as it stands."""
        return self.action in ("hold", "change")


def weigh(
    recipe: Recipe,
    *,
    actions: Mapping[Rule, Action] = DEFAULTS,
    approved: Set[str] = frozenset(),
) -> list[Objection]:
    """Which rules a recipe does not keep, those that forbid it first.

    Guarantee: the answer depends on nothing but the arguments, so it tells nothing about any
    record beyond how many there are.

    Args:
      recipe: as planned.
      actions: what to do about each rule; a rule that is missing is treated as in ``DEFAULTS``.
      approved: rules whose "hold" a person has answered with yes.
    """
    found = []
    for rule, sentence in _broken(recipe).items():
        action = actions.get(rule, DEFAULTS[rule])
        if action == "hold" and rule in approved:
            action = "warn"
        if action != "allow":
            found.append(Objection(rule, action, sentence))
    return sorted(found, key=lambda each: not each.forbids)


def _broken(recipe: Recipe) -> dict[Rule, str]:
    """The sentences of the rules that do not hold; of those about records the strictest alone."""
    if recipe.is_protected:
        return {}
    broken: dict[Rule, str] = {}
    n = recipe.num_records
    if n < FEW:
        broken["few_records"] = (
            f"an upload without noise must have at least {FEW} records behind it, got {n}: one in "
            f"five of them can be rebuilt from it; take {_PROTECT}, or pool more records"
        )
    elif n <= SOME:
        broken["some_records"] = (
            f"an upload without noise should have more than {SOME} records behind it, got {n}: "
            f"some of them can be rebuilt from it; take {_PROTECT}, or approve some_records"
        )
    elif n < MODEST:
        broken["modest_records"] = (
            f"an upload without noise should have {MODEST} records or more behind it, got {n}: "
            "whoever holds candidates can tell which of them took part"
        )
    travel = recipe.learning_rate * recipe.num_steps
    if recipe.num_steps == 1:
        broken["one_gradient"] = (
            "an upload without noise must come of more than one step, got 1: a single gradient "
            f"names its members exactly, at any number of records; take {_PROTECT}, or "
            "training.local_steps = 0"
        )
    elif travel < SMALL_TRAVEL:
        broken["small_steps"] = (
            f"learning rate times steps of a turn should be at least {SMALL_TRAVEL}, got "
            f"{travel:.2g}: small steps add up to little more than one gradient, which names its "
            "members; raise training.learning_rate or train longer in a turn"
        )
    broken["last_biases"] = (
        "the last layer's biases tell how many records of each class there are, at any theta_u; "
        "take the counts of your classes for public knowledge"
    )
    if recipe.theta_u < 1:
        broken["selection"] = (
            f"selection is not protection: theta_u = {recipe.theta_u:g} without noise has an "
            f"infinite epsilon, and what is chosen tells the more; take {_PROTECT}"
        )
    return broken
