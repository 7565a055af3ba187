"""What the article's training costs, by its own old accountant and by today's.

Its library added up Renyi divergences at the orders of its tutorials and turned the sum into an
epsilon by the conversion of that time. Both are here to be compared with, and nothing is ever
charged by them: the conversion is coarser than it need be, the orders end at 63, and fixed batches
were charged as if every record had been drawn by its own coin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.checks import require_at_least, require_positive
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import GaussianSteps
from tithe.privacy.neighbours import comparable
from tithe.privacy.renyi import epsilon_from_renyi, renyi_cost

TUTORIAL_ORDERS: tuple[float, ...] = (
    *(1 + tenth / 10 for tenth in range(1, 100)),
    *range(12, 64),
)
"""The orders of the tutorials of the article's library; the largest is 63."""

NOISES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""The noise multipliers looked at: the range that the article names."""


@dataclass(frozen=True)
class Training:
    """A training as its accountant sees it.

    Attributes:
      num_rows: n.
      batch_size: rows in a step, on average.
      epochs: passes over the rows.
    """

    num_rows: int
    batch_size: int
    epochs: float

    def __post_init__(self) -> None:
        require_at_least(1, num_rows=self.num_rows, batch_size=self.batch_size)
        require_positive(epochs=self.epochs)

    @property
    def num_steps(self) -> int:
        """As the article's library counts: ``epochs * n // batch``."""
        return int(self.epochs * self.num_rows // self.batch_size)

    @property
    def delta(self) -> float:
        """The article's rule, ``1 / (1.5 n)``."""
        return 1 / (1.5 * self.num_rows)

    def steps(self, noise_multiplier: float) -> GaussianSteps:
        """What all steps release if every record is in each by its own coin."""
        rate = min(1.0, self.batch_size / self.num_rows)
        return GaussianSteps(
            noise_multiplier, rate, self.num_steps, unit="record", relation="add_or_remove"
        )

    def passes(self, noise_multiplier: float) -> GaussianSteps:
        """What all passes over fixed batches release, each of which sees every record once."""
        passes = max(1, math.ceil(self.epochs))
        return GaussianSteps(noise_multiplier, 1.0, passes, unit="record", relation="zero_out")


ARTICLE = Training(num_rows=50_000, batch_size=128, epochs=100)
"""CIFAR-10 in the article: every count is its own."""

ARTICLE_UNEVEN = Training(num_rows=19_300, batch_size=128, epochs=100)
"""The same with unequal classes; the article's counts add up to 19,300."""

TRAININGS = {"even": ARTICLE, "uneven": ARTICLE_UNEVEN}
"""Both by the names that tables and catalogues have for them."""


def old_epsilon(
    divergences: Sequence[float], orders: Sequence[float], *, delta: float
) -> tuple[float, float]:
    """The epsilon of the old conversion, and the order that gives it.

    ``min over a of divergence(a) + ln(1 / delta) / (a - 1)``; with a largest order b it never falls
    below ``ln(1 / delta) / (b - 1)``, however much noise there is.

    Args:
      divergences: Renyi divergences, one an order.
      orders: each > 1, as many.
      delta: in (0, 1).
    Source: Mironov 2017, Proposition 3; Abadi et al. 2016, Theorem 2.
    """
    pairs = zip(divergences, orders, strict=True)
    return min((cost + math.log(1 / delta) / (order - 1), order) for cost, order in pairs)


def epsilon_table() -> dict[str, list[dict[str, float]]]:
    """Both trainings at every noise looked at; see ``epsilon_row``."""
    return {
        name: [epsilon_row(training, noise) for noise in NOISES]
        for name, training in TRAININGS.items()
    }


def epsilon_row(training: Training, noise_multiplier: float) -> dict[str, float]:
    """One training's epsilon at one noise, by six ways of counting; all but the first two hold.

    Returns:
      ``old``: by the article's accountant, which claims sampling that its batches do not have;
      ``old_order``: the order that gave it, 63 where the list of orders ran out;
      ``rdp_same_orders``: today's conversion at the same orders;
      ``rdp``: at all our orders; ``pld``: by the privacy loss distribution; both for true Poisson
      samples; ``not_sampled``: by the loss distribution, for fixed batches as the article's are.
    """
    steps, delta = training.steps(noise_multiplier), training.delta
    at_orders = renyi_cost(comparable([steps]), orders=TUTORIAL_ORDERS)
    old, order = old_epsilon([float(each) for each in at_orders], TUTORIAL_ORDERS, delta=delta)
    improved, _ = epsilon_from_renyi(at_orders, delta=delta, orders=TUTORIAL_ORDERS)
    return {
        "noise": noise_multiplier,
        "old": old,
        "old_order": order,
        "rdp_same_orders": improved,
        "rdp": epsilon_of([steps], delta=delta, accountant="rdp"),
        "pld": epsilon_of([steps], delta=delta),
        "not_sampled": epsilon_of([training.passes(noise_multiplier)], delta=delta),
    }
