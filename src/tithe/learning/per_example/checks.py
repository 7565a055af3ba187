"""Start-up checks: examples must not mix, and the quick way must find what autograd finds."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from tithe.learning.flat import trainable
from tithe.learning.per_example.bare import OneByOne, Vectorised
from tithe.learning.per_example.call import UnknownLayer
from tithe.learning.per_example.contribution import num_written_out
from tithe.learning.per_example.tape import Examples, Loss, Tape, row_losses

_NUM_ROWS = 3
_MOST_VALUES_IN_DOUBLE = 2**22  # parameters; larger modules are tried as they are, for the memory
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-3}  # of the largest gradient's norm


class MixedExamples(ValueError):
    """In this module one example changes another's gradient, so no clip bounds its influence."""


@dataclass(frozen=True)
class Way:
    """How this module's gradients of single examples are found.

    Attributes:
      kind: ``"one_backward"`` if every trained layer has a rule of its own; else ``"vectorised"``,
        or ``"one_by_one"`` where even that is impossible.
      values_per_example: how many numbers are written out for every example, about; this bounds
        how many examples are worked on at once.
    """

    kind: Literal["one_backward", "vectorised", "one_by_one"]
    values_per_example: int

    def of(self, module: nn.Module, loss: Loss) -> Tape | Vectorised | OneByOne:
        """What finds them."""
        if self.kind == "one_backward":
            return Tape(module, loss)
        if self.kind == "vectorised":
            return Vectorised(module, loss)
        return OneByOne(module, loss)


def find_way(module: nn.Module, features: Tensor, labels: Tensor, *, loss: Loss) -> Way:
    """Refuses a module that mixes examples, and finds the quickest way that is right for it.

    It looks at shapes and types only: the module is tried on random rows, so a refusal tells
    nothing about the data. What it finds is kept as long as the module lives.
    Not covered: a module that mixes examples only for some values, or only while its dropout is
    switched on; what is switched on at random is switched off for the trial.

    Args:
      module: its parameters, mode and buffers are left alone.
      features: any rows of the kind it will be trained on, shape ``(n, ...)``.
      labels: theirs, shape ``(n, ...)``.
      loss: from scores and labels to one value a row.
    Raises:
      MixedExamples: a row's gradient depends on the rows beside it, or the module keeps statistics
        of the rows it has seen.
      ValueError: the parameters differ in dtype or device, or the loss is no loss a row.
    """
    key = (
        tuple(type(layer) for layer in module.modules()),
        tuple((name, p.shape, p.requires_grad) for name, p in module.named_parameters()),
        (features.shape[1:], features.dtype, labels.shape[1:], labels.dtype),
        loss,
    )
    if module not in _found or _found[module][0] != key:
        _refuse_known_mixers(module)
        trial = _Trial.of(module, features, labels, loss)
        _found[module] = (key, trial.quickest_way(trial.gradients_alone()))
    return _found[module][1]


_found: WeakKeyDictionary[nn.Module, tuple[object, Way]] = WeakKeyDictionary()


