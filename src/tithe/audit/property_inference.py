"""Property inference: do a participant's records have something in common that nobody asked for?

An observer with records of its own, some with the property and some without, plays the turn on
both kinds, learns to tell their uploads apart, and asks the same of the uploads that it sees.

Source: Melis, Song, De Cristofaro & Shmatikov 2019, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tithe.audit.scores import Floats, Scores
from tithe.audit.separation import Separation, measure_separation
from tithe.checks import require_at_least
from tithe.sharing.update import SparseUpdate

Rehearse = Callable[[bool, int], SparseUpdate]
"""One turn on the observer's records, with the property or without, with this seed."""

_GROUPS = 128


@dataclass(frozen=True, eq=False)
class PropertyObserver:
    """An observer that has learnt what uploads with the property look like."""

    ask: Callable[[Floats], Floats]

    def belief(self, uploads: Sequence[SparseUpdate]) -> float:
        """Its belief that the property holds, the mean over uploads, in [0, 1]."""
        return float(self.ask(np.stack([features_of(update) for update in uploads])).mean())


def train_observer(rehearse: Rehearse, *, num_rehearsals: int, seed: int) -> PropertyObserver:
    """Plays turns of both kinds and learns to tell them by a random forest.

    Args:
      rehearse: see ``Rehearse``.
      num_rehearsals: of each kind, >= 2.
      seed: of rehearsals and forest.
    """
    from sklearn.ensemble import RandomForestClassifier

    require_at_least(2, num_rehearsals=num_rehearsals)
    kinds = [True, False] * num_rehearsals
    rows = np.stack(
        [features_of(rehearse(kind, seed + number)) for number, kind in enumerate(kinds)]
    )
    forest = RandomForestClassifier(n_estimators=100, random_state=seed % 2**32, n_jobs=1)
    forest.fit(rows, np.array(kinds))
    return PropertyObserver(lambda asked: np.asarray(forest.predict_proba(asked)[:, 1]))


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
    values = update.values.double().numpy()
    columns = [
        np.bincount(group, weights=weights, minlength=_GROUPS)
        for weights in (values, np.abs(values), np.ones(len(values)))
    ]
    return np.concatenate(columns)
