"""What a network sees of an image: its pixels, or fixed features computed once for every row."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pooch
from torch import Tensor

from tithe.checks import BadInput
from tithe.data.dataset import Dataset
from tithe.data.scattering import scatter
from tithe.storage import load_tensors, save_tensors

Features = Literal["pixels", "scattering"]


def with_features(data: Dataset, features: Features, *, may_keep: bool) -> Dataset:
    """The same rows seen as these features.

    Guarantee: a row's features depend on that row and on constants alone, so that whatever protects
    a row's features protects the row; they cost no privacy.

    Args:
      data: images; left as it is for ``"pixels"``.
      features: which.
      may_keep: keep what was computed in the user's cache for the next time; for public data.
    Raises:
      BadInput: the rows are no images.
    """
    if features == "pixels":
        return data
    return replace(data, features=features_of(data, may_keep=may_keep), mean=(), std=())


def features_of(data: Dataset, *, may_keep: bool) -> Tensor:
    """The scattering coefficients of all rows, computed or found in the cache."""
    require_images(data.features, name=data.name)
    kept = _place(data.features) if may_keep else None
    if kept is not None and kept.exists():
        try:
            return load_tensors(kept)[0]["features"]
        except (BadInput, KeyError):
            kept.unlink(missing_ok=True)  # damaged: compute it again
    found = scatter(data.features)
    if kept is not None:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(kept, {"features": found})
        except OSError:
            kept.unlink(missing_ok=True)  # a full disk costs time, not the result
    return found


def require_images(features: Tensor, *, name: str) -> None:
    """Refuses rows that no image transform can take."""
    if features.ndim != 4:
        raise BadInput(
            f'{name}: data.features = "scattering" needs images (n, c, h, w), '
            f"got rows of shape {tuple(features.shape[1:])}"
        )


def _place(features: Tensor) -> Path:
    """Where the features of exactly these images are kept."""
    digest = hashlib.sha256(f"scattering-1 {features.dtype} {tuple(features.shape)}".encode())
    digest.update(features.contiguous().numpy().tobytes())
    name = f"scattering-{digest.hexdigest()[:32]}.safetensors"
    return Path(pooch.os_cache("tithe")) / "features" / name
