"""What a target asks for in noise, and what a noise buys, before there is any plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tithe.checks import BadInput
from tithe.privacy.accounting import Accountant, epsilon_of
from tithe.privacy.calibrate import (
    calibrated_gumbel_scale,
    calibrated_laplace_scale,
    calibrated_noise_multiplier,
    turns_within,
)
from tithe.privacy.events import GaussianSteps, Relation

Batches = Literal["poisson", "shuffle"]

RELATIONS: dict[Batches, Relation] = {"poisson": "add_or_remove", "shuffle": "zero_out"}
"""The neighbours that a bound on single rows' gradients hides at once its own length, by batches:
among shuffled ones, a record more or less would move others into other batches."""

MOST_TURNS = 10**6
"""Where the count of what a noise buys ends; a figure as large stands for it and all above."""

_ACCOUNTANTS: tuple[Accountant, ...] = ("rdp", "pld")
_IN_GAMMA = {  # sensitivities of a participant's change, in units of its bound
    "zero_out": {"laplace": 1.0, "gumbel": 0.5, "gaussian": 1.0},
    "replace": {"laplace": 2.0, "gumbel": 1.0, "gaussian": 2.0},
}


@dataclass(frozen=True)
class Steps:
    """The noisy steps of DP-SGD, turn after turn.

    Attributes:
      sampling_rate: the share of the rows in a batch, in (0, 1].
      num_steps: in a turn.
      num_turns: in all.
    """

    sampling_rate: float
    num_steps: int
    num_turns: int = 1

    @classmethod
    def over_rows(
        cls, *, num_rows: int, batch_size: int, epochs: float, num_turns: int = 1
    ) -> Steps:
        """As local training counts them: whole batches, and at least one step a turn."""
        batch_size = min(batch_size, num_rows)
        num_steps = max(1, round(epochs * math.ceil(num_rows / batch_size)))
        return cls(batch_size / num_rows, num_steps, num_turns)

    @classmethod
    def at_rate(cls, sampling_rate: float, *, epochs: float, num_turns: int = 1) -> Steps:
        """The same where only the share of the rows in a batch is known."""
        one = cls(sampling_rate, 1, num_turns)
        return cls(sampling_rate, max(1, round(epochs * one.steps_a_pass)), num_turns)

    @property
    def steps_a_pass(self) -> int:
        """Shuffled batches until every row had its own."""
        return math.ceil(1 / self.sampling_rate - 1e-9)

    def turn(self, noise_multiplier: float, batches: Batches) -> GaussianSteps:
        """What one turn releases: sampled steps, or passes in each of which a row has one batch."""
        is_sampled = batches == "poisson"
        return GaussianSteps(
            noise_multiplier,
            self.sampling_rate if is_sampled else 1.0,
            self.num_steps if is_sampled else math.ceil(self.num_steps / self.steps_a_pass),
            unit="record",
            relation=RELATIONS[batches],
        )

    def everything(self, noise_multiplier: float, batches: Batches) -> GaussianSteps:
        """What all turns release."""
        one = self.turn(noise_multiplier, batches)
        return GaussianSteps(
            one.noise_multiplier,
            one.sampling_rate,
            one.count * self.num_turns,
            unit=one.unit,
            relation=one.relation,
        )


ByAccountant = dict[str, float]
"""A figure by each accountant's name."""


def noise_multipliers(steps: Steps, *, epsilon: float, delta: float) -> dict[str, ByAccountant]:
    """The least noise multiplier with which all the steps fit, for both kinds of batches.

    Guarantee: that of :func:`tithe.privacy.calibrate.smallest_scale`, for one record under the
    relation in ``RELATIONS``.
    Raises:
      BadInput: no noise fits the target.
    """

    def least(batches: Batches) -> Callable[[Accountant], float]:
        all_steps = steps.everything(1.0, batches)
        return lambda accountant: calibrated_noise_multiplier(
            epsilon=epsilon,
            delta=delta,
            sampling_rate=all_steps.sampling_rate,
            num_steps=all_steps.count,
            relation=all_steps.relation,
            accountant=accountant,
        )

    return {batches: _each(least(batches)) for batches in RELATIONS}


def epsilons(steps: Steps, *, noise_multiplier: float, delta: float) -> dict[str, ByAccountant]:
    """What all the steps cost with this noise, for both kinds of batches.

    Guarantee: that of :func:`tithe.privacy.accounting.epsilon_of`.
    """

    def cost(batches: Batches) -> Callable[[Accountant], float]:
        events = [steps.everything(noise_multiplier, batches)]
        return lambda accountant: epsilon_of(events, delta=delta, accountant=accountant)

    return {batches: _each(cost(batches)) for batches in RELATIONS}


def turns_bought(
    steps: Steps, *, noise_multiplier: float, epsilon: float, delta: float
) -> dict[str, ByAccountant]:
    """How many turns of these steps the target allows with this noise, up to ``MOST_TURNS``.

    Guarantee: that of :func:`tithe.privacy.calibrate.turns_within`.
    """

    def bought(batches: Batches) -> Callable[[Accountant], float]:
        turn = [steps.turn(noise_multiplier, batches)]
        return lambda accountant: turns_within(
            turn, epsilon=epsilon, delta=delta, accountant=accountant, at_most=MOST_TURNS
        )

    return {batches: _each(bought(batches)) for batches in RELATIONS}


def upload_scales(
    *, num_turns: int, count: int, epsilon: float, delta: float, relation: Relation
) -> dict[str, ByAccountant]:
    """The noise on what a participant uploads, each mechanism having the whole target for itself.

    ``laplace``: scale over gamma, on ``count`` values a turn whose places are chosen by public
    coins. ``gumbel``: scale over gamma, for choosing the ``count`` largest. ``gaussian``: stddev
    over the L2 bound, on one vector a turn, however many values it has; none at delta 0.

    Guarantee: that of :func:`tithe.privacy.calibrate.smallest_scale`, for all data of one
    participant.
    """
    in_gamma = _IN_GAMMA[relation]

    def laplace(accountant: Accountant) -> float:
        return in_gamma["laplace"] * calibrated_laplace_scale(
            epsilon=epsilon, delta=delta, count=count, num_turns=num_turns, accountant=accountant
        )

    def gumbel(accountant: Accountant) -> float:
        return in_gamma["gumbel"] * calibrated_gumbel_scale(
            epsilon=epsilon, delta=delta, count=count, num_turns=num_turns, accountant=accountant
        )

    def gaussian(accountant: Accountant) -> float:
        return in_gamma["gaussian"] * calibrated_noise_multiplier(
            epsilon=epsilon,
            delta=delta,
            num_steps=num_turns,
            relation=relation,
            unit="participant",
            accountant=accountant,
        )

    scales = {"laplace": _each(laplace, pure=True), "gumbel": _each(gumbel, pure=True)}
    return scales | ({"gaussian": _each(gaussian)} if delta else {})


def _each(answer: Callable[[Accountant], float], *, pure: bool = False) -> ByAccountant:
    """The answer by each accountant that has one."""
    accountants: tuple[Accountant, ...]
    accountants = (*_ACCOUNTANTS, "pure") if pure else _ACCOUNTANTS
    try:
        return {accountant: answer(accountant) for accountant in accountants}
    except ValueError as error:
        raise BadInput(str(error)) from error
