"""The quick look at one upload: records that stand alone in it, and the classes' counts.

It needs no training and less than a tenth of a second, so it can look at every upload. It looks at
private rows, so what it says is for the participant alone, and nothing may be sent or held back by
it: who sees that would learn something too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.first_layer import count_exposed, row_ratios
from tithe.audit.label_counts import count_labels, mean_thought, share_miscounted
from tithe.audit.layer_places import LinearPlace, first_linear, last_linear
from tithe.audit.scores import Floats
from tithe.checks import BadInput
from tithe.learning.evaluate import predict
from tithe.learning.flat import write_vector
from tithe.sharing.update import SparseUpdate

_MOST_PUBLIC = 200  # rows that the network is asked about, for the labels
_MOST_RECORDS = 600  # of either side, for the first layer


@dataclass(frozen=True)
class UploadCheck:
    """What the quick look found; None where the network gives no hold for it.

    Attributes:
      num_records: n behind the upload.
      num_looked_for: records that were looked for in the first layer, and as many strangers.
      num_isolated: those that stand alone in it: some row of it is alike to them.
      num_isolated_control: the same of strangers, who took no part.
      counts: of each class, as an observer has them.
      true_counts: as they are.
      share_miscounted: the share of records in a wrong class by these counts.
      share_by_guess: what it is for somebody who guesses that all classes are of one size.
    """

    num_records: int
    num_looked_for: int
    num_isolated: int | None
    num_isolated_control: int | None
    counts: tuple[float, ...] | None
    true_counts: tuple[int, ...]
    share_miscounted: float | None
    share_by_guess: float


class UploadChecker:
    """Looks at the uploads of one participant, with what does not change from turn to turn.

    Args:
      module: a network of its own, whose parameters are overwritten.
      features: the participant's rows as trained on, shape ``(n, ...)``.
      labels: shape ``(n,)``.
      public_features: rows that nobody trains on, for control and for what the network thinks of
        each class, shape ``(m, ...)``.
      public_labels: shape ``(m,)``.
      num_classes: c.
      sends_largest: the recipe says that the largest changes are sent, so that a bias that was not
        sent is small; else nothing is known of it.
    """

    def __init__(
        self,
        module: nn.Module,
        features: Tensor,
        labels: Tensor,
        public_features: Tensor,
        public_labels: Tensor,
        *,
        num_classes: int,
        sends_largest: bool = False,
    ) -> None:
        self._module = module
        self._sends_largest = sends_largest
        self._num_records = len(labels)
        counts = torch.bincount(labels, minlength=num_classes)
        self._true_counts = counts.numpy()
        num = min(len(labels), len(public_labels), _MOST_RECORDS)
        self._records, self._strangers = (
            some[:num].flatten(1).double().numpy() for some in (features, public_features)
        )
        self._public = public_features[:_MOST_PUBLIC], public_labels[:_MOST_PUBLIC]
        self._first = _place(first_linear, module)
        self._last = _place(last_linear, module)

    def check(
        self,
        update: SparseUpdate,
        downloaded: Tensor,
        *,
        learning_rate: float,
        batch_size: int,
        num_steps: int,
    ) -> UploadCheck:
        """Looks at one upload.

        Args:
          update: what is sent.
          downloaded: the parameters that the turn began from, shape ``(d,)``.
          learning_rate: alpha of the turn.
          batch_size: of its steps.
          num_steps: how many it took.
        """
        isolated = control = None
        if self._first is not None:
            ratios = row_ratios(update, self._first)
            isolated, control = (
                count_exposed(ratios, rows) for rows in (self._records, self._strangers)
            )
        counts = self._counts(update, downloaded, learning_rate, batch_size, num_steps)
        num_classes = len(self._true_counts)
        even = np.full(num_classes, self._num_records / num_classes)
        return UploadCheck(
            num_records=self._num_records,
            num_looked_for=len(self._records),
            num_isolated=isolated,
            num_isolated_control=control,
            counts=None if counts is None else tuple(float(each) for each in counts),
            true_counts=tuple(int(each) for each in self._true_counts),
            share_miscounted=(
                None if counts is None else share_miscounted(counts, self._true_counts)
            ),
            share_by_guess=share_miscounted(even, self._true_counts),
        )

    def _counts(
        self,
        update: SparseUpdate,
        downloaded: Tensor,
        learning_rate: float,
        batch_size: int,
        num_steps: int,
    ) -> Floats | None:
        if self._last is None or self._last.num_outputs != len(self._true_counts):
            return None
        features, labels = self._public
        write_vector(self._module, downloaded)
        try:
            thought = mean_thought(
                predict(self._module, features).double().numpy(),
                labels.numpy(),
                num_classes=len(self._true_counts),
            )
        except BadInput:  # a class that is so rare that no public row is of it
            return None
        in_a_batch = min(batch_size, self._num_records)
        return count_labels(
            update,
            self._last,
            num_records=self._num_records,
            batch_size=batch_size,
            learning_rate=learning_rate,
            thought=thought,
            num_epochs=num_steps * in_a_batch / self._num_records,
            chose_largest=self._sends_largest,
        ).counts


def _place(find: Callable[[nn.Module], LinearPlace], module: nn.Module) -> LinearPlace | None:
    try:
        return find(module)
    except BadInput:
        return None
