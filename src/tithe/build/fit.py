"""Whether a network and the data belong together."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tithe.checks import BadInput


def require_fit(module: nn.Module, name: str, rows: Tensor, num_classes: int) -> None:
    """Refuses a network that does not take these rows, give these classes, or keeps own counts."""
    probe = copy.deepcopy(module)
    before = {key: buffer.clone() for key, buffer in probe.named_buffers()}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            scores = probe.train()(rows)
    except (RuntimeError, ValueError, IndexError) as error:
        raise BadInput(
            f"model.name {name} cannot take rows of shape {tuple(rows.shape[1:])}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if not isinstance(scores, Tensor) or scores.shape != (len(rows), num_classes):
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise BadInput(f"model.name {name} must give scores of shape (n, {num_classes}), got {got}")
    for key, buffer in probe.named_buffers():
        if not torch.equal(buffer, before[key]):
            raise BadInput(
                f"model.name {name} keeps running statistics ({key}) that are no parameters and so "
                "would not be shared; use GroupNorm, or BatchNorm without track_running_stats"
            )
