"""The page: one run as one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tithe.record import read_run, write_atomically
from tithe.report.byte_plots import accuracy_by_bytes
from tithe.report.canvas import Picture, Table
from tithe.report.cards import accuracy_cards, scale, setting_cards, traffic_cards
from tithe.report.class_figures import class_cards, recall_by_class
from tithe.report.exchange_plots import staleness, who_sent
from tithe.report.facts import Facts
from tithe.report.headline import headline, interruption, remarks, resume_command
from tithe.report.layer_plots import flat_vector, layer_by_layer
from tithe.report.layers import layers, read_counts
from tithe.report.origin import made, promises
from tithe.report.plots import (
    accuracy_by_clock,
    accuracy_by_round,
    in_order,
    name_of,
)
from tithe.report.privacy_cards import pledge, privacy_cards, sentences_of_spending
from tithe.report.privacy_plots import (
    accuracy_by_epsilon,
    noise_against_signal,
    spent_against_claimed,
)
from tithe.report.rendering import render
from tithe.report.spending import Spending, spending
from tithe.report.traffic import silences
from tithe.report.wording import count, number, percent, plural, size

PAGE = "page.html"
SILENCES_LISTED = 50
# A baseline exchanges updates with nobody, whatever its engine counted; up and down.
SENT_BY_BASELINE = {"standalone": ("none", "none"), "centralised": ("all rows", "none")}


@dataclass(frozen=True)
class Section:
    """A heading, what is said under it, and what is shown."""

    title: str
    sentences: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    table: Table | None = None


def write_page(directory: Path) -> Path:
    """Writes ``page.html`` beside a run's record; the same record gives the same bytes.

    Args:
      directory: of a run, finished or not.
    Returns:
      The page's path.
    Raises:
      BadInput: the directory holds no run, or its record is damaged.
    """
    facts = Facts(read_run(directory))
    spent = spending(facts)
    sections = [
        accuracy(facts),
        classes(facts),
        exchange(facts),
        shared_layers(facts),
        absent(facts),
        final(facts),
    ]
    accuracies = [*accuracy_cards(facts), *class_cards(facts)]
    decks = [accuracies, traffic_cards(facts), setting_cards(facts)]
    if spent:
        sections.insert(0, privacy(facts, spent))
        decks.insert(1, privacy_cards(facts, spent))
    about = facts.record.about
    guarantee = str(about.get("guarantee") or "none: no guarantee was recorded")
    is_private = not guarantee.startswith("none")
    guarantee = guarantee.removeprefix("none").lstrip(": ")
    page = render(
        "page.html",
        title=f"{facts.name}: run report",
        name=facts.name,
        verdict=headline(facts),
        interruption=interruption(facts),
        resume=resume_command(facts),
        scale=scale(facts),
        decks=decks,
        remarks=remarks(facts),
        sections=[section for section in sections if section],
        pledge=pledge(facts, spent) if spent else None,
        guarantee=f"{guarantee[:1].upper()}{guarantee[1:]}".rstrip(".") + ".",
        is_private=is_private,
        promises=promises(facts),
        made=made(facts),
        plan=facts.record.plan_toml,
    )
    path = directory / PAGE
    write_atomically(path, page)
    return path


def privacy(facts: Facts, spent: Spending) -> Section:
    """What was spent of what was claimed, and how much noise that took."""
    pictures = [
        spent_against_claimed(spent),
        accuracy_by_epsilon(facts, spent),
        noise_against_signal(facts),
    ]
    return Section(
        "What privacy was spent",
        sentences_of_spending(spent),
        [shown for shown in pictures if shown],
    )


def accuracy(facts: Facts) -> Section | None:
    """How accurate the networks became, against rounds, bytes and time."""
    if not facts.curves:
        return None
    pictures = [accuracy_by_round(facts), accuracy_by_bytes(facts), accuracy_by_clock(facts)]
    return Section("How accurate it became", pictures=[shown for shown in pictures if shown])


def classes(facts: Facts) -> Section | None:
    """How well each class is told, where classes are of unequal size."""
    shown = recall_by_class(facts)
    return Section("How well each class is told", pictures=[shown]) if shown else None


def exchange(facts: Facts) -> Section | None:
    """Who sent how much, and how stale it was."""
    if not facts.turns:
        return None
    pictures = [shown for shown in (who_sent(facts), staleness(facts)) if shown]
    sentences = []
    if not any(line.staleness for line in facts.turns):
        sentences.append(
            "No update was stale: nobody else's came in between a participant's download and its "
            "own upload."
        )
    return Section("What was exchanged", sentences, pictures)


def shared_layers(facts: Facts) -> Section | None:
    """What the server's counters say."""
    counts = read_counts(facts.record.directory)
    title = "Which parts of the network were shared"
    if counts is None:
        return Section(title, ["The server's counters are written when the run ends."])
    if not len(counts):
        return None
    found = layers(counts, facts.record.about.get("layers") or [])
    sentences = ["The server counts how often each parameter is in an update."]
    beta = facts.planned("server", "beta")
    if isinstance(beta, int | float) and beta < 1:
        sentences.append(
            f"It multiplies its counters by {beta:g} now and then, so that recent updates weigh "
            "more; what is shown is what they stood at in the end."
        )
    pictures = [layer_by_layer(counts, found)]
    if len(found) > 1:
        pictures.append(flat_vector(counts, found))
    return Section(title, sentences, pictures)


def absent(facts: Facts) -> Section | None:
    """Who stopped or left, and why."""
    found = silences(facts.turns)
    if not found:
        return None
    sentences = ["In these turns nothing was sent; the others went on."]
    if len(found) > SILENCES_LISTED:
        sentences.append(f"The first {SILENCES_LISTED} of {count(len(found))} are listed.")
    rows = [
        (
            str(each.participant),
            each.status,
            plural(each.num_turns, "turn"),
            str(each.first_round),
            each.reason,
        )
        for each in found[:SILENCES_LISTED]
    ]
    head = ("Participant", "What happened", "How often", "From round", "Why")
    return Section("Who stopped or left", sentences, table=Table(head, tuple(rows), wide=4))


def final(facts: Facts) -> Section | None:
    """Where every phase ended."""
    found = in_order(facts.curves)
    has_spread = any(curve.has_spread for curve in found)
    rows = []
    for curve in found:
        last = curve.last
        spread = f"{percent(last.lowest)} to {percent(last.highest)}" if curve.has_spread else ""
        rows.append(
            (
                f"{name_of(curve.phase)} ({curve.phase})",
                percent(last.accuracy),
                *([spread] if has_spread else []),
                percent(curve.best),
                number(last.loss),
                count(last.round),
                *SENT_BY_BASELINE.get(curve.phase, (size(last.bytes_up), size(last.bytes_down))),
            )
        )
    spread_head = ("Lowest to highest",) if has_spread else ()
    head = ("", "Accuracy", *spread_head, "Best", "Test loss", "Rounds", "Up", "Down")
    return Section("Final figures", table=Table(head, tuple(rows))) if rows else None
