"""A linear network for rows that are already features, each brought to one scale by itself."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def linear(
    *, num_classes: int = 10, shape: Sequence[int] = (81, 8, 8), groups: int = 27, border: int = 0
) -> nn.Module:
    """One linear layer on rows that are each brought to zero mean and unit spread first.

    Made for features that need no training, as a scattering transform gives them: 51,850
    parameters for digits, 29,170 without their border. The normalisation has no parameters and sees
    one row at a time, so rows do not mix and it costs no privacy. Training starts at 0, where
    nothing is favoured; the loss has no other valley.

    Args:
      num_classes: of the data.
      shape: of a row, ``(k, h, w)`` or ``(k,)``. Input ``(n, *shape)``.
      groups: a row's k channels are normalised in so many groups; must divide k.
      border: squares of each map that are left out on every side; for ``(k, h, w)`` alone. Where
        images are empty at the border there is nothing to learn, and private training adds noise.
    Raises:
      ValueError: groups or border do not fit the shape.
    Source: Tramer & Boneh 2021, section 3.1, with group normalisation.
    """
    channels, *sides = shape
    if border < 0 or (border and (len(sides) != 2 or 2 * border >= min(sides))):
        raise ValueError(
            f"border must leave something of rows of shape {tuple(shape)}, got {border}"
        )
    sides = [side - 2 * border for side in sides]
    if groups < 1 or channels % groups or channels * math.prod(sides) == groups:
        raise ValueError(
            f"groups must divide {channels} channels into groups of 2 or more values, got {groups}"
        )
    classifier = nn.Linear(channels * math.prod(sides), num_classes)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return nn.Sequential(
        OrderedDict(
            inner=nn.ZeroPad2d(-border) if border else nn.Identity(),  # less than none is cutting
            norm=nn.GroupNorm(groups, channels, affine=False),
            flatten=nn.Flatten(),
            linear=classifier,
        )
    )
