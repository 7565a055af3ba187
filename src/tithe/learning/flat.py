"""A module's parameters as one vector, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """Where one named parameter tensor lies in the vector: ``[start, stop)``."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


def layers_of(module: nn.Module) -> tuple[Layer, ...]:
    """The trainable parameters in the module's own order, row-major within each."""
    layers = []
    start = 0
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            stop = start + parameter.numel()
            layers.append(Layer(name, tuple(parameter.shape), start, stop))
            start = stop
    return tuple(layers)


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes, in the order of the vector."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def read_vector(module: nn.Module) -> Tensor:
    """A copy of the module's trainable parameters, shape ``(d,)``, float32 on the CPU."""
    with torch.no_grad():
        parts = [parameter.reshape(-1) for parameter in trainable(module)]
        return torch.cat(parts).to(device="cpu", dtype=torch.float32)


def write_vector(module: nn.Module, vector: Tensor) -> None:
    """Overwrites the module's trainable parameters with the vector, shape ``(d,)``.

    Raises:
      ValueError: the vector has not as many entries as the module has parameters.
    """
    parameters = trainable(module)
    num_parameters = sum(parameter.numel() for parameter in parameters)
    if vector.shape != (num_parameters,):
        raise ValueError(f"vector must have shape ({num_parameters},), got {tuple(vector.shape)}")
    start = 0
    with torch.no_grad():
        for parameter in parameters:
            stop = start + parameter.numel()
            parameter.copy_(vector[start:stop].view(parameter.shape))
            start = stop
