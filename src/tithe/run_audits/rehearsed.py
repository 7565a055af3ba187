"""What a rehearsal found of a recipe, and whether that is enough to call it safe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tithe.audit.recipe_gate import Objection
from tithe.audit.self_test import SelfTest, is_near_chance
from tithe.audit.separation import Separation
from tithe.audit.upload_check import UploadCheck

Verdict = Literal["safe", "not safe", "cannot tell"]


@dataclass(frozen=True)
class Rehearsed:
    """What one recipe would send, and what an observer would make of it.

    Attributes:
      name: of the recipe; changes: to the plan.
      bytes_up: of one upload, on average.
      cosine: of the angle between what is sent and what plain training by the plan changes; how
        much of a turn's use is left.
      separation: of members from others by decoding, over all rehearsed uploads.
      self_test: whether a leak planted in as many scores is found; if not, the silence of
        ``separation`` means nothing.
      check: the quick look at the last upload: records that stand alone, classes counted.
      epsilon: of one participant in the whole training; infinite without noise.
      objections: rules about recipes that it does not keep.
    """

    name: str
    changes: tuple[str, ...]
    bytes_up: float
    cosine: float
    separation: Separation
    self_test: SelfTest
    check: UploadCheck
    epsilon: float
    objections: tuple[Objection, ...]

    @property
    def verdict(self) -> Verdict:
        """``safe`` if it has noise, nothing told more than chance, and a leak would have been seen.

        What was found counts however few records there were; what was not found counts only if
        the same measuring finds a planted leak.
        """
        check = self.check
        stands_alone = (check.num_isolated or 0) > (check.num_isolated_control or 0)
        is_protected = math.isfinite(self.epsilon)
        if not is_protected or stands_alone or not is_near_chance(self.separation):
            return "not safe"
        return "safe" if self.self_test.is_found else "cannot tell"

    @property
    def is_safe(self) -> bool:
        """Whether the verdict is ``safe``; a rehearsal that cannot tell calls nothing so."""
        return self.verdict == "safe"


@dataclass(frozen=True)
class Impossible:
    """A recipe that could not be played, and why."""

    name: str
    changes: tuple[str, ...]
    reason: str


def cheapest_safe(found: list[Rehearsed]) -> Rehearsed | None:
    """The safe recipe that keeps the most of a turn's use, and of those alike the smallest."""
    safe = [each for each in found if each.is_safe]
    return max(safe, key=lambda each: (round(each.cosine, 2), -each.bytes_up), default=None)
