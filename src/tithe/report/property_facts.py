"""What uploads tell of a property of a participant's rows, as plain facts."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Told:
    """How well participants with the property are told from those without.

    Attributes:
      name: from what.
      auc: chance that one with it is more believed to have it than one without; with limits.
      num_right: believed rightly, more likely than not; of ``num`` of both kinds together.
      right_low, right_high: exact limits of that share.
    """

    name: str
    auc: float
    auc_low: float
    auc_high: float
    num_right: int
    num: int
    right_low: float
    right_high: float


@dataclass(frozen=True)
class OwnProperty:
    """The audited participant itself, for its owner alone.

    Attributes:
      share: of its rows that are of the class; holds: whether that is more than the boundary.
      belief: the observer's, from what was really sent, in [0, 1].
      above: participants without the property of whom the observer believes it less.
    """

    share: float
    holds: bool
    belief: float
    above: int


@dataclass(frozen=True)
class PropertyFacts:
    """Everything about one property.

    Attributes:
      class_name: the class; boundary: the share of the rows that it has to exceed.
      told: by all uploads together; control: the same observer, asked to tell participants without
        the property from others without it.
      parts: by single uploads, and for shares near the boundary and far from it.
      smallest: the smallest AUC that so many participants could tell from chance.
      num_each: participants of each kind; confidence: of every limit by itself.
      present, absent: share and belief of each participant that was made up.
      own: of the audited one; None in the form for others.
    """

    class_name: str
    boundary: float
    told: Told
    control: Told
    parts: tuple[Told, ...]
    smallest: float
    num_each: int
    confidence: float
    present: tuple[tuple[float, float], ...]
    absent: tuple[tuple[float, float], ...]
    own: OwnProperty | None

    @property
    def control_is_told(self) -> bool:
        """Whether the observer sees something that is not the property."""
        return self.control.auc_low > 0.5

    @property
    def is_told(self) -> bool:
        """Whether the observer is above chance and its control is not."""
        return self.told.auc_low > 0.5 and not self.control_is_told

    def for_others(self) -> PropertyFacts:
        """Without the participant itself: its share is a count of a class."""
        return replace(self, own=None)
