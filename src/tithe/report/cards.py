"""Key figures: the handful of numbers that a run is told by, each with its sentence."""

from __future__ import annotations

from dataclasses import dataclass

from tithe.report.curves import Curve
from tithe.report.facts import Facts
from tithe.report.wording import count, held_against, percent, plural, size


@dataclass(frozen=True)
class Card:
    """One figure: what it is, its value, and what to hold it against."""

    label: str
    value: str
    note: str
    phase: str = ""  # gives it the colour of that series


@dataclass(frozen=True)
class Scale:
    """Where joint training lies between its floor and its ceiling, in per cent of the bar."""

    floor: str
    joint: str
    ceiling: str
    place: float
    sentence: str


def accuracy_cards(facts: Facts) -> list[Card]:
    """Floor, joint and ceiling, as far as they were measured, and the gap that was closed."""
    cards = []
    alone, joint, central = (facts.curves.get(p) for p in ("standalone", "joint", "centralised"))
    if alone:
        note = _spread(alone)
        note += "; nothing leaves, so no noise" if facts.is_private else ""
        cards.append(Card("Alone", percent(alone.last.accuracy), note, "standalone"))
    if joint:
        note = f"one network by {plural(facts.num_participants, 'participant')}"
        note += ", with noise" if facts.is_private else ""
        cards.append(Card("Together", percent(joint.last.accuracy), note, "joint"))
    if central:
        note = "the ceiling: no one keeps their data"
        note += ", no noise" if facts.is_private else ""
        cards.append(
            Card("All data in one place", percent(central.last.accuracy), note, "centralised")
        )
    if facts.gap_closed is not None:
        value = percent(facts.gap_closed, digits=0)
        note = "of the way from alone to all data in one place"
        if facts.gap_closed < 0:
            value, note = "none", "together they ended below what one reached alone"
        cards.append(Card("Gap closed", value, note))
    return cards


def traffic_cards(facts: Facts) -> list[Card]:
    """Bytes each way, a turn and in total, held against a dense exchange."""
    told = facts.traffic
    if told.turns_shared == 0:
        return []
    turns = max(told.turns_shared, 1)
    return [
        Card(
            "Sent up, a turn",
            size(told.total_up / turns),
            held_against(told.total_up, told.dense_up, what="every value as a float32"),
        ),
        Card(
            "Received, a turn",
            size(told.total_down / turns),
            held_against(told.total_down, told.dense_down, what="every value as a float32"),
        ),
        Card(
            "Sent up, in total",
            size(told.total_up),
            f"{plural(told.turns_shared, 'update')}; dense: {size(told.dense_up)}",
        ),
        Card(
            "Received, in total",
            size(told.total_down),
            f"by all participants; dense: {size(told.dense_down)}",
        ),
    ]


def setting_cards(facts: Facts) -> list[Card]:
    """How large the run was."""
    rows = [int(number) for number in facts.record.about.get("rows_each") or []]
    if not rows:
        note = "each keeping its data"
    elif min(rows) == max(rows):
        note = f"{plural(rows[0], 'row')} each"
    else:
        note = f"{count(min(rows))} to {count(max(rows))} rows each"
    share = facts.share_sent
    sent = (
        "nothing was sent"
        if share is None
        else f"{percent(share, digits=3 if share < 0.001 else 1)} of them in an update"
    )
    planned = facts.rounds_planned
    done = (
        "all that were planned" if facts.rounds_done >= planned else f"of {count(planned)} planned"
    )
    seed = "repeats this run exactly"
    if not facts.has_simulated_randomness and facts.is_private:
        seed = "repeats this run except for its noise"
    return [
        Card("Participants", count(facts.num_participants), note),
        Card("Parameters", count(facts.num_parameters), sent),
        Card("Rounds", count(facts.rounds_done), done),
        Card("Seed", str(facts.record.about.get("seed", "not recorded")), seed),
    ]


def scale(facts: Facts) -> Scale | None:
    """The bar from floor to ceiling; None if one of them is missing or joint training is below."""
    closed = facts.gap_closed
    if closed is None or closed < 0:
        return None
    low, joint, high = (
        percent(facts.curves[phase].last.accuracy)
        for phase in ("standalone", "joint", "centralised")
    )
    return Scale(
        floor=low,
        joint=joint,
        ceiling=high,
        place=100 * min(closed, 1.0),
        sentence=(
            f"From {low} alone to {high} with all data in one place, "
            f"joint training at {joint} closes {percent(closed, digits=0)} of the gap."
        ),
    )


def _spread(alone: Curve) -> str:
    if not alone.has_spread:
        return "one participant, on its own data"
    return (
        f"mean of {alone.num_members} participants: "
        f"{percent(alone.last.lowest)} to {percent(alone.last.highest)}"
    )
