"""Bringing features to zero mean and unit spread with numbers that may be known.

A mean over everyone's rows is a function of data that nobody may see together, so it is never
taken here. What is subtracted and divided by is one of:

- ``constants``: numbers that were public before anyone's data was touched. For the named sets they
  are the customary ones of the published training set; for your own data you state them in the
  plan (say, from the device's data sheet or an earlier publication).
- ``own``: each participant's statistics of its own rows. They stay with it; the test set, and
  whoever predicts, use those of their own rows likewise. Participants then no longer see one
  scale, which costs accuracy if their rows differ in what matters.
- ``none``: nothing. Bytes are still divided by 255.

Tokens of texts are names and not amounts: nothing is ever done to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from tithe.checks import BadInput, nearest
from tithe.data.dataset import Dataset

Kind = Literal["constants", "own", "none"]


@dataclass(frozen=True)
class Normalisation:
    """Which numbers to use: ``mean`` and ``std`` are filled for ``constants``, else empty."""

    kind: Kind
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def choose_normalisation(
    data: Dataset, *, kind: str, mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Normalisation:
    """The normalisation a plan asks for; its own constants come before the data set's public ones.

    Args:
      data: tells the number of channels (its second dimension) and its public constants.
      kind: ``"constants"``, ``"own"`` or ``"none"``.
      mean: per channel or one for all, in the units of the features (bytes: after / 255).
      std: likewise, > 0.
    Raises:
      BadInput: unknown kind, constants asked for but not known, or not fitting the channels.
    """
    if kind not in get_args(Kind):
        close = nearest(kind, get_args(Kind))
        hint = f"; did you mean {close!r}?" if close else ""
        raise BadInput(f"normalise must be one of {', '.join(get_args(Kind))}, got {kind!r}{hint}")
    if data.features.dtype == torch.int64:
        return Normalisation("none")
    if kind != "constants":
        return Normalisation(cast(Kind, kind))
    if bool(mean) != bool(std):
        raise BadInput(
            f"mean and std must be given together, got {len(mean)} and {len(std)} numbers"
        )
    mean, std = (mean, std) if mean else (data.mean, data.std)
    if not mean:
        raise BadInput(
            f"{data.name}: normalise = 'constants' needs public numbers and this data has none; "
            "state mean and std in the plan, or choose 'own' or 'none'"
        )
    num_channels = data.features.shape[1]
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, num_channels):
            raise BadInput(
                f"{name} must have one number, or one per channel ({num_channels}), "
                f"got {len(numbers)}"
            )
        if not all(math.isfinite(number) and (name == "mean" or number > 0) for number in numbers):
            raise BadInput(
                f"{name} must be finite{' and > 0' * (name == 'std')}, got {list(numbers)}"
            )
    return Normalisation("constants", tuple(mean), tuple(std))


def normalise(features: Tensor, how: Normalisation) -> Tensor:
    """The features as float32, shifted and scaled per channel; the input is left as it is.

    Tokens stay int64 and as they are. A channel without spread (``own`` only) is shifted to zero
    and not scaled.

    Args:
      features: shape ``(m, c, ...)``, uint8, float32 or int64, m > 0.
      how: with ``own``, the statistics are those of exactly these rows.
    """
    if features.dtype == torch.int64:
        return features.clone()
    if how.kind == "own":
        mean, std = _own_statistics(features)
    else:
        mean = torch.tensor(how.mean or (0.0,), dtype=torch.float64)
        std = torch.tensor(how.std or (1.0,), dtype=torch.float64)
    unit = 255.0 if features.dtype == torch.uint8 else 1.0
    shape = (1, -1) + (1,) * (features.ndim - 2)
    # (x / unit - mean) / std = (x - mean * unit) / (std * unit), in one copy that is then changed
    floats = features.to(torch.float32, copy=True)
    floats.sub_((mean * unit).float().view(shape))
    return floats.mul_((1 / (std * unit)).float().view(shape))


def _own_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, of bytes / 255 or of floats; float64 ``(c,)``."""
    by_channel = features.transpose(0, 1).flatten(1)  # (m, c, ...) -> (c, m * ...)
    if features.dtype == torch.uint8:
        # Counting the 256 values is exact, and ten times as fast as torch.var_mean.
        counts = torch.stack([torch.bincount(channel, minlength=256) for channel in by_channel])
        weights = counts.double() / by_channel.shape[1]
        values = torch.arange(256, dtype=torch.float64) / 255.0
    else:
        values = by_channel.double()
        weights = torch.full((1, 1), 1 / values.shape[1], dtype=torch.float64)
    mean = (values * weights).sum(dim=1)
    std = ((values - mean[:, None]).square() * weights).sum(dim=1).sqrt()
    # Rounding alone gives a constant channel a spread of a tiny part of its mean.
    return mean, torch.where(std <= 1e-9 * mean.abs(), torch.ones_like(std), std)
