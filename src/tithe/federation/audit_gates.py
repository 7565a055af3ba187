"""The section [audit] of a policy file: what to do about a recipe that is known to tell much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tithe.audit.recipe_gate import Action, Objection, Recipe, Rule, weigh
from tithe.parties.participant import Participant
from tithe.plan import Plan
from tithe.plan.sections import Section
from tithe.privacy.events import PlainSelection, PlainValues


class AuditGates(Section):
    """Each key is a rule; see ``tithe.audit.recipe_gate`` for what was measured about it."""

    few_records: Action = "change"
    """an upload without noise from fewer than 32 records"""
    some_records: Action = "hold"
    """one from 32 to 128 records"""
    modest_records: Action = "warn"
    """one from 129 to 599 records"""
    one_gradient: Action = "change"
    """an upload without noise of a single step, from however many records"""
    small_steps: Action = "warn"
    """one of several steps whose learning rate times their number is below 0.3"""
    last_biases: Action = "warn"
    """an upload without noise holds the last layer's biases, which count the classes"""
    selection: Action = "warn"
    """theta_u below 1 without noise, which protects nobody"""
    approved: tuple[Rule, ...] = ()
    """rules whose "hold" you have thought about and answered with yes"""

    def objections(self, plan: Plan, participant: Participant) -> list[Objection]:
        """Which rules this plan does not keep, by its recipe and your number of rows alone."""
        actions = self.model_dump(exclude={"approved"})
        return weigh(
            recipe_of(plan, participant),
            actions=cast("dict[Rule, Action]", actions),
            approved=set(self.approved),
        )


def objections_to(plan: Plan, participants: Sequence[Participant]) -> list[Objection]:
    """Which rules a plan does not keep, for the participant with the fewest rows, by default."""
    fewest = min(participants, key=lambda each: len(each.shard))
    return weigh(recipe_of(plan, fewest))


def recipe_of(plan: Plan, participant: Participant) -> Recipe:
    """What the rules look at, read off what the plan makes of this participant."""
    num_rows = len(participant.shard)
    return Recipe(
        num_records=num_rows,
        num_steps=participant.training.num_steps(num_rows),
        learning_rate=participant.learning_rate(0),
        theta_u=plan.for_participant(participant.number).sharing.theta_u,
        is_protected=is_protected(participant),
    )


def is_protected(participant: Participant) -> bool:
    """Whether every value that leaves was made private by a mechanism that is charged."""
    cost = participant.cost
    return cost is not None and not any(
        isinstance(event, PlainSelection | PlainValues) for event in cost
    )
