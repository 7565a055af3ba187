"""Scores: one number a record, of records that took part and of records that did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tithe.checks import BadInput

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scores:
    """The higher a score, the more the attack believes that the record took part.

    Attributes:
      members: of records that took part, shape ``(m1,)``, float64, m1 > 0.
      non_members: of records that did not, shape ``(m0,)``, float64, m0 > 0.
    Raises:
      BadInput: another shape, no score at all, or one that is NaN. An infinite one is allowed: an
        attack may be certain.
    """

    members: Floats
    non_members: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", one_column(members=self.members))
        object.__setattr__(self, "non_members", one_column(non_members=self.non_members))

    @classmethod
    def split(cls, scores: ArrayLike, *, took_part: ArrayLike) -> Scores:
        """From one array of scores and one of truths, both of shape ``(n,)``.

        Raises:
          BadInput: the two differ in length, or all records are on one side.
        """
        values = one_column(scores=scores)
        truths = np.asarray(took_part, dtype=np.bool_)
        if truths.shape != values.shape:
            raise BadInput(
                f"took_part must have one truth a score, got shape {truths.shape} for "
                f"{len(values)} scores"
            )
        return cls(values[truths], values[~truths])

    def both(self) -> tuple[Floats, Truths]:
        """All scores, members first, and who took part, shape ``(m1 + m0,)`` each."""
        took_part = np.arange(len(self.members) + len(self.non_members)) < len(self.members)
        return np.concatenate([self.members, self.non_members]), took_part


def one_column(**named: ArrayLike) -> Floats:
    """The one named array as float64 of shape ``(n,)``, n > 0 and without NaN.

    Raises:
      BadInput: it is not that; it tells how many values are wrong, never which.
    """
    ((name, given),) = named.items()
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1:
        raise BadInput(f"{name} must have shape (n,), got {values.shape}")
    if not len(values):
        raise BadInput(f"{name} must have at least one score, got none")
    num_bad = int(np.isnan(values).sum())
    if num_bad:
        raise BadInput(
            f"{name} must be numbers, got NaN in {num_bad} of {len(values)}; "
            "drop those records or mend the model that scored them"
        )
    return values
