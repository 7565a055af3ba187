"""What DP-SGD costs where a record is in the data several times over."""

from __future__ import annotations

import math

from tithe.checks import require_at_least, require_fraction, require_positive
from tithe.privacy.events import GaussianSteps, Relation, RepeatedRowSteps


def repeated_rows_event(
    *,
    noise_multiplier: float,
    sampling_rate: float,
    most_copies: int,
    count: int,
    relation: Relation,
) -> GaussianSteps | RepeatedRowSteps:
    """Charges noisy steps in which one record has up to ``most_copies`` rows, as a group of them.

    Guarantee: for one record, however many rows up to ``most_copies`` it has. Preconditions: each
    row is clipped by itself, and how many rows a record has depends on that record and on public
    numbers alone, so that a neighbour's record changes nobody else's rows.
    Proof: the record moves a sum by a vector of length at most j bounds where j of its k rows were
    taken, and j is binomial, for every row is taken by its own coin. The noise has no direction, so
    the worst are vectors that all point one way and are as long as they may be: a mixture of
    Gaussians with means 0, 1, ... k against one of mean 0 (Ganesh 2024). With fixed batches
    (q = 1) the numbers of copies in the batches of a pass add up to k, so the squares of the moves
    to at most k**2, that of one Gaussian mechanism a pass with a sensitivity of k bounds.

    Args:
      noise_multiplier: stddev over what one row, one copy, moves a sum by under ``relation``, > 0.
      sampling_rate: q, the probability that one row is in a step, in (0, 1]; 1 for fixed batches.
      most_copies: k, >= 1; 1 is the plain event.
      count: steps; with fixed batches, passes.
      relation: of records.
    Raises:
      ValueError: a value out of its range.
    Source: Ganesh 2024, Tight group-level DP guarantees for DP-SGD with sampling via mixture of
      Gaussians mechanisms; Dwork & Roth 2014, Theorem 2.2 (groups).
    """
    require_positive(noise_multiplier=noise_multiplier)
    require_fraction(sampling_rate=sampling_rate)
    require_at_least(1, most_copies=most_copies)
    if most_copies > 1 and sampling_rate < 1:
        return RepeatedRowSteps(
            noise_multiplier, sampling_rate, most_copies, count, unit="record", relation=relation
        )
    return GaussianSteps(
        noise_multiplier / most_copies, sampling_rate, count, unit="record", relation=relation
    )


def as_one_contribution(event: RepeatedRowSteps) -> GaussianSteps:
    """The same steps as if a record had all its copies in a step or none: simpler, never cheaper.

    Guarantee: that of the event, coarser. Proof: with q the rate of a row, one of k copies is in a
    step with probability at most ``p = 1 - (1 - q)**k``, and then the record moves the sum by a
    vector v of at most k bounds; which v depends on which copies. For each v, compare "moved by v
    with probability p, else the same" with "the same": a Poisson sample of rate p with a
    sensitivity of |v|. The step is a mixture of these over v, the same for both neighbours, and
    hockey-stick divergences and powers of Renyi's are jointly convex; so it costs no more than the
    worst of them. It holds under "replace" too, where both records' copies are taken by the same
    coins.
    """
    rate = -math.expm1(event.most_copies * math.log1p(-event.sampling_rate))
    scale = event.noise_multiplier / event.most_copies
    return GaussianSteps(scale, rate, event.count, unit=event.unit, relation=event.relation)
