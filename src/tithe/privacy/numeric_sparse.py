"""Numeric sparse sharing: values chosen by the sparse vector technique, released with fresh noise.

====================  ============================================================================
function              gives
====================  ============================================================================
paper_scales          the noise of Shokri & Shmatikov 2015, for a threshold redrawn each time
optimal_scales        the least noise for a plain sum of epsilons, for a threshold that is kept
numeric_sparse        the positions and their values
numeric_sparse_events what one call costs
====================  ============================================================================

What the paper's mechanism truly costs. Its query ``|bound(v, gamma)|`` lies in [0, gamma], so its
sensitivity is half of the 2*gamma that its noise is made for: the selection costs 4/9 of the
stated epsilon and not 8/9. Its release of ``count`` values costs 1/9 and not 2/9, because its scale
carries a factor 2 that a Laplace release does not need. Together 5/9 (7/18 for "zero_out"), for
all uploads of an epoch at once; epsilon / count is the price of one of them and no guarantee for
anybody. That holds for the form "bounded_first". As printed, noise is added to the unbounded value
and the sum is bounded: no noise hides an unbounded value, so the values of that form are charged
as plain.

Source: Shokri & Shmatikov 2015, "Differential privacy"; Dwork & Roth 2014, Algorithm 3.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor

from tithe.checks import require_at_least, require_fraction, require_positive
from tithe.privacy.events import Event, PlainValues, Relation, Unit
from tithe.privacy.noise import laplace
from tithe.privacy.release import laplace_release_event, release_with_laplace
from tithe.privacy.sparse_vector import is_monotonic, select_by_sparse_vector, sparse_vector_event
from tithe.randomness import RandomBits

Form = Literal["bounded_first", "as_printed"]


class NumericSparseScales(NamedTuple):
    """Laplace scales in the units of the values: for the threshold, a query and a release."""

    threshold: float
    query: float
    release: float


def numeric_sparse_scales(
    *, epsilon: float, sensitivity: float, max_answers: int
) -> NumericSparseScales:
    """The scales of NumericSparse: 8/9 of epsilon for the selection, 2/9 for the answers.

    Guarantee: epsilon-DP if queries and answers have this sensitivity. (8/9 + 2/9 is no budget of
    10/9: half of the 2/9 stays unspent, see above.)
    Source: Dwork & Roth 2014, Algorithm 3 and Theorem 3.28, pure case.
    """
    require_positive(epsilon=epsilon, sensitivity=sensitivity)
    require_at_least(1, max_answers=max_answers)
    for_selection = 2 * max_answers * sensitivity / (8 / 9 * epsilon)
    for_answers = 2 * max_answers * sensitivity / (2 / 9 * epsilon)
    return NumericSparseScales(for_selection, 2 * for_selection, for_answers)


def paper_scales(*, epsilon: float, gamma: float, count: int) -> NumericSparseScales:
    """The scales of the paper for one epoch of one participant, made for the sensitivity 2*gamma.

    Guarantee: epsilon covers all ``count`` uploads of the epoch together, and is more than they
    cost; ``numeric_sparse_events`` has the true cost. The threshold is meant to be redrawn.
    Source: Shokri & Shmatikov 2015, sigma(x) = 2 c Delta f / x with Delta f = 2 gamma.
    """
    require_positive(gamma=gamma)
    return numeric_sparse_scales(epsilon=epsilon, sensitivity=2 * gamma, max_answers=count)


def optimal_scales(
    *,
    epsilon: float,
    gamma: float,
    count: int,
    relation: Relation,
    unit: Unit = "participant",
    release_share: float = 0.5,
) -> NumericSparseScales:
    """The scales with the least noise on "query minus threshold" for a threshold that is kept.

    Guarantee: ``numeric_sparse`` with them, bounded first and the threshold not redrawn, costs
    epsilon, of which the share ``release_share`` pays for the values.

    With m*c in place of c for queries that move both ways (m = 2) or one way (m = 1), the variance
    ``1/e1^2 + (m c)^2/e2^2`` at a fixed ``e1 + e2`` is least at ``e1 : e2 = 1 : (m c)^(2/3)``. That
    is best for a plain sum of epsilons. Where delta > 0 and ``count`` is in the hundreds, a redrawn
    threshold needs less noise, because its rounds compose as mechanisms of their own.

    Args:
      epsilon: for one call, > 0.
      gamma: the bound on one value, > 0.
      count: the most values that may pass, >= 1.
      relation: how neighbours differ.
      unit: whose data differ.
      release_share: in (0, 1); 1 would leave nothing for the selection.
    Source: Lyu, Su & Li 2017, Section 4.2.
    """
    require_positive(epsilon=epsilon, gamma=gamma, left_for_selection=1 - release_share)
    require_fraction(release_share=release_share)
    require_at_least(1, count=count)
    num_moves = count * (1 if is_monotonic(unit, relation) else 2)
    for_selection, for_values = epsilon * (1 - release_share), epsilon * release_share
    weight = num_moves ** (2 / 3)
    release = laplace_release_event(count, scale_in_gamma=1.0, unit=unit, relation=relation)
    return NumericSparseScales(
        threshold=gamma * (1 + weight) / for_selection,
        query=gamma * num_moves * (1 + weight) / (weight * for_selection),
        release=gamma * count / (release.scale * for_values),  # release.scale: gamma / sensitivity
    )


def numeric_sparse(
    values: Tensor,
    *,
    gamma: float,
    tau: float,
    scales: NumericSparseScales,
    count: int,
    is_redrawn: bool,
    bits: RandomBits,
    form: Form = "bounded_first",
) -> tuple[Tensor, Tensor]:
    """Selects by sparse vector and releases the chosen values with fresh noise.

    Guarantee: what ``numeric_sparse_events`` says for the same ``form``: a true cost for
    "bounded_first"; none for "as_printed", where a large value shows through any noise. The noisy
    value of the test is never what leaves.

    Args:
      values: shape ``(d,)``, finite.
      gamma: the bound on one value, in the units of ``values``, > 0.
      tau: the threshold on the magnitude, >= 0, fixed without looking at the data.
      scales: as one of the functions above gives them.
      count: the most values that may leave, >= 1.
      is_redrawn: whether the threshold gets fresh noise after each value that passed.
      bits: the source of noise and order; it is advanced.
      form: "bounded_first" releases bound(v) + noise; "as_printed" releases bound(v + noise).
    Returns:
      Ascending positions ``(k,)`` and their noisy values ``(k,)`` in the dtype of ``values``.
    Source: Shokri & Shmatikov 2015; Dwork & Roth 2014, Algorithm 3.
    """
    positions = select_by_sparse_vector(
        values,
        gamma=gamma,
        tau=tau,
        threshold_scale=scales.threshold,
        query_scale=scales.query,
        count=count,
        is_redrawn=is_redrawn,
        bits=bits,
    )
    chosen = values.detach().cpu()[positions]
    if form == "as_printed":
        noise = laplace(chosen.shape, scale=scales.release, bits=bits)
        return positions, (chosen.double() + noise).clamp(-gamma, gamma).to(chosen)
    in_gamma = scales.release / gamma
    return positions, release_with_laplace(chosen, gamma=gamma, scale_in_gamma=in_gamma, bits=bits)


def numeric_sparse_events(
    *,
    scales: NumericSparseScales,
    gamma: float,
    count: int,
    is_redrawn: bool,
    relation: Relation,
    unit: Unit = "participant",
    form: Form = "bounded_first",
    num_queries: int | None = None,
    num_passed: int | None = None,
) -> list[Event]:
    """What one call of ``numeric_sparse`` costs; for ``num_passed`` see ``sparse_vector_event``."""
    selection = sparse_vector_event(
        count,
        threshold_scale_in_gamma=scales.threshold / gamma,
        query_scale_in_gamma=scales.query / gamma,
        is_redrawn=is_redrawn,
        unit=unit,
        relation=relation,
        num_queries=num_queries,
        num_passed=num_passed,
    )
    num_released = count if num_passed is None else num_passed
    if num_released == 0:
        return [selection]
    if form == "as_printed":
        return [selection, PlainValues(num_released)]
    in_gamma = scales.release / gamma
    return [
        selection,
        laplace_release_event(num_released, scale_in_gamma=in_gamma, unit=unit, relation=relation),
    ]
