"""One total speaks of one unit and one neighbouring relation; here events are made to agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tithe.privacy.events import (
    Event,
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PrivateEvent,
    Relation,
    RepeatedRowSteps,
    SparseVectorSelection,
    TouchedRowSteps,
    Unit,
)
from tithe.privacy.repeated_rows import as_one_contribution
from tithe.privacy.touched_rows import replaced


@dataclass(frozen=True)
class Comparable:
    """Mechanisms of one unit and one relation, so that their costs may be added.

    ``counts`` has a single mechanism and how many times it ran, in an order that depends on neither
    how the events were grouped nor when they came.
    """

    counts: tuple[tuple[PrivateEvent, int], ...]
    has_plain: bool
    unit: Unit
    relation: Relation

    def repeated(self, num_turns: int) -> Comparable:
        """All of this ``num_turns`` times over."""
        counts = tuple((mechanism, times * num_turns) for mechanism, times in self.counts)
        return replace(self, counts=counts)


def comparable(events: Sequence[Event], *, unit: Unit | None = None) -> Comparable:
    """The same events under one unit and one relation, each costing as much or more.

    Guarantee: whatever holds for the mechanisms that come out holds for the events that went in.
    Relations that differ all become "replace": replacing is taking away and putting in, so every
    sensitivity at most doubles (triangle inequality) and every scale is halved. A participant's
    event speaks about a record only under "replace", where her data may become anything, be it one
    record more, less or other; so it is brought there first, and then covers every relation of
    records (a sampled one only "replace", for its noise is hidden among samples of participants).
    The other way round nothing follows, and it is refused.

    Args:
      events: in any order.
      unit: what the total should speak of; by default the unit that the events share.
    Raises:
      TypeError: an event nobody knows.
      ValueError: units that cannot be brought under one total.
    """
    given = Counter(events)  # the same event comes once a turn
    for event in given:
        if not isinstance(event, Event):
            raise TypeError(f"no accountant knows the event {type(event).__name__}")
    private = {event: times for event, times in given.items() if isinstance(event, PrivateEvent)}
    wanted = unit if unit is not None else _shared_unit(private)
    about = [(_about(event, unit=wanted), times) for event, times in private.items()]
    about = [(_without_replaced_copies(event), times) for event, times in about]
    fixed = {event.relation for event, _ in about if not _covers_all(event, unit=wanted)}
    if len(fixed) > 1:
        about = [(as_replace(event), times) for event, times in about]
    relation: Relation = fixed.pop() if len(fixed) == 1 else "replace"
    counts: Counter[PrivateEvent] = Counter()
    for event, times in about:
        single, within = _single(replace(event, relation=relation))
        counts[single] += within * times
    ordered = tuple(sorted(counts.items(), key=lambda item: repr(item[0])))
    return Comparable(ordered, len(private) < len(given), wanted, relation)


def as_replace(event: PrivateEvent) -> PrivateEvent:
    """The same release, charged for neighbours in which one unit is replaced by any other.

    Guarantee: every sensitivity at most doubles, so scales are halved; queries that moved the same
    way when a unit came or went may now move apart, so none is monotonic. Of touched rows it is the
    number that grows, and the scale, which is about one row, stays.
    """
    match event:
        case RepeatedRowSteps():
            return as_replace(as_one_contribution(event))
        case _ if event.relation == "replace":
            return event
        case GaussianSteps():
            halved = event.noise_multiplier / 2
            return replace(event, noise_multiplier=halved, relation="replace")
        case TouchedRowSteps():
            return replaced(event)
        case LaplaceRelease() | GumbelSelection():
            return replace(event, scale=event.scale / 2, relation="replace")
        case SparseVectorSelection():
            return replace(
                event,
                threshold_scale=event.threshold_scale / 2,
                query_scale=event.query_scale / 2,
                is_monotonic=False,
                relation="replace",
            )
    raise TypeError(f"no accountant knows the event {type(event).__name__}")


def _about(event: PrivateEvent, *, unit: Unit) -> PrivateEvent:
    """The event as a fact about this unit, which is marked by the unit it keeps."""
    if event.unit == unit:
        return event
    if event.unit == "record":
        raise ValueError(
            "an event that hides one record says nothing about a whole participant; ask for the "
            'total with unit="record"'
        )
    return as_replace(event)


def _without_replaced_copies(event: PrivateEvent) -> PrivateEvent:
    """Under "replace", copies of a record as one contribution; there is no law of theirs."""
    is_copied = isinstance(event, RepeatedRowSteps) and event.relation == "replace"
    return as_replace(event) if is_copied else event


def _covers_all(event: PrivateEvent, *, unit: Unit) -> bool:
    """Whether a participant's event answers for records under any relation at the same price."""
    is_sampled = isinstance(event, GaussianSteps) and event.sampling_rate < 1
    return event.unit != unit and not is_sampled


def _single(event: PrivateEvent) -> tuple[PrivateEvent, int]:
    """One mechanism and how many of it ran; a kept threshold makes all its positions one."""
    if isinstance(event, SparseVectorSelection):
        if event.is_redrawn:
            return replace(event, count=1, is_redrawn=False), event.count
        return event, 1
    return replace(event, count=1), event.count


def _shared_unit(events: Iterable[PrivateEvent]) -> Unit:
    """The one unit of these events; where nothing was released, everybody is hidden."""
    units = {event.unit for event in events}
    if len(units) > 1:
        raise ValueError(
            "these events hide records and participants, and a total speaks of one unit; ask for "
            'it with unit="record", which both kinds can answer'
        )
    return units.pop() if units else "participant"
