"""Patience: when to try again after nobody answered, and when to look for work again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Grows from a fifth of a second to ten seconds while tries fail, jittered by a quarter.

    Attributes:
      clock: seconds that only grow; tests put their own in its place.
    """

    clock: Callable[[], float] = time.monotonic
    _failures: int = field(default=0, init=False)
    _next: float = field(default=0.0, init=False)

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to try again."""
        return self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """Until the next try may be made; 0 if now."""
        return max(0.0, self._next - self.clock())

    @property
    def num_failures(self) -> int:
        """In a row."""
        return self._failures

    def failed(self) -> None:
        """Notes a failure; the next try is later than after the last."""
        pause: float = min(10.0, 0.2 * 2.0 ** min(self._failures, 10))
        self._failures += 1
        # When to call is no secret and protects nothing.
        self._next = self.clock() + pause * random.uniform(0.75, 1.25)  # noqa: S311

    def succeeded(self) -> None:
        """Notes a success; the next try may be made at once."""
        self._failures = 0
        self._next = 0.0


@dataclass
class Pace:
    """How long to wait between two looks for work: briefly after some, longer when there is none.

    A look costs the SuperLink about as much as a page view, so an idle participant looks seldom,
    and where looks take long, nobody spends more than a third of the time on them: looks that
    crowd the SuperLink delay the very answers that they look for.

    Attributes:
      shortest, longest: seconds.
      clock: seconds that only grow.
    """

    shortest: float = 0.03
    longest: float = 0.5
    clock: Callable[[], float] = time.monotonic
    _last_work: float = field(default=float("-inf"), init=False)
    _last_look: float = field(default=0.0, init=False)

    def looked(self, seconds: float) -> None:
        """Notes how long a look took."""
        self._last_look = seconds

    def worked(self) -> None:
        """Notes that there was work just now."""
        self._last_work = self.clock()

    @property
    def seconds(self) -> float:
        """The wait until the next look.

        It is a twentieth of the time without work or twice the last look, if that is longer.
        """
        idle = self.clock() - self._last_work
        return min(self.longest, max(self.shortest, idle / 20, 2 * self._last_look))
