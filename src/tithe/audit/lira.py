"""LiRA: is a record's signal more like that of models that saw it or of models that did not?

Shadow models give each record's own normal laws, with and without it. With few of them a record's
own variance is hopeless, and one variance for all ignores that records differ; a shrunk one, in
between, is best from four models on.

Source: Carlini, Chien, Nasr, Song, Terzis & Tramer 2022, Membership inference attacks from first
principles. The shrunk variance and its Student tail follow from a normal-inverse-gamma prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm, t

from tithe.audit.scores import Floats, Truths
from tithe.checks import BadInput

Variance = Literal["per_record", "pooled", "shrunk"]
Tail = Literal["one_sided", "two_sided"]

_PRIOR_MODELS = 4.0  # how many models the pooled variance counts for
_ENOUGH = 64  # models from which on a record's own variance is good enough
_SMALLEST = 1e-12


def lira_online(
    target: Floats, shadows: Floats, is_in: Truths, *, variance: Variance | None = None
) -> Floats:
    """The log ratio of the two normal laws at the target's signal, shape ``(n,)``.

    Args:
      target: the audited model's log-odds of n records, shape ``(n,)``.
      shadows: those of k shadow models, shape ``(k, n)``.
      is_in: whether each shadow model saw each record, shape ``(k, n)``.
      variance: None takes ``"per_record"`` from 64 models on, else ``"shrunk"``.
    Raises:
      BadInput: shapes differ, or a record was in all shadow models or in none.
    """
    _require_fitting(target, shadows, is_in, needs_in=True)
    kind = variance or _default(len(shadows), few="shrunk")
    inside, outside = _law(shadows, is_in, kind), _law(shadows, ~is_in, kind)
    ratio = norm.logpdf(target, inside.mean, inside.spread) - norm.logpdf(
        target, outside.mean, outside.spread
    )
    return np.asarray(ratio, dtype=np.float64)


def lira_offline(
    target: Floats,
    shadows: Floats,
    is_in: Truths,
    *,
    variance: Variance | None = None,
    tail: Tail = "one_sided",
) -> Floats:
    """How far above the models that never saw the record the target's signal lies, ``(n,)``.

    Args:
      target: as in ``lira_online``.
      shadows: likewise; only those that did not see a record count for it.
      is_in: likewise; may be all False.
      variance: None takes ``"per_record"`` from 64 models on, else ``"pooled"``.
      tail: ``"one_sided"`` is the log of the chance that such a model is less sure of the record.
        ``"two_sided"``, the density of widely copied code, also takes a record for a member if the
        target is *less* sure of it than others, and loses much of the power; it is here to be
        compared.
    Raises:
      BadInput: shapes differ, or a record was in all shadow models.
    """
    _require_fitting(target, shadows, is_in, needs_in=False)
    law = _law(shadows, ~is_in, variance or _default(len(shadows), few="pooled"))
    deviation = (target - law.mean) / law.wide
    if tail == "two_sided":
        return np.asarray(-norm.logpdf(target, law.mean, law.spread), dtype=np.float64)
    if law.degrees is None:
        return np.asarray(norm.logcdf(deviation), dtype=np.float64)
    # Far out a Student tail rounds to 1; its upper side keeps the order.
    return np.asarray(-np.log(np.maximum(t.sf(deviation, law.degrees), 1e-300)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Law:
    """Of each record's signal: mean, spread, spread of one more draw, and degrees of freedom."""

    mean: Floats
    spread: Floats
    wide: Floats
    degrees: Floats | None


def _law(shadows: Floats, counts: Truths, variance: Variance) -> _Law:
    num = counts.sum(axis=0)
    mean = np.where(counts, shadows, 0.0).sum(axis=0) / num
    squares = (np.where(counts, shadows - mean, 0.0) ** 2).sum(axis=0)
    # Around each record's own mean; around one mean for all it would hold the spread of records.
    pooled = squares.sum() / max(1, (num - 1).sum()) if (num > 1).any() else shadows.var()
    own = squares / np.maximum(1, num - 1)
    if variance == "pooled":
        spread = np.sqrt(np.full(len(num), max(pooled, _SMALLEST)))
        return _Law(mean, spread, spread, None)
    if variance == "per_record":
        spread = np.sqrt(np.maximum(np.where(num > 1, own, pooled), _SMALLEST))
        return _Law(mean, spread, spread, None)
    degrees = _PRIOR_MODELS + num - 1
    shrunk = (_PRIOR_MODELS * pooled + (num - 1) * own) / degrees
    spread = np.sqrt(np.maximum(shrunk, _SMALLEST))
    return _Law(mean, spread, spread * np.sqrt(1 + 1 / num), degrees.astype(np.float64))


def _default(num_models: int, *, few: Variance) -> Variance:
    return "per_record" if num_models >= _ENOUGH else few


def _require_fitting(target: Floats, shadows: Floats, is_in: Truths, *, needs_in: bool) -> None:
    if shadows.ndim != 2 or shadows.shape != is_in.shape or target.shape != shadows.shape[1:]:
        raise BadInput(
            "target, shadows and is_in must have shapes (n,), (k, n) and (k, n), got "
            f"{target.shape}, {shadows.shape} and {is_in.shape}"
        )
    num_in = is_in.sum(axis=0)
    num_all = int((num_in == len(is_in)).sum())
    if num_all:
        raise BadInput(
            f"every record must be outside at least one shadow model, got {num_all} that are in "
            "all of them; train one more without them"
        )
    num_none = int((num_in == 0).sum())
    if needs_in and num_none:
        raise BadInput(
            f"online LiRA needs every record inside at least one shadow model, got {num_none} that "
            "are in none; use lira_offline or train more"
        )
