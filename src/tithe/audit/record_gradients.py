"""The gradient of every single record at the downloaded parameters, on the coordinates sent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from tithe.learning.dp_sgd import cross_entropy
from tithe.learning.flat import trainable
from tithe.learning.per_example.checks import find_way
from tithe.learning.per_example.contribution import Contribution
from tithe.learning.per_example.tape import Loss


def record_gradients(
    module: nn.Module,
    features: Tensor,
    labels: Tensor,
    *,
    columns: Tensor | None = None,
    loss: Loss = cross_entropy,
    chunk_rows: int = 32,
) -> Tensor:
    """One gradient a record, shape ``(n, k)``, float32; no record mixes into another's.

    Args:
      module: at the parameters where the gradients are wanted.
      features: shape ``(n, ...)``.
      labels: shape ``(n,)``.
      columns: which coordinates of the vector, shape ``(k,)``, ascending; None: all d.
      loss: from scores and labels to one value a row.
      chunk_rows: records whose whole gradients are in memory at once.
    Raises:
      MixedExamples: the module lets one row change another's gradient.
    """
    places: dict[Parameter, int] = {}
    size = 0
    for parameter in trainable(module):
        places[parameter] = size
        size += parameter.numel()
    width = size if columns is None else len(columns)
    found = torch.empty(len(labels), width)
    way = find_way(module, features, labels, loss=loss)
    was_training = module.training
    module.eval()
    with way.of(module, loss).attached() as find:
        for start in range(0, len(labels), chunk_rows):
            rows = slice(start, start + chunk_rows)
            examples = find(features[rows], labels[rows], weights=None, group=1)
            whole = torch.zeros(len(labels[rows]), size)
            _write_out(examples.contributions, places, whole)
            found[rows] = whole if columns is None else whole[:, columns]
    module.train(was_training)
    return found


def _write_out(
    contributions: list[Contribution], places: dict[Parameter, int], whole: Tensor
) -> None:
    """Lays the gradients into the rows in the order of the vector."""
    for contribution in contributions:
        for parameter, gradient in contribution.written_out().items():
            at = places[parameter]
            whole[:, at : at + parameter.numel()] = gradient.flatten(1)
