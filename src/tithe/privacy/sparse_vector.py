"""The sparse vector technique: which values pass a noisy threshold, told without showing them.

Values are visited in random order. Each one's bounded magnitude, plus noise, is compared with the
threshold plus noise; the scan halts after ``count`` that passed. What was below the threshold costs
nothing, however much there was of it.

Why it is private, for one round with threshold noise of scale b1 and query noise of scale b2, and
magnitudes that neighbours move by at most gamma: fix the noise of all that stayed below. A
threshold higher by gamma keeps each of them below for the neighbour too, which costs gamma/b1 in
all; the one that passed then needs noise higher by at most 2 gamma, which costs 2 gamma/b2. If all
magnitudes move the same way, either the threshold may stay or the move of the query itself meets
it halfway, so that gamma/b2 is enough. A kept threshold pays its share once, a redrawn one in every
round.

Source: Dwork & Roth 2014, Algorithms 1 and 2; Lyu, Su & Li 2017, Algorithm 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.checks import require_at_least, require_finite, require_positive
from tithe.privacy.events import Relation, SparseVectorSelection, Unit
from tithe.privacy.noise import laplace
from tithe.randomness import RandomBits

_AT_ONCE = 1 << 16  # queries whose noise is drawn together
_ROOM = 2.0**-39  # of gamma and both scales: above the grids of the noise and all float64 rounding


def select_by_sparse_vector(
    values: Tensor,
    *,
    gamma: float,
    tau: float,
    threshold_scale: float,
    query_scale: float,
    count: int,
    is_redrawn: bool,
    bits: RandomBits,
) -> Tensor:
    """Ascending positions of at most ``count`` values whose noisy magnitude passes the threshold.

    Guarantee: what ``sparse_vector_event`` says, for neighbours whose values differ in any way: the
    magnitudes are bounded here, a little below gamma, so that grid and rounding fit under it. The
    noisy magnitudes, the order of the scan and how far it went stay in this function. Not covered:
    the time it takes, which depends on how far it went, so nobody outside may see that.

    Args:
      values: shape ``(d,)``, any real dtype, finite.
      gamma: the bound on one value, in the units of ``values``, > 0.
      tau: the threshold on the magnitude, >= 0, fixed without looking at the data.
      threshold_scale: Laplace b of the threshold's noise, in the units of ``values``.
      query_scale: Laplace b of each magnitude's noise, fresh for each.
      count: the scan halts after so many, >= 1.
      is_redrawn: whether the threshold gets fresh noise after each value that passed.
      bits: the source of noise and order; it is advanced.
    Returns:
      Shape ``(k,)``, int64, k <= count.
    Raises:
      ValueError: a parameter is out of its range, or a value is not finite.
    Source: Dwork & Roth 2014, Algorithm 2 (redrawn); Lyu, Su & Li 2017, Algorithm 1 (kept).
    """
    require_positive(gamma=gamma, threshold_scale=threshold_scale, query_scale=query_scale)
    require_at_least(0, tau=tau)
    require_at_least(1, count=count)
    require_finite(values=values)
    if values.dim() != 1:
        raise ValueError(f"values must have shape (d,), got {tuple(values.shape)}")
    size = gamma + threshold_scale + query_scale
    if _ROOM * size > gamma / 2:
        raise ValueError(
            f"the scales must be at most 2^37 times gamma = {gamma}, got {threshold_scale} and "
            f"{query_scale}: at so much noise nothing is learnt; raise epsilon or lower count"
        )
    if tau > 1000 * size:
        raise ValueError(f"tau must be at most 1000 * (gamma + both scales), got {tau}")
    thresholds = _noisy_thresholds(tau, scale=threshold_scale, is_redrawn=is_redrawn, bits=bits)
    order = _scan_order(values.numel(), bits=bits)
    is_float = values.dtype in (torch.float32, torch.float64)
    plain = (values if is_float else values.double()).detach().cpu().numpy()
    queries = _noisy_queries(plain, order, bound=gamma - _ROOM * size, scale=query_scale, bits=bits)
    passed = first_passing(queries, thresholds, count=count)
    return torch.from_numpy(np.sort(order[passed]))


def sparse_vector_event(
    count: int,
    *,
    threshold_scale_in_gamma: float,
    query_scale_in_gamma: float,
    is_redrawn: bool,
    relation: Relation,
    unit: Unit = "participant",
    num_queries: int | None = None,
    num_passed: int | None = None,
) -> SparseVectorSelection:
    """What one call of ``select_by_sparse_vector`` costs, its scales given over gamma.

    Pay what you use: if fewer than ``count`` passed and the threshold is redrawn, say how many in
    ``num_passed``. Each redraw begins a mechanism of its own with a cost known before it starts, so
    only those that were started are charged: one for each value that passed, and one more in which
    nothing did, since that too compared the data with a noisy threshold. k of c is a little too
    cheap, k + 1 is right. This needs an account in which the number of mechanisms may depend on
    earlier answers, as a plain sum and a Renyi filter allow and a total by privacy loss
    distributions does not; and that the whole ``count`` could be afforded beforehand, as a refusal
    afterwards would itself tell how many passed. A kept threshold is one mechanism and is charged
    whole.
    """
    num_charged = count
    if num_passed is not None and is_redrawn:
        num_charged = min(num_passed + 1, count)
    return SparseVectorSelection(
        threshold_scale=threshold_scale_in_gamma,
        query_scale=query_scale_in_gamma,
        count=num_charged,
        is_redrawn=is_redrawn,
        is_monotonic=is_monotonic(unit, relation),
        num_queries=num_queries,
        unit=unit,
        relation=relation,
    )


def is_monotonic(unit: Unit, relation: Relation) -> bool:
    """Whether neighbours move all magnitudes the same way: down to zero, if a whole change goes."""
    return unit == "participant" and relation != "replace"


def first_passing(
    queries: Iterable[NDArray[np.float64]], thresholds: Iterator[float], *, count: int
) -> NDArray[np.int64]:
    """The places of the first ``count`` noisy queries that reach their noisy threshold.

    Each query is held against the newest threshold; one that reaches it uses it up. Nothing is
    drawn after the scan has halted but what fills the last part.
    """
    passed: list[int] = []
    start, threshold = 0, next(thresholds)
    for part in queries:
        if part.max() >= threshold:  # else nothing here can pass, and the threshold stays
            for place, query in enumerate(part.tolist(), start):
                if query >= threshold:
                    passed.append(place)
                    if len(passed) == count:
                        return np.array(passed, dtype=np.int64)
                    threshold = next(thresholds)
        start += part.size
    return np.array(passed, dtype=np.int64)


def _noisy_thresholds(
    tau: float, *, scale: float, is_redrawn: bool, bits: RandomBits
) -> Iterator[float]:
    """The thresholds in turn: one for ever, or a fresh one each time."""
    num_drawn = 1
    while True:
        noisy = (tau + laplace((num_drawn,), scale=scale, bits=bits)).tolist()
        yield from noisy if is_redrawn else itertools.repeat(noisy[0])
        num_drawn = min(2 * num_drawn, _AT_ONCE)  # few for few uploads, many for many


def _noisy_queries(
    values: NDArray[np.floating],
    order: NDArray[np.int64],
    *,
    bound: float,
    scale: float,
    bits: RandomBits,
) -> Iterator[NDArray[np.float64]]:
    """The bounded magnitudes with fresh noise in the order of the scan, part by part."""
    for start in range(0, order.size, _AT_ONCE):
        asked = np.abs(values[order[start : start + _AT_ONCE]].astype(np.float64))
        noise = laplace(asked.shape, scale=scale, bits=bits)
        yield np.minimum(asked, bound) + noise.numpy()


def _scan_order(size: int, *, bits: RandomBits) -> NDArray[np.int64]:
    """A random order of ``size`` positions: random words, each carrying its position, sorted.

    Each word keeps 64 - log2(size) random digits; words that agree in all of them stay in ascending
    order, a few hundred pairs of 20 million. Privacy does not rest on the order.
    """
    num_digits = np.uint64(max(1, (size - 1).bit_length()))
    order = np.empty(size, dtype=np.uint64)
    for start in range(0, size, _AT_ONCE):
        some = order[start : start + _AT_ONCE]
        some[:] = (bits.words(some.size) >> num_digits) << num_digits
        some |= np.arange(start, start + some.size, dtype=np.uint64)
    order.sort()
    order &= (np.uint64(1) << num_digits) - np.uint64(1)
    return order.view(np.int64)
