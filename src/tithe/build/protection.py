"""From [privacy] to what protects one participant: its stages, its noise, its cost, its budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from tithe.build.upload_noise import Events, Finish, upload_noise
from tithe.checks import BadInput
from tithe.data.balance import ONE_ROW, Touched
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.local import LocalTraining
from tithe.plan import ParticipantPlan, Privacy
from tithe.privacy.budget import Budget
from tithe.privacy.calibrate import smallest_scale, turns_within
from tithe.privacy.events import Event, PlainSelection, PlainValues, Relation, Unit
from tithe.privacy.filter import best_order
from tithe.privacy.touched_rows import touched_rows_event
from tithe.sharing.stages import Stage

PLAIN = (PlainSelection, PlainValues)


@dataclass(frozen=True)
class Protection:
    """What protects one participant in every turn.

    Attributes:
      share: the private stages; None: those of [sharing], since the change is private already.
      private: how it trains by DP-SGD; None: it does not.
      cost: what one turn costs, the same in every turn.
      budget: what all turns may cost, and how that is counted.
      num_turns: how many turns the noise was made for.
    """

    share: Stage | None
    private: PrivateTraining | None
    cost: tuple[Event, ...]
    budget: Budget
    num_turns: int


@lru_cache(maxsize=4096)  # participants with as many rows and turns are protected alike
def protect(
    privacy: Privacy,
    own: ParticipantPlan,
    training: LocalTraining,
    *,
    num_rows: int,
    num_turns: int,
    size: int,
    touched: Touched = ONE_ROW,
) -> Protection:
    """Calibrates the noise of one participant for its whole training, before it starts.

    Args:
      privacy: the plan's section, its unit not ``"none"``.
      own: this participant's training and sharing.
      training: the same training as local training knows it.
      num_rows: how many rows it has; this decides its sampling rate and never leaves it.
      num_turns: how many turns it will have.
      size: d, the number of parameters.
      touched: how many of its rows one record decides.
    Raises:
      BadInput: no noise fits the budget.
    """
    unit: Unit = "record" if privacy.unit == "record" else "participant"
    if unit == "record":
        turn_at, finish = _by_record(privacy, training, num_rows, touched)
    else:
        turn_at, finish = upload_noise(privacy, own.sharing, size=size)

    scale = _scale(privacy, turn_at, num_turns=num_turns)
    cost = tuple(turn_at(scale))
    if any(isinstance(event, PlainValues) for event in cost):
        budget = Budget(math.inf, 0.0, unit, privacy.relation, math.inf)
    else:
        num_paid = turns_within(
            cost, epsilon=privacy.epsilon, delta=privacy.delta, at_most=num_turns
        )
        order = best_order(cost * max(1, num_paid), delta=privacy.delta, unit=unit)
        relation = next(event.relation for event in cost if not isinstance(event, PLAIN))
        budget = Budget(privacy.epsilon, privacy.delta, unit, relation, order)
    share, private = finish(scale)
    return Protection(share, private, cost, budget, num_turns)


def _scale(privacy: Privacy, turn_at: Events, *, num_turns: int) -> float:
    """The scale of the noise that the plan names, or else the least that the budget allows."""
    named = 1 / privacy.epsilon_per_turn if privacy.epsilon_per_turn else privacy.noise_multiplier
    try:
        if named:
            turn_at(named)  # refuses what no mechanism can draw
            return named
        return smallest_scale(
            lambda scale: turn_at(scale) * num_turns, epsilon=privacy.epsilon, delta=privacy.delta
        )
    except ValueError as error:
        if named:
            key = "epsilon_per_turn" if privacy.epsilon_per_turn else "noise_multiplier"
            raise BadInput(
                f"privacy.{key} = {getattr(privacy, key)} cannot be used here: {error}"
            ) from error
        raise BadInput(
            f"privacy.epsilon = {privacy.epsilon} with privacy.delta = {privacy.delta} cannot "
            f"be reached in {num_turns} turns: {error}"
        ) from error


def _by_record(
    privacy: Privacy, training: LocalTraining, num_rows: int, touched: Touched
) -> tuple[Events, Finish]:
    """DP-SGD in local training; whatever is shared of its change is free."""
    if num_rows < privacy.microbatch:
        raise BadInput(
            f"privacy.microbatch must be at most the rows of every participant, "
            f"got {privacy.microbatch}; 1 is best"
        )
    batch_size = min(training.batch_size, num_rows // privacy.microbatch * privacy.microbatch)
    if batch_size % privacy.microbatch:
        raise BadInput(
            f"training.batch_size must be a multiple of privacy.microbatch = {privacy.microbatch}, "
            f"got {training.batch_size}"
        )
    num_steps = training.num_steps(num_rows)
    is_sampled = privacy.sampling == "poisson"
    assert is_sampled or not touched.taken  # the plan's rules: no row keeps its place otherwise
    relation: Relation = "add_or_remove" if is_sampled and privacy.microbatch == 1 else "zero_out"

    def private_at(noise_multiplier: float) -> PrivateTraining:
        return PrivateTraining(
            batch_size=batch_size,
            num_steps=num_steps,
            noise_multiplier=noise_multiplier,
            l2_norm_bound=privacy.l2_norm_bound,
            clipping=privacy.clipping,
            sampling=privacy.sampling,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            microbatch=privacy.microbatch,
            class_weights=training.class_weights,
        )

    def turn_at(noise_multiplier: float) -> list[Event]:
        private = private_at(noise_multiplier)
        in_sensitivity = private.noise_stddev / private.l2_sensitivity(relation)
        if is_sampled:
            rate, count = private.sampling_rate(num_rows), num_steps
        else:  # each row is in one batch of every pass
            rate, count = 1.0, math.ceil(num_steps / math.ceil(num_rows / batch_size))
        event = touched_rows_event(
            noise_multiplier=in_sensitivity,
            sampling_rate=rate,
            most_brought=touched.brought,
            most_taken=touched.taken,
            count=count,
            relation=relation,
        )
        return [event]

    return turn_at, lambda scale: (None, private_at(scale))
