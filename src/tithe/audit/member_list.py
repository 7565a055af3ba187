"""Which of some candidates stand behind an upload: decoding it as a sum of their gradients.

An upload of a short local training is, to first order, minus a weighted sum of its members'
gradients. Whoever holds the candidates' records can compute each one's gradient and solve for the
weights: members have one near the step size, others near nothing. Each weight is told times the
norm of its gradient: where the network is sure of a record, that norm is nearly nothing and the
weight alone is noise, which would put strangers among the most suspect. Aligning the upload with
each gradient by itself tells next to nothing, since gradients are alike; it is the joint solution
that tells them apart.

Two observers: one who holds all candidates (closed world), and one who holds a single candidate
and a public sample (open world). The second is weaker and nearer to most people's case, so both
figures belong side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from tithe.audit.scores import Floats, Scores, Truths
from tithe.audit.separation import auc_with_spread
from tithe.checks import BadInput, require_positive

RIDGES = (1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Those that a rehearsal chooses from."""

_COLUMNS_AT_ONCE = 2048


class Decoder:
    """The candidates' gradients on the coordinates sent, ready for any ridge.

    Args:
      gradients: at the downloaded parameters, shape ``(n, k)``, float32; it is normalised in place,
        for the memory.
    Raises:
      BadInput: not two candidates, or no coordinate.
    """

    def __init__(self, gradients: Tensor) -> None:
        if gradients.dim() != 2 or len(gradients) < 2 or not gradients.shape[1]:
            raise BadInput(
                "gradients must have shape (n, k) of two candidates or more, got "
                f"{tuple(gradients.shape)}"
            )
        self._unit = _to_unit(gradients)
        self._values, self._vectors = np.linalg.eigh(_products(self._unit, self._unit))

    def scores(self, values: Tensor, *, ridge: float) -> Floats:
        """How much of the upload each candidate explains, ``(n,)``; members have the larger ones.

        Args:
          values: what was sent on the same coordinates, shape ``(k,)``.
          ridge: > 0; chosen in a rehearsal, see ``choose_ridge``.
        """
        require_positive(ridge=ridge)
        if values.shape != self._unit.shape[1:]:
            raise BadInput(
                f"values must have shape {tuple(self._unit.shape[1:])}, got {tuple(values.shape)}"
            )
        right = -(self._unit @ values.float()).double().numpy()
        solved = self._vectors @ ((self._vectors.T @ right) / (self._values.clip(0) + ridge))
        return np.asarray(solved, dtype=np.float64)


class OpenDecoder:
    """One candidate at a time against a public sample, ready for any ridge.

    The upload is whitened by the public gradients' second moments, so that what all records share
    no longer hides what one adds.

    Args:
      candidates: their gradients on the coordinates sent, shape ``(c, k)``, float32; normalised in
        place, for the memory.
      public: those of records that took no part, shape ``(z, k)``, likewise.
    Raises:
      BadInput: the two are not of the same coordinates.
    """

    def __init__(self, candidates: Tensor, public: Tensor) -> None:
        if candidates.shape[1:] != public.shape[1:]:
            raise BadInput(
                "gradients must be of the same coordinates, got "
                f"{candidates.shape[1]} and {public.shape[1]}"
            )
        self._unit, self._theirs = _to_unit(candidates), _to_unit(public)
        self._values, self._vectors = np.linalg.eigh(_products(self._theirs, self._theirs))
        self._cross = _products(self._theirs, self._unit)  # (z, c)
        self._own = (torch.linalg.vector_norm(self._unit, dim=1) ** 2).double().numpy()  # 1, or 0

    def scores(self, values: Tensor, *, ridge: float) -> Floats:
        """How much each candidate is in the upload, ``(c,)``; members have the larger ones.

        Args:
          values: what was sent on the same coordinates, shape ``(k,)``.
          ridge: > 0, relative to gradients of norm 1; chosen in a rehearsal, see ``choose_ridge``.
        """
        require_positive(ridge=ridge)
        if values.shape != self._unit.shape[1:]:
            raise BadInput(
                f"gradients must have {len(values)} columns, one a value sent, got "
                f"{self._unit.shape[1]}"
            )
        upload = (self._theirs @ values.float()).double().numpy()  # (z,)
        # S = P'P / z + ridge I, and S^-1 v = (v - P' (z ridge I + P P')^-1 P v) / ridge.
        weights = 1 / (self._values.clip(0) + len(self._theirs) * ridge)
        solved = self._vectors @ (weights[:, None] * (self._vectors.T @ self._cross))  # (z, c)
        along = (self._unit @ values.float()).double().numpy() - solved.T @ upload
        own = self._own - (self._cross * solved).sum(axis=0)
        return np.asarray(-along / np.sqrt((own * ridge).clip(1e-12)), dtype=np.float64)


class Decodes(Protocol):
    """What tells candidates by an upload's values: either of the two observers."""

    def scores(self, values: Tensor, *, ridge: float) -> Floats:
        """How much each candidate is in the upload."""
        ...


class Rehearsal(NamedTuple):
    """An upload whose members are known, since the participant played it itself."""

    decoder: Decodes
    values: Tensor
    took_part: Truths


def choose_ridge(rehearsals: Sequence[Rehearsal]) -> float:
    """The ridge that tells members best in uploads whose members are known, by mean AUC.

    Raises:
      BadInput: no rehearsal.
    """
    if not rehearsals:
        raise BadInput("a ridge is chosen in at least one rehearsal, got none")

    def mean_auc(ridge: float) -> float:
        return float(
            np.mean(
                [
                    auc_with_spread(
                        Scores.split(
                            each.decoder.scores(each.values, ridge=ridge), took_part=each.took_part
                        )
                    )[0]
                    for each in rehearsals
                ]
            )
        )

    return max(RIDGES, key=mean_auc)


def _to_unit(rows: Tensor) -> Tensor:
    """Each row at length 1, in place; one without length stays."""
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows.div_(norms.clamp(min=1e-30))


def _products(left: Tensor, right: Tensor) -> Floats:
    """Of each row with each, float64: short sums in float32, so that a small ridge means one."""
    found = torch.zeros(len(left), len(right), dtype=torch.float64)
    for mine, theirs in zip(
        left.split(_COLUMNS_AT_ONCE, dim=1), right.split(_COLUMNS_AT_ONCE, dim=1), strict=True
    ):
        found += mine @ theirs.T
    products: Floats = found.numpy()
    return products
