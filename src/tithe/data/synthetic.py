"""Synthetic rows between real ones: SMOTE and its kin, by imbalanced-learn.

No guarantee for anybody: a synthetic row lies between two people's rows, and who is whose neighbour
changes with every row there is, so there is no small number of rows that one record touches. What
is made of private rows is as private as they are, and DP-SGD on it hides no record.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.checks import BadInput

Kind = Literal["smote", "borderline_smote", "adasyn"]
KINDS: tuple[Kind, ...] = ("smote", "borderline_smote", "adasyn")


def synthetic_rows(
    features: Tensor,
    labels: Tensor,
    *,
    kind: Kind,
    wanted: Mapping[int, int],
    neighbours: int,
    seed: int,
    name: str,
) -> tuple[Tensor, Tensor]:
    """New rows of some classes, each on the line between a row and one of its nearest of its class.

    A class with too few rows takes as many neighbours as it has; one of a single row gets none, and
    so does one where the method finds nothing to do (Borderline-SMOTE and ADASYN work at the border
    to other classes). ADASYN makes about as many as wanted, the others just as many.

    Args:
      features: shape ``(n, ...)``, uint8 or float32; pixels are taken as numbers and rounded.
      labels: shape ``(n,)``, int64.
      kind: the method.
      wanted: class -> how many new rows.
      neighbours: how many of the nearest rows of its class a row may be joined with, >= 1.
      seed: in ``[0, 2**32)``; of all that is drawn.
      name: how messages call the data.
    Returns:
      New features ``(m, ...)`` and labels ``(m,)``, m >= 0, of the same types.
    Raises:
      BadInput: rows that are no numbers, or imbalanced-learn is not installed.
    Source: Chawla et al. 2002; Han, Wang & Mao 2005 (borderline-1); He et al. 2008 (ADASYN).
    """
    if features.dtype == torch.int64:
        raise BadInput(
            f'{name}: balance.method = "{kind}" needs rows of numbers, got tokens, between which '
            'there is nothing; use "class_weights" or "oversample"'
        )
    sampler_of = _samplers()[kind]
    flat = features.flatten(1).double().numpy()
    classes = labels.numpy()
    parts = [np.empty((0, flat.shape[1]))]
    new_labels: list[int] = []
    for label, number in sorted(wanted.items()):
        have = int((classes == label).sum())
        if number < 1 or have < 2:
            continue
        sampler = sampler_of(
            sampling_strategy={label: have + number},
            random_state=(seed + label) % 2**32,
            **_neighbours(kind, min(neighbours, have - 1)),
        )
        made = _made(sampler, flat, classes, kind=kind)
        parts.append(made)
        new_labels += [label] * len(made)
    found = np.concatenate(parts)
    if features.dtype == torch.uint8:
        found = np.rint(found).clip(0, 255)
    rows = torch.from_numpy(found).to(features.dtype).reshape(-1, *features.shape[1:])
    return rows, torch.tensor(new_labels, dtype=torch.int64)


def _samplers() -> dict[str, Any]:
    try:
        samplers = import_module("imblearn.over_sampling")
    except ImportError as error:
        raise BadInput(
            "balance.method: SMOTE and its kin need a package that is not installed here; "
            "`pip install 'tithe[imbalance]'` brings it"
        ) from error
    return {
        "smote": samplers.SMOTE,
        "borderline_smote": samplers.BorderlineSMOTE,
        "adasyn": samplers.ADASYN,
    }


def _neighbours(kind: Kind, number: int) -> dict[str, int]:
    return {"n_neighbors" if kind == "adasyn" else "k_neighbors": number}


def _made(
    sampler: Any, flat: NDArray[np.float64], classes: NDArray[np.int64], *, kind: Kind
) -> NDArray[np.float64]:
    """The rows that a sampler adds; imbalanced-learn puts them behind those it was given."""
    try:
        grown, _ = sampler.fit_resample(flat, classes)
    except (ValueError, RuntimeError):
        if kind != "adasyn":
            raise
        return flat[:0]  # how ADASYN says that no row of the class has others nearby
    new: NDArray[np.float64] = grown[len(flat) :]
    return new
