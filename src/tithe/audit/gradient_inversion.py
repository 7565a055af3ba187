"""Gradient inversion: inputs whose simulated local training would have sent the same upload.

The observer knows the downloaded parameters, the labels and the recipe, simulates the turn on
inputs of its own, and moves those until the simulated change points where the upload does, on the
coordinates that were sent. A low cost is no evidence of a good image: only the comparison with the
truth is, beside that of a control, and where it fails the answer is "not feasible here".

Source: Geiping, Bauermeister, Droege & Moeller 2020 (cosine and total variation); the mask of
coordinates and the simulated epoch on it are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from tithe.audit.first_layer import correlations
from tithe.audit.scores import Floats
from tithe.checks import BadInput, require_at_least, require_positive
from tithe.sharing.update import SparseUpdate

_MARGIN = 0.1  # correlation by which a reconstruction must beat its control


@dataclass(frozen=True)
class Recipe:
    """The local training that the observer simulates.

    Attributes:
      learning_rate: alpha of the turn, > 0.
      batches: which of the n inputs each step takes, in order; one step on all is ``((0, ...),)``.
    """

    learning_rate: float
    batches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What was found: inputs ``(n, ...)`` and the cosine distance of their simulated upload."""

    inputs: Tensor
    cost: float


@dataclass(frozen=True, eq=False)
class Feasibility:
    """Reconstructions against the truth, best assignment, and against the control.

    Attributes:
      alike: correlation of each true input with the reconstruction it was matched with, ``(n,)``.
      control: correlation of each with its control, ``(n,)``.
      is_feasible: whether the mean of the first is clearly above that of the second.
    """

    alike: Floats
    control: Floats
    is_feasible: bool

    def in_words(self) -> str:
        """One sentence for a report."""
        found, control = float(self.alike.mean()), float(self.control.mean())
        if self.is_feasible:
            return f"inputs were rebuilt at correlation {found:.2f}, the control has {control:.2f}"
        return f"not feasible here: correlation {found:.2f}, and the control has {control:.2f}"


def invert_upload(
    module: nn.Module,
    update: SparseUpdate,
    labels: Tensor,
    *,
    shape: tuple[int, ...],
    recipe: Recipe,
    num_steps: int = 300,
    smoothness: float = 1e-3,
    num_starts: int = 1,
    rng: torch.Generator,
) -> Reconstruction:
    """Looks for inputs behind one upload; the best of some starts.

    Args:
      module: at the downloaded parameters; left alone.
      update: what was sent.
      labels: of the n inputs, as counted or guessed, shape ``(n,)``.
      shape: of one input, values in [0, 1].
      recipe: of the turn.
      num_steps: of Adam on the sign of the slope, a start.
      smoothness: weight of the total variation of images, >= 0.
      num_starts: >= 1.
      rng: the starts.
    Raises:
      BadInput: an empty upload, or a recipe of inputs that there are not.
    """
    require_positive(learning_rate=recipe.learning_rate)
    require_at_least(1, num_steps=num_steps, num_starts=num_starts)
    if not len(update):
        raise BadInput("the upload holds nothing, so there is nothing to invert")
    if max(max(batch) for batch in recipe.batches) >= len(labels):
        raise BadInput(f"the recipe names inputs beyond the {len(labels)} that have labels")
    module.eval()
    tries = [
        _descend(
            module,
            update,
            labels,
            torch.rand(len(labels), *shape, generator=rng),
            recipe=recipe,
            num_steps=num_steps,
            smoothness=smoothness,
        )
        for _ in range(num_starts)
    ]
    return min(tries, key=lambda found: found.cost)


def judge_inversion(
    reconstruction: Reconstruction, truth: Tensor, *, control: Tensor
) -> Feasibility:
    """Matches reconstructions with the true inputs and sets both beside a control.

    Args:
      reconstruction: as found.
      truth: the true inputs, shape ``(n, ...)``.
      control: what the observer would have drawn without the upload, such as each class's mean of
        public records, the same shape.
    """
    true, found, drawn = (
        rows.flatten(1).double().numpy() for rows in (truth, reconstruction.inputs, control)
    )
    table = correlations(true, found)
    rows, columns = linear_sum_assignment(-table)
    alike = table[rows, columns]
    beside = np.diag(correlations(true, drawn))
    return Feasibility(alike, beside, bool(alike.mean() > beside.mean() + _MARGIN))


def _descend(
    module: nn.Module,
    update: SparseUpdate,
    labels: Tensor,
    start: Tensor,
    *,
    recipe: Recipe,
    num_steps: int,
    smoothness: float,
) -> Reconstruction:
    inputs = start.requires_grad_()
    optimizer = torch.optim.Adam([inputs], lr=0.1)
    marks = [num_steps * part // 8 for part in (3, 5, 7)]
    slower = torch.optim.lr_scheduler.MultiStepLR(optimizer, marks, gamma=0.1)
    best = Reconstruction(inputs.detach().clone(), torch.inf)
    for _ in range(num_steps):
        cost = 1 - functional.cosine_similarity(
            _simulated(module, inputs, labels, recipe)[update.indices], update.values, dim=0
        )
        now = float(cost.detach())
        if now < best.cost:
            best = Reconstruction(inputs.detach().clone(), now)
        (slope,) = torch.autograd.grad(cost + smoothness * _variation(inputs), inputs)
        inputs.grad = slope.sign()
        optimizer.step()
        slower.step()
        with torch.no_grad():
            inputs.clamp_(0, 1)
    return best


def _simulated(module: nn.Module, inputs: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """The change of the turn as a function of the inputs, shape ``(d,)``."""
    before = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    now = {name: value.requires_grad_() for name, value in before.items()}
    for batch in recipe.batches:
        rows = list(batch)
        scores = torch.func.functional_call(module, now, (inputs[rows],))
        loss = functional.cross_entropy(scores, labels[rows])
        slopes = _slopes(loss, list(now.values()))
        now = {
            name: value - recipe.learning_rate * slope
            for (name, value), slope in zip(now.items(), slopes, strict=True)
        }
    return torch.cat([(now[name] - before[name]).reshape(-1) for name in before])


def _slopes(loss: Tensor, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, values, create_graph=True)


def _variation(inputs: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels; 0 for rows that are no images."""
    if inputs.dim() != 4:
        return inputs.new_zeros(())
    return inputs.diff(dim=2).abs().mean() + inputs.diff(dim=3).abs().mean()
