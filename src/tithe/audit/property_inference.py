"""Property inference: do a participant's records have something in common that nobody asked for?

An observer with records of its own, some with the property and some without, plays the turn on
both kinds, learns to tell their uploads apart, and asks the same of the uploads that it sees.

Source: Melis, Song, De Cristofaro & Shmatikov 2019, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from tithe.audit.scores import Floats, Integers, Scores
from tithe.audit.separation import Separation, measure_separation
from tithe.checks import require_at_least
from tithe.learning.flat import layers_of
from tithe.sharing.update import SparseUpdate

Rehearse = Callable[[bool, int], SparseUpdate]
"""One turn on the observer's records, with the property or without, with this seed."""

Features = Callable[[SparseUpdate], Floats]
"""What an observer reads off an update, ``(k,)``, the same k for all updates of one size."""

_GROUPS = 128  # of a vector, or of one of its layers


@dataclass(frozen=True, eq=False)
class PropertyObserver:
    """An observer that has learnt what uploads with the property look like."""

    ask: Callable[[Floats], Floats]
    read: Features

    def belief(self, uploads: Sequence[SparseUpdate]) -> float:
        """Its belief that the property holds, the mean over uploads, in [0, 1]."""
        return float(self.ask(np.stack([self.read(update) for update in uploads])).mean())


def train_observer(
    rehearse: Rehearse, *, num_rehearsals: int, seed: int, read: Features | None = None
) -> PropertyObserver:
    """Plays turns of both kinds and learns to tell them by a random forest.

    Args:
      rehearse: see ``Rehearse``.
      num_rehearsals: of each kind, >= 2.
      seed: of rehearsals and forest.
      read: what it looks at, such as ``features_by_unit`` gives; None: ``features_of``.
    """
    from sklearn.ensemble import RandomForestClassifier

    require_at_least(2, num_rehearsals=num_rehearsals)
    read = read or features_of
    kinds = [True, False] * num_rehearsals
    rows = np.stack([read(rehearse(kind, seed + number)) for number, kind in enumerate(kinds)])
    forest = RandomForestClassifier(n_estimators=100, random_state=seed % 2**32, n_jobs=1)
    forest.fit(rows, np.array(kinds))
    return PropertyObserver(lambda asked: np.asarray(forest.predict_proba(asked)[:, 1]), read)


def try_observer(
    observer: PropertyObserver, rehearse: Rehearse, *, num_tests: int, num_turns: int, seed: int
) -> Separation:
    """How well it tells participants with the property from those without.

    Args:
      observer: trained on other records than these participants'.
      rehearse: turns of such participants.
      num_tests: participants of each kind, >= 2.
      num_turns: uploads of each that are seen, >= 1.
      seed: not that of the training.
    """
    require_at_least(2, num_tests=num_tests)
    require_at_least(1, num_turns=num_turns)

    def beliefs(start: int, *, kind: bool) -> Floats:
        firsts = range(start, start + num_tests * num_turns, num_turns)
        return np.array(
            [
                observer.belief([rehearse(kind, first + turn) for turn in range(num_turns)])
                for first in firsts
            ]
        )

    return measure_separation(
        Scores(beliefs(seed, kind=True), beliefs(seed + num_tests * num_turns, kind=False))
    )


def features_of(update: SparseUpdate) -> Floats:
    """Sums, magnitudes and counts of what was sent, over 128 stretches of the vector."""
    group = (update.indices.numpy() * _GROUPS) // max(1, update.size)
    return _by_group(update, group, num_groups=_GROUPS)


def features_by_unit(module: nn.Module) -> Features:
    """The same over each layer's output units, at most 128 groups of them a layer.

    A unit of the last layer is a class, and its bias tells how often the class came.

    Args:
      module: whose parameters the updates are of.
    """
    groups, num_groups = [], 0
    for layer in layers_of(module):
        units = layer.shape[0] if layer.shape else 1
        per_unit = (layer.stop - layer.start) // max(1, units)
        unit = np.arange(layer.stop - layer.start) // max(1, per_unit)
        some = min(units, _GROUPS)
        groups.append(num_groups + unit * some // max(1, units))
        num_groups += some
    group_of = np.concatenate(groups)  # (d,)
    return lambda update: _by_group(update, group_of[update.indices.numpy()], num_groups=num_groups)


def _by_group(update: SparseUpdate, group: Integers, *, num_groups: int) -> Floats:
    """Sums, magnitudes and counts, ``(3 num_groups,)``; ``group`` is of each entry, ``(k,)``."""
    values = update.values.double().numpy()
    columns = [
        np.bincount(group, weights=weights, minlength=num_groups)
        for weights in (values, np.abs(values), np.ones(len(values)))
    ]
    return np.concatenate(columns)
