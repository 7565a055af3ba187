"""What an audit found, as plain facts: the content of ``audit.json`` and of the page beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from tithe.report.property_facts import PropertyFacts

FORMAT = 2
_DIGITS = 9  # of a number in the file: what a replay gives again on any machine like this one


@dataclass(frozen=True)
class Rate:
    """Members found at a false-positive rate; 0 stands for none of the non-members at hand."""

    false_positive_rate: float
    num_found: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """True against false positive rates with a band, lists of one length, ascending."""

    false: tuple[float, ...]
    true: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Attack:
    """One attack's figures.

    Attributes:
      name: of the attack.
      observer: who could make it: sees the public model, one participant's uploads, or their sum.
      given: what the attacker was given.
      rates: at 10, 1 and 0.1 % as far as the non-members carry them, and at zero false positives.
      named: records named with at most one false accusation; ``named_chance`` by chance alone, and
        ``named_p_value`` how likely scores that tell nothing name as many.
    """

    name: str
    observer: str
    given: tuple[str, ...]
    auc: float
    auc_low: float
    auc_high: float
    advantage: float
    advantage_chance: float
    rates: tuple[Rate, ...]
    named: int
    named_chance: float
    named_p_value: float
    num_members: int
    num_non_members: int
    confidence: float
    roc: Curve


@dataclass(frozen=True)
class Epsilon:
    """Claimed and shown, side by side.

    Attributes:
      claimed: by the accountant, infinite without a guarantee; None: nothing is known of a claim.
      claim: in words.
      shown: the lower bound; 0 says that nothing was shown, not that nothing leaks.
      ceiling: what perfect scores of the same number would have shown.
      delta: at which both are told.
      basis: the counts behind the bound.
      proviso: what must hold for the bound to be one.
    """

    claimed: float | None
    claim: str
    shown: float
    ceiling: float
    confidence: float
    delta: float
    basis: str
    proviso: str


@dataclass(frozen=True)
class Slice:
    """One attack on some of the records: a class, or those classified wrongly."""

    name: str
    auc: float
    named: int
    named_chance: float
    num_members: int
    num_non_members: int


@dataclass(frozen=True)
class Exposed:
    """A record that can be named; ``record`` says which, for its owner alone."""

    record: str
    label: str
    score: float
    is_right: bool | None


@dataclass(frozen=True)
class Turn:
    """What was known after one more upload.

    Attributes:
      turn: counts from 0.
      epsilon: charged so far; None if nothing is charged.
      auc, named, rate_1: of all uploads so far, as the headline's attack tells members.
      auc_alone: of this upload by itself.
      isolated: records that stand alone in its first layer, and strangers that seem to.
      share_miscounted: records in a wrong class by the counts an observer gets.
    """

    turn: int
    epsilon: float | None
    auc: float | None = None
    auc_alone: float | None = None
    named: int | None = None
    rate_1: float | None = None
    isolated: int | None = None
    isolated_control: int | None = None
    share_miscounted: float | None = None


@dataclass(frozen=True)
class Labels:
    """The classes' counts: as they are, and as an observer has them from one upload."""

    names: tuple[str, ...]
    true: tuple[int, ...]
    recovered: tuple[float, ...]
    share_miscounted: float
    share_by_guess: float


@dataclass(frozen=True)
class Rebuilt:
    """One record beside what was rebuilt of it and beside its control, images as data URIs."""

    record: str
    label: str
    truth: str
    rebuilt: str
    control: str
    alike: float
    control_alike: float


@dataclass(frozen=True)
class Drawn:
    """What an insider's drawings of a class, or a control, are alike to; means over them.

    Attributes:
      name: whose drawings.
      judged: the share that a judge takes for the class.
      to_class: correlation with the class's public mean, less what all classes have in common.
      to_member: with the nearest row that was trained on; ``to_stranger`` of as many that were not.
    """

    name: str
    judged: float
    to_class: float
    to_member: float
    to_stranger: float


@dataclass(frozen=True)
class Planted:
    """The self-test: what the same measuring found of a leak planted in as many scores.

    Attributes:
      num_planted: members with a planted leak; ``num_named``, how many records were named.
      is_found: whether they were named, and are more than chance alone names.
      num_enough: members, and as many others, from which on such a leak is found.
    """

    num_planted: int
    num_named: int
    is_found: bool
    num_enough: int


@dataclass(frozen=True)
class AuditFacts:
    """Everything that one audit says.

    Attributes:
      kind: of what.
      name: of the run, model or file.
      headline: the attack that the verdict speaks of, named by rule before scores were seen.
      not_tried: by attack, why not.
      inferred: what is told of a property of all rows together.
      planted: the self-test; None where there are no scores to plant a leak in.
      made: how, label by label; the same on every replay.
      when: time stamps and durations; they alone differ between replays.
    """

    kind: Literal["model", "scores", "uploads", "inversion", "insider", "property"]
    name: str
    headline: str
    attacks: tuple[Attack, ...]
    epsilon: Epsilon | None
    planted: Planted | None
    assumed: tuple[str, ...]
    advice: tuple[str, ...]
    made: Mapping[str, str]
    not_tried: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()
    exposed: tuple[Exposed, ...] = ()
    turns: tuple[Turn, ...] = ()
    labels: Labels | None = None
    gallery: tuple[Rebuilt, ...] = ()
    gallery_words: str = ""
    drawn: tuple[Drawn, ...] = ()
    inferred: PropertyFacts | None = None
    when: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def without_scores(
        cls,
        kind: Literal["inversion", "insider", "property"],
        *,
        name: str,
        assumed: tuple[str, ...],
        made: Mapping[str, str],
        gallery: tuple[Rebuilt, ...] = (),
        gallery_words: str = "",
        drawn: tuple[Drawn, ...] = (),
        inferred: PropertyFacts | None = None,
        advice: tuple[str, ...] = (),
    ) -> AuditFacts:
        """An audit that tells no member from another record."""
        return cls(
            kind=kind,
            name=name,
            headline="",
            attacks=(),
            epsilon=None,
            planted=None,
            assumed=assumed,
            advice=advice,
            made=made,
            gallery=gallery,
            gallery_words=gallery_words,
            drawn=drawn,
            inferred=inferred,
        )

    @property
    def best(self) -> Attack | None:
        """The headline's attack; None where none tells members from others."""
        return next((each for each in self.attacks if each.name == self.headline), None)

    def to_json(self) -> bytes:
        """The same facts give the same bytes; infinity is spelt out."""
        content = {"format": FORMAT, **_plain(asdict(self))}
        return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def public(facts: AuditFacts) -> AuditFacts:
    """The form that may be shown to others: no image, no record, no count of a class.

    It still tells how many records were looked for, without which no figure means anything.
    """
    inferred = None if facts.inferred is None else facts.inferred.for_others()
    return replace(facts, exposed=(), gallery=(), labels=None, slices=(), inferred=inferred)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
