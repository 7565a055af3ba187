"""SSGD: an optimizer that updates only the parameters with the largest gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import SGD

from tithe.checks import require_fraction
from tithe.sharing.selection import num_to_select, select_largest


class SelectiveSGD(SGD):
    """``torch.optim.SGD`` on the theta fraction of parameters with the largest ``|gradient|``.

    The choice is made anew every step over all parameters together, as one flat vector. The
    gradient of the others counts as zero, so with momentum they keep rolling; without momentum and
    weight decay (the paper's setting) they do not move. theta = 1 is ``torch.optim.SGD`` exactly.

    Args:
      params: parameters or groups, as for ``torch.optim.SGD``.
      lr: alpha, the learning rate.
      theta: fraction of parameters to update, in (0, 1].
      others: further options of ``torch.optim.SGD``.
    Raises:
      ValueError: theta is not in (0, 1].
    Source: Shokri & Shmatikov 2015, selective SGD.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 1e-3, *, theta: float, **others: Any
    ) -> None:
        require_fraction(theta=theta)
        super().__init__(params, lr=lr, **others)
        self.theta = theta

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step; gradients that were not chosen are set to zero."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.theta < 1:
            self._keep_largest_gradients()
        super().step()
        return loss

    @torch.no_grad()
    def _keep_largest_gradients(self) -> None:
        gradients = [
            parameter.grad
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        count = num_to_select(flat.numel(), theta=self.theta)
        chosen = select_largest(flat.cpu(), count=count).to(flat.device)
        kept = torch.zeros_like(flat)
        kept[chosen] = flat[chosen]
        start = 0
        for gradient in gradients:
            gradient.copy_(kept[start : start + gradient.numel()].view(gradient.shape))
            start += gradient.numel()
