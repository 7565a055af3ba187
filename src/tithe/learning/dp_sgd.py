"""DP-SGD: local training in which no record moves the parameters by more than noise hides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional

from tithe.checks import require_at_least, require_positive
from tithe.learning.class_weights import WeightedCrossEntropy
from tithe.learning.flat import trainable
from tithe.learning.local import DivergedTraining
from tithe.learning.noisy_step import Draw, NoisyStep
from tithe.learning.per_example.checks import Way, find_way
from tithe.learning.per_example.clipping import Clipping
from tithe.learning.per_example.tape import Loss
from tithe.learning.private_batches import Augment, Examples, Sampling, draw_batches
from tithe.learning.private_outcome import PrivateOutcome, Tally

Relation = Literal["add_or_remove", "replace", "zero_out"]

_WRITTEN_OUT_AT_ONCE = 2**25  # values of gradients of single examples


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of each row, in nats, shape ``(n,)``."""
    return functional.cross_entropy(scores, labels, reduction="none")


@dataclass(frozen=True)
class PrivateTraining:
    """How a participant trains within one turn, so that its records are hidden.

    Attributes:
      batch_size: expected rows a step, >= 1 and a multiple of ``microbatch``.
      num_steps: noisy steps, >= 1.
      noise_multiplier: stddev of the noise on the sum of clipped gradients, over the bound.
      l2_norm_bound: C, what one clipped gradient may add to that sum, in L2 norm.
      clipping: ``"flat"`` or ``"automatic"``, see ``clip_factors``.
      sampling: ``"poisson"`` takes every row independently in every step, so its event may have a
        sampling rate; ``"shuffle"`` goes through a fresh permutation in passes of fixed batches, so
        every row is in one batch a pass and no amplification may be claimed.
      momentum, weight_decay: of the step after the noise; they cost nothing.
      microbatch: neighbouring rows whose mean gradient is clipped as one; 1 is by far the best.
      chunk_rows: rows worked on at once; it bounds the memory and does not change the result.
      class_weights: public weights of each class's rows, before the clip; empty: all weigh 1.
    """

    batch_size: int
    num_steps: int
    noise_multiplier: float
    l2_norm_bound: float
    clipping: Clipping = "flat"
    sampling: Sampling = "poisson"
    momentum: float = 0.0
    weight_decay: float = 0.0
    microbatch: int = 1
    chunk_rows: int = 512
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_at_least(
            1,
            batch_size=self.batch_size,
            num_steps=self.num_steps,
            microbatch=self.microbatch,
            chunk_rows=self.chunk_rows,
        )
        require_at_least(
            0,
            noise_multiplier=self.noise_multiplier,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        is_plain_limit = self.noise_multiplier == 0 and self.clipping == "flat"
        if not (is_plain_limit and self.l2_norm_bound == math.inf):
            require_positive(l2_norm_bound=self.l2_norm_bound)
        if self.batch_size % self.microbatch:
            raise ValueError(
                f"batch_size must be a multiple of microbatch {self.microbatch}, "
                f"got {self.batch_size}"
            )

    @property
    def noise_stddev(self) -> float:
        """Of the noise on every coordinate of the sum of clipped gradients."""
        return self.noise_multiplier * self.l2_norm_bound if self.noise_multiplier else 0.0

    def sampling_rate(self, num_rows: int) -> float:
        """The probability that a row (or its microbatch) is in a batch of Poisson sampling."""
        if self.batch_size > num_rows:
            raise ValueError(
                f"batch_size must be at most the number of rows {num_rows}, got {self.batch_size}"
            )
        num_examples = math.ceil(num_rows / self.microbatch)
        return self.batch_size / self.microbatch / num_examples

    def l2_sensitivity(self, relation: Relation) -> float:
        """How far one record can move the sum of clipped gradients, in L2 norm.

        With single rows, a record that comes, goes or is replaced by nothing moves it by C, and
        one that is replaced by another by 2C. With microbatches the record changes the mean
        gradient of its microbatch, and both the old and the new clipped mean can be as long as C
        and point opposite ways: 2C. Who is with whom follows from the rows' places, so a row that
        goes would shift all later ones: no bound holds under ``"add_or_remove"``.

        Raises:
          ValueError: microbatches under ``"add_or_remove"``.
        """
        if self.microbatch == 1:
            return self.l2_norm_bound * (2 if relation == "replace" else 1)
        if relation == "add_or_remove":
            raise ValueError(
                'microbatches give no guarantee under "add_or_remove": one row less regroups all '
                'others; use microbatch = 1, or the relation "replace" or "zero_out"'
            )
        return 2 * self.l2_norm_bound


def train_privately(
    module: nn.Module,
    features: Tensor,
    labels: Tensor,
    *,
    training: PrivateTraining,
    learning_rate: float,
    rng: torch.Generator,
    normal: Draw,
    uniforms: Draw | None = None,
    loss: Loss | None = None,
    augment: Augment | None = None,
    augmentations: int = 1,
) -> PrivateOutcome:
    """Trains the module in place by DP-SGD.

    Each step: the gradients of the sampled rows are clipped to C, summed, Gaussian noise of
    standard deviation ``noise_multiplier * C`` is added to every coordinate, and the whole is
    divided by the expected batch size, never by the true one. A step whose batch is empty is
    noise only. A record's augmented copies share one clip, on the mean of their gradients.

    Guarantee: every parameter after every step is a post-processing of ``num_steps`` Gaussian
    mechanisms of L2 sensitivity ``training.l2_sensitivity(relation)``, each on a Poisson sample of
    rate ``training.sampling_rate(n)`` if sampling is ``"poisson"``; with ``"shuffle"``, each record
    is in one of them a pass. Preconditions: examples do not mix in the module (tried on random rows
    beforehand), the parameters at the start do not depend on the records, n may be known, and
    ``normal`` and the sampling are secret and independent of everything.
    Not covered: gradients are summed in floating point, so the bound holds up to rounding; how long
    a step takes tells how many rows it had.

    Args:
      module: as downloaded; after the call, as trained; in training mode.
      features: shape ``(n, ...)``, on the module's device.
      labels: shape ``(n, ...)``.
      training: how long, how bounded, how noisy.
      learning_rate: alpha of this turn, > 0.
      rng: the stream of batches, augmentations and the module's own draws (dropout).
      normal: gives that many standard normal numbers; the noise.
      uniforms: gives that many numbers in [0, 1) in double precision, for the batches; if None they
        are drawn from ``rng``, which is for simulation.
      loss: from scores and labels to one value a row (or more, whose mean counts); None is cross
        entropy, weighted by ``training.class_weights`` if there are any.
      augment: from rows ``(r, ...)`` to rows of the same shape, each by itself.
      augmentations: copies of a record in a batch, >= 1; more than 1 only with ``augment``.
    Raises:
      MixedExamples: the module lets one row change another's gradient.
      DivergedTraining: a parameter is no longer finite; the module is then worthless.
      ValueError: no rows, fewer rows than the batch size, or a parameter out of its range.
    Source: Abadi et al. 2016, Algorithm 1; De et al. 2022, section 3 (augmentations).
    """
    require_positive(learning_rate=learning_rate)
    require_at_least(1, augmentations=augmentations)
    if augmentations > 1 and augment is None:
        raise ValueError(f"augmentations must be 1 without augment, got {augmentations}")
    num_rows = len(labels)
    training.sampling_rate(num_rows)  # refuses a batch larger than the data
    loss = loss or _loss_of(training)
    way = find_way(module, features, labels, loss=loss)
    module_seed = int(torch.randint(2**62, (1,), generator=rng))
    data = Examples(
        features,
        labels,
        microbatch=training.microbatch,
        augment=augment,
        augmentations=augmentations,
        rng=rng,
    )
    parameters = trainable(module)
    step = _step(parameters, training, learning_rate=learning_rate)
    batches = draw_batches(
        len(data),
        batch_size=training.batch_size // training.microbatch,
        num_steps=training.num_steps,
        sampling=training.sampling,
        uniforms=uniforms or _uniforms_from(rng),
    )
    at_once = _examples_at_once(training, way, parameters, rows_each=data.rows_each)
    tally = Tally(training.l2_norm_bound)
    module.train()
    devices = [features.device] if features.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), way.of(module, loss).attached() as find:
        torch.manual_seed(module_seed)
        for batch in batches:
            step.begin()
            for some in batch.split(at_once) if len(batch) else ():
                rows, right, weights = data.take(some)
                found = find(rows, right, weights=weights, group=data.rows_each)
                tally.add(found.losses, weights, step.add(found.contributions))
            tally.end_step(step.finish(normal))
    if not all(bool(parameter.isfinite().all()) for parameter in parameters):
        raise DivergedTraining("a parameter became NaN or infinite")
    expected = training.batch_size / training.microbatch
    noise_norm = training.noise_stddev * math.sqrt(sum(p.numel() for p in parameters)) / expected
    return tally.outcome(examples_per_step=expected, noise_norm=noise_norm)


def _loss_of(training: PrivateTraining) -> Loss:
    return WeightedCrossEntropy(training.class_weights) if training.class_weights else cross_entropy


def _uniforms_from(rng: torch.Generator) -> Draw:
    return lambda count: torch.rand(count, generator=rng, dtype=torch.float64)


def _step(
    parameters: list[Parameter], training: PrivateTraining, *, learning_rate: float
) -> NoisyStep:
    return NoisyStep(
        parameters,
        learning_rate=learning_rate,
        examples_per_step=training.batch_size / training.microbatch,
        l2_norm_bound=training.l2_norm_bound,
        clipping=training.clipping,
        noise_stddev=training.noise_stddev,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )


def _examples_at_once(
    training: PrivateTraining, way: Way, parameters: list[Parameter], *, rows_each: int
) -> int:
    """As many as ``chunk_rows`` allows and as fit written out; the result is the same."""
    num_values = way.values_per_example
    if rows_each > 1:  # then convolutions are written out too
        num_values = sum(parameter.numel() for parameter in parameters)
    fit = _WRITTEN_OUT_AT_ONCE // max(1, num_values)
    return max(1, min(training.chunk_rows // rows_each, fit))
