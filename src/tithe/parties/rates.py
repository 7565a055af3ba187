"""Learning-rate schedules: alpha of a participant's n-th turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from tithe.checks import require_positive

Schedule = Literal["constant", "exponential", "cosine", "inverse"]


def learning_rates(
    schedule: Schedule, *, learning_rate: float, decay: float, num_turns: int
) -> Callable[[int], float]:
    """A function from a participant's turn t = 0, 1, ... to its alpha.

    ``constant``: alpha. ``exponential``: alpha * decay^t. ``cosine``: alpha * (1 + cos(pi * t /
    num_turns)) / 2, so half of a cosine, still > 0 at the last turn; it stays there for turns past
    ``num_turns``. ``inverse``: alpha / (1 + decay * t).

    Raises:
      ValueError: alpha, decay or num_turns is not > 0.
    """
    require_positive(learning_rate=learning_rate, decay=decay, num_turns=num_turns)

    def exponential(turn: int) -> float:
        return float(learning_rate * decay**turn)

    def cosine(turn: int) -> float:
        done = min(turn, num_turns - 1) / num_turns
        return learning_rate * (1 + math.cos(math.pi * done)) / 2

    def inverse(turn: int) -> float:
        return learning_rate / (1 + decay * turn)

    def constant(turn: int) -> float:
        return learning_rate

    return {
        "constant": constant,
        "exponential": exponential,
        "cosine": cosine,
        "inverse": inverse,
    }[schedule]
