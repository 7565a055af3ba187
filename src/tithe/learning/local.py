"""Local training: some passes over one participant's rows, from one vector to another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.learning.augment import Augmentation
from tithe.learning.class_weights import WeightedCrossEntropy
from tithe.learning.flat import trainable
from tithe.learning.selective_sgd import SelectiveSGD

Loss = Callable[[Tensor, Tensor], Tensor]
_AS_IT_IS = Augmentation()


class DivergedTraining(ArithmeticError):
    """The loss or a parameter became NaN or infinite; what this turn learnt is worth nothing."""


@dataclass(frozen=True)
class LocalTraining:
    """How a participant trains within one turn.

    Attributes:
      batch_size: rows a step, >= 1; the last batch of a pass may be smaller.
      local_epochs: passes over the rows, > 0; a fraction stops within a pass.
      local_steps: steps instead of passes, if > 0.
      momentum, weight_decay: of the optimizer, which is fresh every turn, as in the paper's code.
      theta: the fraction of parameters that each step updates, in (0, 1]; below 1 the optimizer is
        ``SelectiveSGD``, else ``torch.optim.SGD``.
      augmentation: how images are varied every time they are trained on.
      class_weights: of each class's rows in the loss; empty: all weigh 1.
    """

    batch_size: int = 8
    local_epochs: float = 1.0
    local_steps: int = 0
    momentum: float = 0.0
    weight_decay: float = 0.0
    theta: float = 1.0
    augmentation: Augmentation = _AS_IT_IS
    class_weights: tuple[float, ...] = ()

    def num_steps(self, num_rows: int) -> int:
        """How many steps one turn takes with this many rows."""
        if self.local_steps:
            return self.local_steps
        per_pass = math.ceil(num_rows / self.batch_size)
        return max(1, round(self.local_epochs * per_pass))


def batches(
    num_rows: int, *, batch_size: int, num_steps: int, rng: torch.Generator
) -> Iterator[Tensor]:
    """Yields ``num_steps`` batches of row positions; every pass permutes all rows anew."""
    steps = 0
    while steps < num_steps:
        order = torch.randperm(num_rows, generator=rng)
        for rows in order.split(batch_size):
            if steps == num_steps:
                return
            yield rows
            steps += 1


def train_locally(
    module: nn.Module,
    features: Tensor,
    labels: Tensor,
    *,
    training: LocalTraining,
    learning_rate: float,
    rng: torch.Generator,
    loss: Loss | None = None,
) -> float:
    """Trains the module in place by plain mini-batch SGD and returns the mean loss of the batches.

    Args:
      module: as downloaded; after the call, as trained.
      features: shape ``(n, ...)``, on the module's device.
      labels: shape ``(n,)``, int64.
      training: how long, in which batches, with which optimizer.
      learning_rate: alpha of this turn, > 0.
      rng: the stream of batch orders; it also seeds the module's own draws (dropout) and those of
        the augmentation.
      loss: from scores and labels to a mean over the batch; None is cross entropy, weighted by
        ``training.class_weights`` if there are any.
    Raises:
      DivergedTraining: a batch loss is not finite; the module is then worthless.
    Source: Shokri & Shmatikov 2015, DSSGD participant, step 2.
    """
    optimizer = _optimizer(module, training, learning_rate)
    loss = loss or _loss_of(training)
    num_steps = training.num_steps(len(labels))
    module_seed = int(torch.randint(2**62, (1,), generator=rng))
    vary = training.augmentation
    variation = torch.Generator().manual_seed(module_seed)
    total = 0.0
    module.train()
    devices = [features.device] if features.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(module_seed)
        for rows in batches(
            len(labels), batch_size=training.batch_size, num_steps=num_steps, rng=rng
        ):
            optimizer.zero_grad()
            batch = vary(features[rows], variation) if vary else features[rows]
            batch_loss = loss(module(batch), labels[rows])
            batch_loss.backward()
            optimizer.step()
            value = float(batch_loss.detach())
            if not math.isfinite(value):
                raise DivergedTraining("the loss became NaN or infinite")
            total += value
    return total / num_steps


def _loss_of(training: LocalTraining) -> Loss:
    if not training.class_weights:
        return functional.cross_entropy
    return WeightedCrossEntropy(training.class_weights).mean


def _optimizer(
    module: nn.Module, training: LocalTraining, learning_rate: float
) -> torch.optim.Optimizer:
    parameters = trainable(module)
    momentum, weight_decay = training.momentum, training.weight_decay
    if training.theta < 1:
        return SelectiveSGD(
            parameters,
            learning_rate,
            theta=training.theta,
            momentum=momentum,
            weight_decay=weight_decay,
        )
    return torch.optim.SGD(
        parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay
    )