def _refuse_known_mixers(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        kind = type(layer).__name__
        if isinstance(layer, _BATCH_NORMS):
            raise MixedExamples(
                f"layer {name} ({kind}) normalises with the whole batch, so one example's gradient "
                f"depends on the others; put torch.nn.GroupNorm(1, {layer.num_features}) in its "
                f"place, or more groups"
            )
        if isinstance(layer, _INSTANCE_NORMS) and layer.track_running_stats:
            raise MixedExamples(
                f"layer {name} ({kind}) keeps statistics of the rows it has seen; make it with "
                f"track_running_stats=False"
            )
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            if layer.max_norm is not None:
                raise MixedExamples(
                    f"layer {name} ({kind}) changes its weight while it looks up; max_norm must be "
                    f"None"
                )
            if layer.scale_grad_by_freq:
                raise MixedExamples(
                    f"layer {name} ({kind}) scales gradients by how often a word is in the batch; "
                    f"scale_grad_by_freq must be False"
                )


@dataclass(frozen=True)
class _Alone:
    """What the rows give by themselves: norms ``(rows,)``, and their sum as one vector ``(d,)``."""

    norms: Tensor
    total: Tensor


@dataclass(frozen=True)
class _Trial:
    """A copy of the module, in double precision if it works there, with random rows for it."""

    module: nn.Module
    features: Tensor
    labels: Tensor
    loss: Loss
    tolerance: float

    @classmethod
    def of(cls, module: nn.Module, features: Tensor, labels: Tensor, loss: Loss) -> _Trial:
        kinds = {(p.dtype, p.device) for p in trainable(module)}
        if len(kinds) != 1:
            raise ValueError(
                f"module must have trained parameters of one dtype on one device, got {len(kinds)}"
            )
        ((dtype, device),) = kinds
        rng = torch.Generator().manual_seed(0)
        some_labels = _random_like(labels, rng).to(device)
        is_small = sum(p.numel() for p in trainable(module)) <= _MOST_VALUES_IN_DOUBLE
        for its_dtype in dict.fromkeys((torch.float64, dtype) if is_small else (dtype,)):
            tried = copy.deepcopy(module).to(its_dtype).train()
            rows = _random_like(features, rng).to(device)
            rows = rows.to(its_dtype) if rows.is_floating_point() else rows
            trial = cls(tried, rows, some_labels, loss, _TOLERANCE.get(its_dtype, 0.05))
            try:
                trial.switch_off_chance()
            except RuntimeError:  # a constant of another dtype inside, or no double on this device
                if its_dtype == dtype:
                    raise
                continue
            return trial
        raise AssertionError("the module's own dtype is tried last")

    def switch_off_chance(self) -> None:
        """Dropout would hide what one row does to another; module by module, then all of it."""
        before = {name: buffer.clone() for name, buffer in self.module.named_buffers()}
        is_random = not torch.equal(self._scores(0), self._scores(1))
        for name, buffer in self.module.named_buffers():
            if not torch.equal(buffer, before[name]):
                raise MixedExamples(
                    f"buffer {name} changes with the rows that the module sees; statistics of rows "
                    f"must not be kept"
                )
        if not is_random:
            return
        for layer in self.module.modules():
            if isinstance(layer, _DROPOUTS):
                layer.eval()
        if not torch.equal(self._scores(0), self._scores(1)):
            self.module.eval()

    def gradients_alone(self) -> _Alone:
        """The gradient of every row by itself, which must be its gradient in the batch.

        Raises:
          MixedExamples: for some row it is not.
        """
        norms = []
        total = torch.zeros(())
        for row in range(_NUM_ROWS):
            alone = self._gradient(slice(row, row + 1), of=0)
            among_others = self._gradient(slice(None), of=row)
            if not self._agree(alone, among_others):
                raise MixedExamples(
                    f"{type(self.module).__name__} mixes the examples of a batch: a row's gradient "
                    f"alone is not its gradient among others, so clipping bounds nothing; let "
                    f"every row pass through the module on its own"
                )
            norms.append(torch.linalg.vector_norm(alone, dtype=torch.float64))
            total = alone if row == 0 else total + alone
        return _Alone(torch.stack(norms), total)

    def quickest_way(self, alone: _Alone) -> Way:
        """The first whose norms and sum are those of the rows by themselves."""
        num_values = sum(p.numel() for p in trainable(self.module))
        try:
            tape = Tape(self.module, self.loss)
            if self._agrees_with(alone, tape):
                return Way("one_backward", num_written_out(self._examples(tape).contributions))
        except (UnknownLayer, RuntimeError, IndexError):
            pass  # some layer is used in a way that no rule covers
        try:
            if self._agrees_with(alone, Vectorised(self.module, self.loss)):
                return Way("vectorised", num_values)
        except (RuntimeError, ValueError, TypeError):
            pass  # something in it cannot be vectorised
        return Way("one_by_one", num_values)

    def _scores(self, seed: int) -> Tensor:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            scores: Tensor = self.module(self.features)
            return scores

    def _gradient(self, rows: slice, *, of: int) -> Tensor:
        with torch.enable_grad():
            scores = self.module(self.features[rows])
            losses = row_losses(scores, self.labels[rows], self.loss)
            parameters = trainable(self.module)
            found = torch.autograd.grad(losses[of], parameters, materialize_grads=True)
        return torch.cat([gradient.reshape(-1) for gradient in found])

    def _agrees_with(self, alone: _Alone, way: Tape | Vectorised | OneByOne) -> bool:
        parameters = trainable(self.module)
        examples = self._examples(way)
        norms = torch.stack([c.squared_norms() for c in examples.contributions]).sum(dim=0).sqrt()
        total = self._total(examples, parameters)
        return self._agree(norms.double(), alone.norms) and self._agree(total, alone.total)

    def _examples(self, way: Tape | Vectorised | OneByOne) -> Examples:
        with way.attached() as find:
            return find(self.features, self.labels, weights=None, group=1)

    def _total(self, examples: Examples, parameters: list[Parameter]) -> Tensor:
        totals = {parameter: torch.zeros_like(parameter) for parameter in parameters}
        ones = self.features.new_ones(_NUM_ROWS, dtype=parameters[0].dtype)
        with torch.no_grad():
            for contribution in examples.contributions:
                contribution.add_weighted(ones, totals)
        return torch.cat([totals[parameter].reshape(-1) for parameter in parameters])

    def _agree(self, left: Tensor, right: Tensor) -> bool:
        if not torch.equal(left.isfinite(), right.isfinite()):
            return False
        left, right = left.nan_to_num(0, 0, 0), right.nan_to_num(0, 0, 0)
        return bool((left - right).norm() <= self.tolerance * right.norm())


def _random_like(tensor: Tensor, rng: torch.Generator) -> Tensor:
    """Rows of the same shape that were never seen: normal if real, else zeros and ones."""
    shape = (_NUM_ROWS, *tensor.shape[1:])
    if tensor.is_floating_point():
        return torch.randn(shape, generator=rng)
    return torch.randint(2, shape, generator=rng).to(tensor.dtype)
