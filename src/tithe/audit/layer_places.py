"""Where the first and the last linear layer of a network lie in its vector."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from tithe.checks import BadInput
from tithe.learning.flat import Layer, layers_of


@dataclass(frozen=True)
class LinearPlace:
    """A linear layer: its weight ``(outputs, inputs)`` and its bias ``(outputs,)``."""

    weight: Layer
    bias: Layer

    @property
    def num_outputs(self) -> int:
        """Rows of the weight."""
        return self.weight.shape[0]

    @property
    def num_inputs(self) -> int:
        """Columns of the weight."""
        return self.weight.shape[1]


def first_linear(module: nn.Module) -> LinearPlace:
    """The first trained parameters, if they are those of a linear layer that sees the input.

    Raises:
      BadInput: the network begins with something else, so this layer's gradient holds no input.
    """
    layers = layers_of(module)
    found = _linear_places(layers)
    if not found or found[0].weight is not layers[0]:
        raise BadInput(
            "the analytic leak needs a network whose first trained layer is linear with a bias; "
            f"this one begins with {layers[0].name}; try gradient inversion instead"
        )
    return found[0]


def last_linear(module: nn.Module) -> LinearPlace:
    """The linear layer that gives the scores.

    Raises:
      BadInput: the last trained parameters are not those of a linear layer with a bias.
    """
    layers = layers_of(module)
    found = _linear_places(layers)
    if not found or found[-1].bias is not layers[-1]:
        raise BadInput(
            "labels are read off the bias of a last linear layer; this network ends with "
            f"{layers[-1].name}"
        )
    return found[-1]


def _linear_places(layers: tuple[Layer, ...]) -> list[LinearPlace]:
    return [
        LinearPlace(weight, bias)
        for weight, bias in pairwise(layers)
        if len(weight.shape) == 2 and bias.shape == weight.shape[:1]
    ]
