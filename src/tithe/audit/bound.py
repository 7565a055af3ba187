"""What every lower bound on epsilon says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strategy = Literal["fixed", "split", "simultaneous"]
"""How the threshold (or the number of guesses) is chosen, declared before scores are seen:
``fixed``: one, named beforehand; ``split``: on every second score, judged on the others;
``simultaneous``: the best of a short list that is named beforehand, at a level divided by its
length. The best of all thresholds without any of these is no bound."""


@dataclass(frozen=True)
class EpsilonBound:
    """A lower bound on epsilon with everything it needs to mean something.

    Attributes:
      epsilon: what was shown, >= 0; 0 says that nothing was shown, not that nothing leaks.
      ceiling: what perfect scores of the same number would have shown. A bound at its ceiling
        means "at least this".
      confidence: the bound is above the truth with probability at most one minus this.
      delta: of the guarantee that is tested.
      method: ``"pairs"``, ``"one_run"`` or ``"one_run_gaussian"``.
      strategy: how threshold or number of guesses was chosen.
      basis: the counts that gave the bound, in words.
    """

    epsilon: float
    ceiling: float
    confidence: float
    delta: float
    method: Literal["pairs", "one_run", "one_run_gaussian"]
    strategy: Strategy
    basis: str

    def rejects(self, claimed_epsilon: float) -> bool:
        """Whether the claim is refuted at this confidence."""
        return self.epsilon > claimed_epsilon
