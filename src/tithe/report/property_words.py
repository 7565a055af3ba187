"""What uploads tell of a property, in words: the verdict, its table, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tithe.report.canvas import Table
from tithe.report.cards import Card
from tithe.report.property_facts import PropertyFacts, Told
from tithe.report.wording import count, percent


def property_verdict(facts: PropertyFacts) -> str:
    """One sentence; above chance only if the control is not."""
    asked = _asked(facts)
    if facts.control_is_told:
        return (
            f"Whether {asked} cannot be said to be told or not: the observer tells even "
            f"participants without it apart (AUC {facts.control.auc:.2f}), so it sees something "
            "else than the property"
        )
    told = (
        f"AUC {facts.told.auc:.2f} ({facts.told.auc_low:.2f} to {facts.told.auc_high:.2f}), "
        f"{_right(facts.told)}"
    )
    if facts.is_told:
        return f"The uploads tell whether {asked}: {told}, where chance has half"
    return (
        f"The uploads were not found to tell whether {asked}: {told}, near chance; an AUC below "
        f"{facts.smallest:.2f} cannot be told from chance with {count(facts.num_each)} "
        "participants of each kind"
    )


def own_words(facts: PropertyFacts) -> str:
    """What the observer makes of the audited participant itself; empty in the form for others."""
    own = facts.own
    if own is None:
        return ""
    thinks = "more" if own.belief > 0.5 else "no more"
    is_right = (own.belief > 0.5) == own.holds
    return (
        f"Of this participant the observer thinks that {thinks} than "
        f"{percent(facts.boundary, digits=1)} are (belief {own.belief:.2f}, above that of "
        f"{count(own.above)} of {count(facts.num_each)} without the property). It is "
        f"{percent(own.share, digits=1)}, so that is {'right' if is_right else 'wrong'}; one "
        "participant proves nothing either way."
    )


def property_table(facts: PropertyFacts) -> Table:
    """By all uploads, by the control, and by parts."""
    limits = percent(facts.confidence, digits=0)
    head = (
        "Told from",
        "AUC",
        f"{limits} limits",
        "Believed rightly",
        f"{limits} limits",
        "Chance",
    )
    rows = tuple(
        (
            each.name,
            f"{each.auc:.3f}",
            f"{each.auc_low:.3f} to {each.auc_high:.3f}",
            f"{count(each.num_right)} of {count(each.num)}",
            f"{percent(each.right_low, digits=0)} to {percent(each.right_high, digits=0)}",
            f"0.5, {percent(0.5, digits=0)}",
        )
        for each in (facts.told, facts.control, *facts.parts)
    )
    return Table(head, rows)


def property_cards(facts: PropertyFacts) -> list[Card]:
    """What the observer tells, what it tells of the control, and how often it is right."""
    told, control = facts.told, facts.control
    phase = "refused" if facts.is_told else "joint"
    return [
        Card("AUC, all uploads", f"{told.auc:.3f}", _limits(told), phase),
        Card("AUC of the control", f"{control.auc:.3f}", _limits(control), "standalone"),
        Card(
            "Believed rightly",
            f"{count(told.num_right)} of {count(told.num)}",
            f"{percent(told.right_low, digits=0)} to {percent(told.right_high, digits=0)}; half is "
            "chance",
        ),
    ]


def property_lines(facts: PropertyFacts) -> Iterator[str]:
    """For a terminal, after the verdict."""
    control = facts.control
    yield (
        f"The {control.name}: AUC {control.auc:.2f} ({control.auc_low:.2f} to "
        f"{control.auc_high:.2f}), {_right(control)}."
    )
    for each in facts.parts[-6:]:
        yield (
            f"  {each.name}: AUC {each.auc:.2f} ({each.auc_low:.2f} to {each.auc_high:.2f}), "
            f"{_right(each)}."
        )
    if facts.own is not None:
        yield own_words(facts)


def _asked(facts: PropertyFacts) -> str:
    share = percent(facts.boundary, digits=1)
    return f"more than {share} of a participant's rows are of class {facts.class_name}"


def _limits(told: Told) -> str:
    return f"{told.auc_low:.3f} to {told.auc_high:.3f}; 0.5 is chance"


def _right(told: Told) -> str:
    return f"{count(told.num_right)} of {count(told.num)} participants believed rightly"
