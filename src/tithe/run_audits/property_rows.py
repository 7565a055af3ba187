"""Participants made of rows at hand, that have a property or have not.

The property is that more than a given share of a participant's rows are of one class. An observer
learns from one half of the public rows. It is tried on participants made of the other half and of
the audited participant's own rows, of which it has seen none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tithe.audit.scores import Integers, Truths
from tithe.checks import BadInput
from tithe.run_audits.class_names import class_named
from tithe.run_audits.pool import held_rows
from tithe.run_audits.upload_source import UploadSource

_FEWEST = 5  # rows of the class, and of others, on a side; made of fewer all would be alike
_FEWEST_OWN = 20


@dataclass(frozen=True, eq=False)
class MarkedRows:
    """Rows to make participants of, and which of them are of the class.

    Attributes:
      features: shape ``(m, ...)``; labels: ``(m,)``; marks: ``(m,)``, whether of the class.
    """

    features: Tensor
    labels: Tensor
    marks: Truths

    def draw(
        self, num_marked: int, num_other: int, *, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """So many of each, in any order; rows repeat only where there are too few."""
        of_class, other = np.flatnonzero(self.marks), np.flatnonzero(~self.marks)
        rows = np.concatenate([_some(of_class, num_marked, rng), _some(other, num_other, rng)])
        chosen = torch.from_numpy(rng.permutation(rows))
        return self.features[chosen], self.labels[chosen]

    def enough_for(self, num_marked: int, num_other: int) -> bool:
        """Whether no row has to repeat."""
        return int(self.marks.sum()) >= num_marked and int((~self.marks).sum()) >= num_other


@dataclass(frozen=True)
class Wanted:
    """A made-up participant: how many of its rows are of the class, and the seed of the rest."""

    num_marked: int
    seed: int


@dataclass(frozen=True, eq=False)
class PropertyRows:
    """Both sides' rows, and the property.

    Attributes:
      class_name: of the class; boundary: the share that has to be exceeded, in (0, 1).
      num_rows: of the audited participant and of everyone made up; num_marked: its own of the
        class.
      known: the observer's rows.
      tried: what participants are made of that it is tried on.
    """

    class_name: str
    boundary: float
    num_rows: int
    num_marked: int
    known: MarkedRows
    tried: MarkedRows

    @property
    def own_share(self) -> float:
        """Of the class among the audited participant's rows: the truth."""
        return self.num_marked / self.num_rows

    @property
    def holds(self) -> bool:
        """Whether the audited participant has the property."""
        return self.own_share > self.boundary

    def counts(self, *, kind: bool) -> tuple[int, int]:
        """The fewest and the most rows of the class with the property, or without it."""
        last_below = int(self.boundary * self.num_rows + 1e-9)
        if not kind:
            return 0, last_below
        most = min(2 * self.boundary, (1 + self.boundary) / 2) * self.num_rows
        return last_below + 1, max(last_below + 1, int(most + 1e-9))

    def wanted(self, *, kind: bool, seed: int) -> Wanted:
        """A participant with the property or without, every share of its kind alike likely."""
        fewest, most = self.counts(kind=kind)
        return Wanted(int(np.random.default_rng(seed).integers(fewest, most + 1)), seed)

    def made(self, wanted: Wanted, *, of: MarkedRows) -> tuple[Tensor, Tensor]:
        """Its rows and labels, the same for the same wish."""
        rng = np.random.default_rng([wanted.seed, wanted.num_marked])
        return of.draw(wanted.num_marked, self.num_rows - wanted.num_marked, rng=rng)

    def repeats(self) -> bool:
        """Whether rows of the class or others have to be taken twice to make participants."""
        most = self.counts(kind=True)[1]
        return not all(each.enough_for(most, self.num_rows) for each in (self.known, self.tried))


def property_rows(
    source: UploadSource, *, wanted: str | None, boundary: float | None, seed: int
) -> PropertyRows:
    """Deals public rows and the participant's own to the two sides.

    Args:
      source: of the uploads.
      wanted: the class's name; None: the rarest among the public rows, so that the choice tells
        nothing of the participant's.
      boundary: the share; None: that of the public rows.
      seed: of the halves.
    Raises:
      BadInput: no such class, a share that is none, or too few rows to make participants of.
    """
    features, labels = held_rows(source.participant.shard).tensors()
    public = source.public_labels
    counts = torch.bincount(public, minlength=len(source.class_names))
    there = [label for label in range(len(counts)) if counts[label]]
    label = (
        class_named(wanted, source.class_names)
        if wanted is not None
        else min(there, key=lambda each: int(counts[each]), default=0)
    )
    name = source.class_names[label]
    _require_enough(name, len(labels), int(counts[label]), len(public))
    share = int(counts[label]) / len(public) if boundary is None else boundary
    if not 0 < share < 1:
        raise BadInput(
            f"--share must be in (0, 1), the part of the rows that class {name} has to exceed, "
            f"got {share:g}"
        )
    known, other = _halves(public == label, seed=seed)
    tried_features = torch.cat([features, source.public_features[other]])
    tried_labels = torch.cat([labels, public[other]])
    return PropertyRows(
        class_name=name,
        boundary=share,
        num_rows=len(labels),
        num_marked=int((labels == label).sum()),
        known=MarkedRows(
            source.public_features[known], public[known], (public[known] == label).numpy()
        ),
        tried=MarkedRows(tried_features, tried_labels, (tried_labels == label).numpy()),
    )


def _require_enough(name: str, num_own: int, num_of_class: int, num_public: int) -> None:
    """Refuses where participants could not be made, or all of them would be of the same rows."""
    if num_own < _FEWEST_OWN:
        raise BadInput(
            f"a participant must have at least {_FEWEST_OWN} rows for a share of them to mean "
            f"anything, got {num_own}"
        )
    if min(num_of_class, num_public - num_of_class) < 2 * _FEWEST:
        raise BadInput(
            f"the public rows must have at least {2 * _FEWEST} of class {name} and as many others, "
            f"half of them for the observer, got {num_of_class} and {num_public - num_of_class}; "
            "take another with --class or a plan with more of them (data.test_rows)"
        )


def _halves(marks: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """Two halves of the rows that have the class alike often, each ascending."""
    rng = np.random.default_rng(seed)
    first: list[Integers] = []
    second: list[Integers] = []
    for part in (marks, ~marks):
        rows = rng.permutation(np.flatnonzero(part.numpy()))
        first.append(rows[: len(rows) // 2])
        second.append(rows[len(rows) // 2 :])
    one, other = (np.sort(np.concatenate(each)) for each in (first, second))
    return torch.from_numpy(one), torch.from_numpy(other)


def _some(rows: Integers, num: int, rng: np.random.Generator) -> Integers:
    """So many of them, each once as long as they last."""
    if num <= len(rows):
        return rng.permutation(rows)[:num]
    return np.concatenate([rows, rng.choice(rows, num - len(rows))])
