"""RMIA: does the model raise this record above the population more than a reference model does?

It works from one reference model on, where LiRA has no variance to speak of.

Source: Zarifzadeh, Liu & Shokri 2024, Low-cost high-power membership inference attacks.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from tithe.audit.scores import Floats, Truths
from tithe.checks import BadInput, require_positive

OFFLINE_SLOPE = 0.3
"""How much of p(x) the models that never saw x are trusted with; tuned best on a reference."""


def rmia(
    target: Floats,
    references: Floats,
    population_target: Floats,
    population_references: Floats,
    *,
    is_in: Truths | None = None,
    is_online: bool = True,
    gamma: float = 1.0,
    slope: float = OFFLINE_SLOPE,
) -> Floats:
    """The share of the population that each record dominates, shape ``(n,)``.

    A score has as many different values as the population has records, so a false-positive rate
    needs a population of about ten times its inverse.

    Args:
      target: the audited model's log-odds of n records, shape ``(n,)``.
      references: those of k reference models, shape ``(k, n)``, k >= 1.
      population_target: the audited model's log-odds of z records that nobody trained on, ``(z,)``.
      population_references: those of the reference models, shape ``(k, z)``.
      is_in: whether each reference model saw each record, shape ``(k, n)``; None: none did.
      is_online: p(x) is the plain mean over models about half of which saw x. Otherwise only those
        that did not are asked, and what the others would say is guessed with ``slope``.
      gamma: how often as large the record's ratio must be, > 0.
      slope: in [0, 1], offline only.
    Raises:
      BadInput: shapes differ, or a value is out of its range.
    """
    require_positive(gamma=gamma)
    if references.ndim != 2 or target.shape != references.shape[1:]:
        raise BadInput(
            f"target and references must have shapes (n,) and (k, n), got {target.shape} and "
            f"{references.shape}"
        )
    if population_references.shape != (len(references), len(population_target)):
        raise BadInput(
            "population_references must have shape "
            f"({len(references)}, {len(population_target)}), got {population_references.shape}"
        )
    if not 0 <= slope <= 1:
        raise BadInput(f"slope must be in [0, 1], got {slope}")
    asked = np.zeros(references.shape, dtype=np.bool_) if is_in is None else is_in
    if asked.shape != references.shape or asked.all(axis=0).any():
        raise BadInput(
            f"is_in must have shape {references.shape} and leave every record out of at least one "
            "reference model; train one more without it"
        )
    p = expit(references)
    if is_online and is_in is not None:
        usual = p.mean(axis=0)
    else:
        without = np.where(asked, 0.0, p).sum(axis=0) / (~asked).sum(axis=0)
        usual = ((1 + slope) * without + 1 - slope) / 2
    ratio = _log_probability(target) - np.log(np.maximum(usual, 1e-300))
    among = expit(population_references).mean(axis=0)
    theirs = _log_probability(population_target) - np.log(np.maximum(among, 1e-300))
    dominated = np.searchsorted(np.sort(theirs), ratio - np.log(gamma), side="right")
    return np.asarray(dominated / len(theirs), dtype=np.float64)


def _log_probability(log_odds: Floats) -> Floats:
    return -np.logaddexp(0.0, -log_odds)
