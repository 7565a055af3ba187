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
from typing import NamedTuple

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
        norms = torch.linalg.vector_norm(gradients, dim=1)
        self._unit = gradients.div_(norms.clamp(min=1e-30).unsqueeze(1))
        gram = torch.zeros(len(gradients), len(gradients), dtype=torch.float64)
        for some in self._unit.split(_COLUMNS_AT_ONCE, dim=1):
            gram += some @ some.T  # short sums in float32, so that a small ridge still means one
        self._values, self._vectors = np.linalg.eigh(gram.numpy())

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


class Rehearsal(NamedTuple):
    """An upload whose members are known, since the participant played it itself."""

    decoder: Decoder
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


def open_world_scores(
    candidates: Tensor, public: Tensor, values: Tensor, *, ridge: float = 1e-2
) -> Floats:
    """Each candidate by itself against a public sample, shape ``(c,)``.

    The upload is whitened by the public gradients' second moments, so that what all records share
    no longer hides what one adds.

    Args:
      candidates: their gradients on the coordinates sent, shape ``(c, k)``.
      public: those of records that took no part, shape ``(z, k)``.
      values: what was sent there, shape ``(k,)``.
      ridge: > 0, relative to gradients of norm 1.
    """
    require_positive(ridge=ridge)
    if candidates.shape[1:] != values.shape or public.shape[1:] != values.shape:
        raise BadInput(
            f"gradients must have {len(values)} columns, one a value sent, got "
            f"{candidates.shape[1]} and {public.shape[1]}"
        )
    unit, theirs = _unit(candidates), _unit(public)
    count = len(theirs)
    inner = (theirs @ theirs.T).double() + count * ridge * torch.eye(count, dtype=torch.float64)
    factor = torch.linalg.cholesky(inner)
    cross = (theirs @ unit.T).double()  # (z, c)
    upload = (theirs @ values.float()).double()  # (z,)
    # S = P'P / z + ridge I, and S^-1 v = (v - P' (z ridge I + P P')^-1 P v) / ridge.
    solved = torch.cholesky_solve(cross, factor)  # (z, c)
    along = (unit @ values.float()).double() - solved.T @ upload
    own = (unit * unit).sum(dim=1).double() - (cross * solved).sum(dim=0)
    return np.asarray((-along / (own * ridge).clamp(min=1e-12).sqrt()).numpy(), dtype=np.float64)


def _unit(rows: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / norms.clamp(min=1e-30)
