"""One noisy step: a sum of clipped gradients, noise on it, and the update, over one flat buffer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Parameter

from tithe.learning.per_example.clipping import Clipping, add_clipped
from tithe.learning.per_example.contribution import Contribution

Draw = Callable[[int], Tensor]  # how many -> that many independent numbers, shape (count,)

_NOISE_AT_ONCE = 2**16  # values: still in the cache when they are added, and little memory


class NoisyStep:
    """The gradient buffer of some parameters, and plain SGD on what is in it after the noise.

    The order is ``begin``, any number of ``add``, ``finish``; then again. Momentum and weight decay
    come after the noise, so they cost no privacy. As in ``torch.optim.SGD``, decay is added to the
    gradient and the first velocity is the first gradient.

    Args:
      parameters: of one dtype, on one device.
      learning_rate: alpha, > 0.
      examples_per_step: what the sum is divided by: the expected number, so that the division
        tells nothing.
      l2_norm_bound, clipping: see ``clip_factors``.
      noise_stddev: of the noise on every coordinate of the sum, >= 0.
      momentum, weight_decay: >= 0.
    """

    def __init__(
        self,
        parameters: list[Parameter],
        *,
        learning_rate: float,
        examples_per_step: float,
        l2_norm_bound: float,
        clipping: Clipping,
        noise_stddev: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        size = sum(parameter.numel() for parameter in parameters)
        self._parameters = [parameter.detach() for parameter in parameters]
        self._flat = parameters[0].new_zeros(size)
        self._parts = _laid_over(self._flat, parameters)
        self._totals = dict(zip(parameters, self._parts, strict=True))
        self._velocity = torch.zeros_like(self._flat) if momentum else self._flat
        self._velocity_parts = _laid_over(self._velocity, parameters)
        self._rate = learning_rate / examples_per_step
        self._decay = weight_decay * examples_per_step  # the buffer holds a sum, not a mean
        self._l2_norm_bound = l2_norm_bound
        self._clipping = clipping
        self._noise_stddev = noise_stddev
        self._momentum = momentum

    @torch.no_grad()
    def begin(self) -> None:
        """Forgets the last sum."""
        self._flat.zero_()

    @torch.no_grad()
    def add(self, contributions: list[Contribution]) -> Tensor:
        """Adds the clipped gradients of some examples, gives their norms; see ``add_clipped``."""
        return add_clipped(
            contributions,
            self._totals,
            l2_norm_bound=self._l2_norm_bound,
            clipping=self._clipping,
        )

    @torch.no_grad()
    def finish(self, normal: Draw) -> Tensor:
        """Adds the noise, updates the parameters, and gives the sum's norm before the noise."""
        norm: Tensor = torch.linalg.vector_norm(self._flat)
        if self._noise_stddev:
            for part in self._flat.split(_NOISE_AT_ONCE):
                part.add_(normal(part.numel()).to(part), alpha=self._noise_stddev)
        if self._decay:
            torch._foreach_add_(self._parts, self._parameters, alpha=self._decay)
        if self._momentum:
            self._velocity.mul_(self._momentum).add_(self._flat)
        torch._foreach_add_(self._parameters, self._velocity_parts, alpha=-self._rate)
        return norm


def _laid_over(flat: Tensor, parameters: list[Parameter]) -> list[Tensor]:
    """Views into the buffer with the parameters' shapes and, if dense, their order in memory."""
    parts = []
    start = 0
    for parameter in parameters:
        some = flat[start : start + parameter.numel()]
        # A parameter that is dense in another order of its axes (channels last) keeps that order.
        order = sorted(range(parameter.dim()), key=parameter.stride, reverse=True)
        part = some.view([parameter.shape[axis] for axis in order])
        parts.append(part.permute([order.index(axis) for axis in range(parameter.dim())]))
        start += parameter.numel()
    return parts
