"""Whether a network and the data belong together."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.learning.dp_sgd import cross_entropy
from tithe.learning.per_example.checks import find_way
from tithe.plan import Plan


def require_fit(
    module: nn.Module, name: str, rows: Tensor, *, num_classes: int, smallest_batch: int
) -> None:
    """Refuses a network that does not take these rows, give these classes, or keeps own counts.

    smallest_batch is the fewest rows that a step of anybody's training will have.
    """
    rows = rows[:smallest_batch]
    probe = copy.deepcopy(module)
    before = {key: buffer.clone() for key, buffer in probe.named_buffers()}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            scores = probe.train()(rows)
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(
            f"model.name {name} cannot take {len(rows)} rows of shape {tuple(rows.shape[1:])}, "
            f"the smallest batch there is: {reason}"
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


def require_unmixed(module: nn.Module, name: str, shard: Shard) -> None:
    """Refuses a network in which a row changes the gradients of others, before DP-SGD begins."""
    features, labels = replace(shard, rows=shard.rows[:1]).tensors()
    try:
        find_way(module, features, labels, loss=cross_entropy)
    except ValueError as error:
        raise BadInput(
            f'model.name {name} cannot be trained with privacy.unit = "record": {error}'
        ) from error


def require_images(plan: Plan, shape: tuple[int, ...]) -> None:
    """Refuses an augmentation of rows that are no images."""
    num_participants = plan.partition.participants
    trainings = [plan.for_participant(i).training for i in range(num_participants)]
    if any(each.shift or each.flip for each in trainings) and len(shape) != 3:
        raise BadInput(
            "training.shift and training.flip need images (channels, height, width), "
            f"got rows of shape {shape}; leave them out"
        )


def smallest_batch(plan: Plan, participant: int, num_rows: int) -> int:
    """How many rows the smallest batch of a participant has: its last, if rows are left over."""
    batch_size = plan.for_participant(participant).training.batch_size
    return num_rows % batch_size or min(batch_size, num_rows)


def require_device(device: str) -> None:
    """Refuses a device that this machine does not have."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadInput(
            f'run.device "{device}" cannot be used here: {str(error).splitlines()[0]}; use "cpu"'
        ) from error
