"""Screens: three optional checks against updates that are well formed and yet harmful."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
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

    def __init__(self, *, factor: float = 2.0, window: int = 20, fewest: int = 5) -> None:
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
    """Refuses an update that points against what was applied last, where all start alike.

    The memory is a vector that forgets: every applied update, scaled to length 1, is added after
    the rest was multiplied by ``keep``. An update is compared with it on its own coordinates.

    It is for synchronous plans alone, where all begin a round at the same parameters and honest
    updates agree. Where one trains after another an honest update takes back what the others
    overshot: after some rounds its cosine is negative and a flipped one's positive, so the screen
    would refuse the wrong ones (measured in ``experiments/attackers``).

    Guarantee: none against who follows the memory; it stops crude flips of a minority. Private
    noise brings honest cosines close to 0, so with much noise the screen must be left off.

    Args:
      size: d.
      least_cosine: below it an update is refused, in [-1, 1).
      keep: in (0, 1).
      fewest: below so many applied updates nothing is refused.
    Source: Cao et al. 2021 (FLTrust) for cosines to a trusted direction; here it is the past's.
    """

    def __init__(
        self, *, size: int, least_cosine: float = 0.0, keep: float = 0.95, fewest: int = 5
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


class HeldOutScreen:
    """Refuses an update after which the joint model loses more on the server's own rows.

    Honest updates raise that loss too, by how much depends on how unlike the participants' rows
    are. So the limit is learnt: it is the larger of ``tolerance`` and the median rise of the last
    updates plus ``spread`` times their median distance from it. Both hold while fewer than half of
    those updates are an attacker's; refused ones are among them, or the limit would only ever fall.

    Guarantee: an applied update raises the loss by at most that limit, where updates are added with
    weight 1. It costs two passes over the rows for every upload.

    Args:
      current: gives the joint parameters as they are, ``(d,)``.
      loss: of such parameters on rows of the server's own, in nats.
      tolerance: in nats, > 0.
      spread: >= 0; 0 learns nothing, the limit is ``tolerance``.
      window: of how many of the last updates is learnt.
      fewest: below so many nothing is learnt.
    Source: Xie et al. 2019 (Zeno), with a threshold in place of a rank.
    """

    def __init__(
        self,
        current: Callable[[], Tensor],
        loss: Callable[[Tensor], float],
        tolerance: float = 0.1,
        *,
        spread: float = 3.0,
        window: int = 20,
        fewest: int = 5,
    ) -> None:
        require_positive(tolerance=tolerance)
        require_at_least(0, spread=spread)
        require_at_least(1, window=window, fewest=fewest)
        self._current = current
        self._loss = loss
        self._tolerance = tolerance
        self._spread = spread
        self._fewest = fewest
        self._rises: deque[float] = deque(maxlen=window)

    def objection(self, update: SparseUpdate) -> Objection | None:
        """HELD_OUT if the loss would rise too far, or be no number."""
        before = self._current()
        after = before.index_add(0, update.indices, update.values)
        rise, limit = self._loss(after) - self._loss(before), self._limit()
        self._rises.append(rise if math.isfinite(rise) else math.inf)
        return None if rise <= limit else Objection.HELD_OUT

    def note(self, update: SparseUpdate) -> None:
        """Remembers nothing: it has seen the update when it was asked."""

    def _limit(self) -> float:
        if self._spread == 0 or len(self._rises) < self._fewest:
            return self._tolerance
        middle = median(self._rises)
        distance = median(abs(each - middle) for each in self._rises)
        learnt = middle + self._spread * distance
        return max(self._tolerance, learnt) if math.isfinite(learnt) else self._tolerance
