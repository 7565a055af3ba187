"""The auditor of mechanisms: how much privacy a mechanism has lost for certain, told from its runs.

It runs a mechanism on two neighbouring inputs and looks for an event that is likely under one and
unlikely under the other. If ``P[event | one] = p`` and ``P[event | other] = q``, a mechanism that
is ``(epsilon, delta)``-DP has ``p <= exp(epsilon) q + delta``, so its epsilon is at least
``log((p - delta) / q)``. The event is chosen on one half of the runs and p and q are bounded on
the other half, so however clever or lucky the choice was, the bound holds.

How it chooses: outputs are cut into cells. By the lemma of Neyman and Pearson the best event of
each size is made of the cells with the largest ratio of probabilities. One quarter of the runs
ranks the cells by that ratio, the next says after how many of them the bound is largest.

A finding above the claim proves the claim wrong. One below it proves nothing: another input or
event might have told more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Sampler = Callable[[int, np.random.Generator], NDArray[np.float64]]

FALSE_ALARM = 1e-6
MAX_BINS = 32  # a column with more values than this is cut into so many bins of equal weight


@dataclass(frozen=True)
class Finding:
    """What an audit found; ``is_rejected`` is wrong with probability at most the false alarm."""

    lower_bound: float
    epsilon: float
    delta: float
    num_telling: int  # how many of the runs on the likelier input were in the event

    @property
    def is_rejected(self) -> bool:
        """Whether the mechanism is proven not to be (epsilon, delta)-DP."""
        return self.lower_bound > self.epsilon


def audit(
    one: Sampler,
    other: Sampler,
    *,
    epsilon: float,
    delta: float = 0.0,
    num_runs: int = 100_000,
    seed: int = 20170801,
    false_alarm: float = FALSE_ALARM,
) -> Finding:
    """Bounds from below the epsilon of a mechanism that was run on two neighbouring inputs.

    Args:
      one: draws ``n`` independent outputs on the first input, shape ``(n,)`` or ``(n, k)``; what a
        row holds may be any function of an output, since such a function is post-processing.
      other: the same on the second input.
      epsilon: what the mechanism claims, with ``delta``.
      num_runs: outputs of each sampler; one half chooses the event and one judges it.
      seed: of all draws.
      false_alarm: the probability of a bound above the truth.
    Source: the bounds are Clopper & Pearson 1934, one-sided, at half the false alarm each.
    """
    rng = np.random.default_rng(seed)
    outputs = [np.asarray(sampler(num_runs, rng), dtype=np.float64) for sampler in (one, other)]
    columns = [output.reshape(num_runs, -1) for output in outputs]
    quarter, half = num_runs // 4, num_runs // 2
    cuts = cut_points(np.concatenate([column[:half] for column in columns]))
    names, cell = np.unique(in_cells(np.concatenate(columns), cuts), return_inverse=True)
    cells = cell.reshape(2, num_runs)

    def seen(start: int, stop: int) -> list[NDArray[np.int64]]:
        return [np.bincount(side, minlength=len(names)) for side in cells[:, start:stop]]

    rank, cut, judge = seen(0, quarter), seen(quarter, half), seen(half, num_runs)
    level = {"delta": delta, "false_alarm": false_alarm}
    choices = []
    for likely, unlikely in ((0, 1), (1, 0)):
        by_ratio = np.argsort(-(rank[likely] + 0.5) / (rank[unlikely] + 0.5), kind="stable")
        events = [cut[side][by_ratio].cumsum() for side in (likely, unlikely)]
        bounds = loss_lower_bound(*events, num_runs=half - quarter, **level)
        best = int(bounds.argmax())
        choices.append((float(bounds[best]), likely, unlikely, by_ratio[: best + 1]))
    _, likely, unlikely, event = max(choices, key=lambda choice: choice[0])
    found = [judge[side][event].sum(keepdims=True) for side in (likely, unlikely)]
    bound = loss_lower_bound(*found, num_runs=num_runs - half, **level)
    return Finding(max(0.0, float(bound[0])), epsilon, delta, int(found[0][0]))


def loss_lower_bound(
    likely: NDArray[np.int64],
    unlikely: NDArray[np.int64],
    *,
    num_runs: int,
    delta: float,
    false_alarm: float,
) -> NDArray[np.float64]:
    """Lower bounds on ``log((p - delta) / q)`` from how often each event was seen in num_runs."""
    level = false_alarm / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(likely > 0, beta.ppf(level, likely, num_runs - likely + 1), 0.0)
        q = np.where(
            unlikely < num_runs, beta.ppf(1 - level, unlikely + 1, num_runs - unlikely), 1.0
        )
        return np.where(p > delta, np.log(np.maximum(p - delta, 0.0) / q), -np.inf)


def cut_points(columns: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each column of ``(n, k)`` the values between its bins, finer towards both ends."""
    depths = np.concatenate([np.linspace(0, 1, MAX_BINS - 9)[1:-1], [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]])
    levels = np.unique(np.concatenate([depths, 1 - depths[-5:]]))
    cuts = []
    for column in columns.T:
        values = np.unique(column)
        is_short = len(values) <= MAX_BINS
        cuts.append(values[1:] if is_short else np.unique(np.quantile(column, levels)))
    return cuts


def in_cells(columns: NDArray[np.float64], cuts: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """A name for the cell that each row of ``(n, k)`` lies in, shape ``(n,)``."""
    assert np.log2([len(cut) + 1.0 for cut in cuts]).sum() < 63, "too many columns for one name"
    cell = np.zeros(len(columns), dtype=np.int64)
    for column, cut in zip(columns.T, cuts, strict=True):
        cell = cell * (len(cut) + 1) + np.searchsorted(cut, column, side="right")
    return cell
