"""Which layers have a rule of their own, and which rule."""

from __future__ import annotations

from torch import nn

from tithe.learning.per_example.call import Call, Trained, UnknownLayer
from tithe.learning.per_example.contribution import Contribution
from tithe.learning.per_example.convolution import convolution
from tithe.learning.per_example.embedding import embedding
from tithe.learning.per_example.linear import linear
from tithe.learning.per_example.norms import group_norm, layer_norm

_KNOWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding, nn.LayerNorm, nn.GroupNorm)


def trained_layers(module: nn.Module) -> list[Trained]:
    """The layers that own trained parameters.

    Raises:
      UnknownLayer: one of them has no rule of its own.
    """
    found = []
    for layer in module.modules():
        own = {name: p for name, p in layer.named_parameters(recurse=False) if p.requires_grad}
        if not own:
            continue
        if not isinstance(layer, _KNOWN) or not own.keys() <= {"weight", "bias"}:
            raise UnknownLayer(f"{type(layer).__name__} has no rule of its own")
        found.append(Trained(layer, own.get("weight"), own.get("bias")))
    return found


def contribution_of(call: Call) -> Contribution:
    """What this call contributes to the gradients of its layer's parameters."""
    match call.trained.layer:
        case nn.Linear():
            return linear(call)
        case nn.Conv1d() | nn.Conv2d():
            return convolution(call)
        case nn.Embedding():
            return embedding(call)
        case nn.LayerNorm():
            return layer_norm(call)
        case nn.GroupNorm():
            return group_norm(call)
        case layer:
            raise UnknownLayer(f"{type(layer).__name__} has no rule of its own")
