"""What DP-SGD costs where a record brings rows of its own and takes the place of others."""

from __future__ import annotations

from dataclasses import replace

from tithe.checks import require_at_least, require_fraction, require_positive
from tithe.privacy.events import GaussianSteps, Relation, RepeatedRowSteps, TouchedRowSteps
from tithe.privacy.repeated_rows import repeated_rows_event


def touched_rows_event(
    *,
    noise_multiplier: float,
    sampling_rate: float,
    most_brought: int,
    most_taken: int,
    count: int,
    relation: Relation,
) -> GaussianSteps | RepeatedRowSteps | TouchedRowSteps:
    """Charges noisy steps on Poisson samples of rows of which one record decides several.

    Guarantee: for one record, with which there are at most A rows that are not there without it,
    and without which at most B that are not there with it. Preconditions: all other rows are the
    same, row for row, and each row is clipped by itself and sampled by its own coin; A, B and the
    sampling rate depend on public numbers alone.

    Proof: let P be the law of one noisy sum with the record and Q the law without it, both given
    all that was released before. Whichever common rows are taken, their coins have the same law on
    both sides, and hockey-stick divergences are jointly convex; so let these be fixed and their sum
    be 0. With the noise of stddev s in lengths of one row, P is a mixture of Gaussians, each moved
    by the sum of the rows brought that were taken, and Q of Gaussians moved by rows of the other
    kind. Take any event E, and t with Phi(t) its chance under the noise alone. By the lemma of
    Neyman and Pearson a shift by a vector of length m raises that to at most ``Phi(t + m / s)`` and
    lowers it to no less than ``Phi(t - m / s)``. So ``P(E) <= sum_i w_i Phi(t + i / s)`` and
    ``Q(E) >= sum_j v_j Phi(t - j / s)``, with w the binomial law of A rows and v that of B. These
    two sums are the chances of the half-line ``x > -t s`` under ``P1 = sum_i w_i N(i, s^2)`` and
    ``Q1 = sum_j v_j N(-j, s^2)``. Hence ``P(E) - c Q(E)`` is at most the same of P1, Q1 and that
    half-line, for every c >= 0: P1 against Q1 dominates P against Q, and, with the names changed
    over, Q1 against P1 the other direction. A record that touches fewer rows has smaller sums. The
    bound is reached where all gradients are of full length and lie on one line, those of rows
    brought one way and those of rows taken the other.

    Dominating pairs compose, also if each step depends on what was released (Zhu, Dong & Wang 2022,
    Theorem 10), and since they dominate at every c, every Renyi divergence of P and Q is at most
    that of P1 and Q1 as well. So nothing is lost to a triangle inequality.

    Where no row is taken away this is :func:`tithe.privacy.repeated_rows.repeated_rows_event`, and
    where every row is in every step, one Gaussian whose sum moves by A + B lengths.

    Args:
      noise_multiplier: s, stddev over what one row moves a sum by at most, > 0.
      sampling_rate: q, the probability that one row is in a step, in (0, 1].
      most_brought: A, >= 1; under "replace", of the one record against the other.
      most_taken: B, >= 0; likewise.
      count: steps.
      relation: of records.
    Raises:
      ValueError: a value out of its range.
    Source: Neyman & Pearson 1933; Ganesh 2024 (B = 0); Schuchardt et al. 2024, Unified
      mechanism-specific amplification by subsampling and group privacy amplification (several rows
      that come while others go).
    """
    require_positive(noise_multiplier=noise_multiplier)
    require_fraction(sampling_rate=sampling_rate)
    require_at_least(1, most_brought=most_brought)
    require_at_least(0, most_taken=most_taken)
    if not most_taken:
        return repeated_rows_event(
            noise_multiplier=noise_multiplier,
            sampling_rate=sampling_rate,
            most_copies=most_brought,
            count=count,
            relation=relation,
        )
    if sampling_rate == 1:
        together = noise_multiplier / (most_brought + most_taken)
        return GaussianSteps(together, count=count, unit="record", relation=relation)
    return TouchedRowSteps(
        noise_multiplier,
        sampling_rate,
        most_brought,
        most_taken,
        count,
        unit="record",
        relation=relation,
    )


def replaced(event: TouchedRowSteps) -> TouchedRowSteps:
    """The same steps where a record is replaced by any other, which is one going and one coming.

    Guarantee: that of the event for the two records. Proof: the one that goes takes up to A rows
    with it and leaves up to B that it had kept away; the other brings up to A and keeps up to B
    away. So each side has at most A + B rows that the other has not.
    """
    touched = event.most_brought + event.most_taken
    return replace(event, most_brought=touched, most_taken=touched, relation="replace")
