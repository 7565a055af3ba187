"""Screens: three optional checks against updates that are well formed and yet harmful."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from tithe.checks import require_at_least, require_fraction, require_positive
from tithe.federation.gatekeeper import Objection
from tithe.sharing.update import SparseUpdate


class NormScreen:
    """Refuses an update much longer than the median of those applied last.

    Guarantee: no single update moves the parameters by more than ``factor`` times that median, once
    ``fewest`` were applied. A minority that stays below it is not stopped, only bounded. The median
    holds as long as fewer than half of the last ``window`` updates were an attacker's.

    Args:
      factor: in medians, >= 1.
      window: how many of the last updates count.
      fewest: below so many nothing is refused.
    Source: Sun et al. 2019, norm thresholding, with a median in place of a fixed threshold.
    """

    def __init__(self, *, factor: float = 3.0, window: int = 50, fewest: int = 5) -> None:
        require_at_least(1, factor=factor, window=window, fewest=fewest)
        self._factor = factor
        self._fewest = fewest
        self._norms: deque[float] = deque(maxlen=window)

    def objection(self, update: SparseUpdate) -> Objection | None:
        """NORM if it is too long."""
        if len(self._norms) < self._fewest:
            return None
        is_long = float(update.values.norm()) > self._factor * median(self._norms)
        return Objection.NORM if is_long else None

    def note(self, update: SparseUpdate) -> None:
        """Counts its length among the recent ones."""
        self._norms.append(float(update.values.norm()))


class DirectionScreen:
    """Refuses an update that points against what was applied last.

    The memory is a vector that forgets: every applied update, scaled to length 1, is added after
    the rest was multiplied by ``keep``. An update is compared with it on its own coordinates.

    Guarantee: none against who follows the memory; it stops sign-flipped updates of a minority.
    Private noise hides directions, so with much noise the screen must be left off or set near -1.

    Args:
      size: d.
      least_cosine: below it an update is refused, in [-1, 1).
      keep: in (0, 1).
      fewest: below so many applied updates nothing is refused.
    Source: Cao et al. 2021 (FLTrust) for cosines to a trusted direction; here it is the past's.
    """

    def __init__(
        self, *, size: int, least_cosine: float = -0.1, keep: float = 0.95, fewest: int = 5
    ) -> None:
        require_fraction(keep=keep)
        require_at_least(-1, least_cosine=least_cosine)
        self._memory = torch.zeros(size)
        self._least_cosine = least_cosine
        self._keep = keep
        self._fewest = fewest
        self._num_noted = 0

    def objection(self, update: SparseUpdate) -> Objection | None:
        """DIRECTION if it points too far against the memory."""
        if self._num_noted < self._fewest or len(update) == 0:
            return None
        there = self._memory[update.indices]
        lengths = float(there.norm()) * float(update.values.norm())
        if lengths == 0:
            return None
        cosine = float(there @ update.values) / lengths
        return Objection.DIRECTION if cosine < self._least_cosine else None

    def note(self, update: SparseUpdate) -> None:
        """Lets the memory forget a little and adds this direction."""
        self._memory *= self._keep
        length = float(update.values.norm())
        if length:
            self._memory.index_add_(0, update.indices, update.values / length)
        self._num_noted += 1


@dataclass
class HeldOutScreen:
    """Refuses an update after which the joint model loses more on the server's own rows.

    Guarantee: a single applied update raises that loss by at most ``tolerance``. It costs two
    passes over the rows for every upload.

    Attributes:
      current: gives the joint parameters as they are, ``(d,)``.
      loss: of such parameters on rows of the server's own, in nats.
      tolerance: in nats, > 0: honest steps raise the loss a little too.
    Source: Xie et al. 2019 (Zeno), with a threshold in place of a rank.
    """

    current: Callable[[], Tensor]
    loss: Callable[[Tensor], float]
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        require_positive(tolerance=self.tolerance)

    def objection(self, update: SparseUpdate) -> Objection | None:
        """HELD_OUT if the loss would rise too far, or be no number."""
        before = self.current()
        after = before.index_add(0, update.indices, update.values)
        is_good = self.loss(after) <= self.loss(before) + self.tolerance
        return None if is_good else Objection.HELD_OUT

    def note(self, update: SparseUpdate) -> None:
        """Remembers nothing: it asks for the parameters each time."""
