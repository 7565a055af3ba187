"""The population attack: a record is taken for a member if few of its class look as trained.

It needs records that nobody trained on and no further model.

Source: Ye, Maddi, Murakonda, Bindschaedler & Shokri 2022, attack P.
"""

from __future__ import annotations

import numpy as np

from tithe.audit.scores import Floats, Integers
from tithe.checks import BadInput


def population_scores(
    signals: Floats, labels: Integers, population: Floats, population_labels: Integers
) -> Floats:
    """The share of the population's records of the same class with a lower signal, ``(n,)``.

    Args:
      signals: of n records, the higher the more like a member, shape ``(n,)``.
      labels: their classes, shape ``(n,)``.
      population: signals of records that nobody trained on, shape ``(z,)``.
      population_labels: their classes, shape ``(z,)``.
    Raises:
      BadInput: shapes that do not fit, or a class that the population lacks.
    """
    if signals.shape != labels.shape or population.shape != population_labels.shape:
        raise BadInput(
            "signals and labels must have one shape on either side, got "
            f"{signals.shape}, {labels.shape} and {population.shape}, {population_labels.shape}"
        )
    missing = np.setdiff1d(labels, population_labels)
    if len(missing):
        raise BadInput(
            f"the population must hold records of every class, got none of {len(missing)} of them"
        )
    scores = np.empty(len(signals))
    for label in np.unique(labels):
        theirs = np.sort(population[population_labels == label])
        mine = labels == label
        below = np.searchsorted(theirs, signals[mine], side="left")
        at_most = np.searchsorted(theirs, signals[mine], side="right")
        scores[mine] = (below + at_most) / 2 / len(theirs)
    return scores
