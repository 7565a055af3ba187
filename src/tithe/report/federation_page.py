"""A federation's page: what its server may know, for who runs it; nothing private is on it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from tithe.report.canvas import Picture, Table
from tithe.report.cards import Card
from tithe.report.federation_facts import SAID, Facts, Member
from tithe.report.federation_plots import accuracy_over_time, lengths, pace
from tithe.report.rendering import render
from tithe.report.wording import count, duration, percent, plural, size

STALE_SECONDS = 15.0
FEW_DAYS = 30


@dataclass(frozen=True)
class Section:
    """A heading, what is said under it, a table and pictures."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class SiteSection:
    """What one participant saw: sentences, and its uploads one by one."""

    title: str
    sentences: tuple[str, ...]
    table: Table | None = None


@dataclass(frozen=True)
class Seen:
    """What participants saw of themselves, where one person owns all their folders."""

    pictures: tuple[Picture, ...] = ()
    sites: tuple[SiteSection, ...] = field(default_factory=tuple)


def federation_page(facts: Facts, *, seen: Seen | None = None) -> bytes:
    """One HTML file that needs nothing else: the federation as it stood when it was written."""
    return _render("federation.html", facts, seen or Seen())


def live_page(facts: Facts) -> bytes:
    """The same, to be served together with its scripts; it renews itself."""
    return _render("live.html", facts, Seen())


def _render(template: str, facts: Facts, seen: Seen) -> bytes:
    name = str(facts.status.get("name") or "without a name")
    sections = [participants(facts), refusals(facts), training(facts)]
    if seen.pictures:
        sections.append(
            Section("What the participants measured for themselves", pictures=seen.pictures)
        )
    return render(
        template,
        title=f"{name}: federation",
        name=name,
        verdict=verdict(facts),
        warnings=warnings(facts),
        cards=cards(facts),
        sections=[section for section in sections if section],
        sites=seen.sites,
        identity=identity(facts),
    )


def verdict(facts: Facts) -> str:
    """Where it stands, in one line."""
    told = facts.status
    here = sum(member.is_here for member in facts.members)
    if told["is_done"]:
        end = f" The joint model reached {percent(facts.accuracy)}." if facts.accuracy else ""
        return f"All {plural(told['rounds'], 'round')} are done.{end}"
    there = f"{count(here)} of {plural(len(facts.members), 'participant')} connected"
    return f"Round {told['round'] + 1} of {told['rounds']}, {there}."


def warnings(facts: Facts) -> list[str]:
    """What somebody should do something about."""
    found = [
        f"{facts.name_of(member.number)}: {SAID[member.said]}."
        for member in facts.members
        if member.is_here and member.said in SAID and not facts.status["is_done"]
    ]
    if facts.now is not None and facts.now - facts.at > STALE_SECONDS:
        found.append(
            f"This was told {duration(facts.now - facts.at)} ago; a server that runs tells it "
            "every second."
        )
    days = facts.certificate_days
    if days is not None and days < FEW_DAYS:
        found.append(
            f"The server's certificate holds for {plural(int(days), 'day')} yet; renew it with "
            "tithe keys, then start the server again."
        )
    return found


def cards(facts: Facts) -> list[Card]:
    """The handful of figures that it is told by."""
    told = facts.status
    down = sum(member.bytes_down for member in facts.members)
    up = sum(member.bytes_up for member in facts.members)
    done = told["rounds"] if told["is_done"] else told["round"]
    found = [
        Card("Round", f"{done} of {told['rounds']}", "finished"),
        Card("Uploads applied", count(facts.num_applied), "each on the disk before it counted"),
        Card("Uploads a second", f"{facts.recent_rate:.2g}", "over the last minute"),
        Card("Sent down", size(down), f"and {size(up)} up, since the server started"),
        Card(
            "Refused",
            count(facts.num_refused),
            "messages, since the server started",
            "refused" if facts.num_refused else "",
        ),
    ]
    if facts.accuracy is not None:
        found.insert(
            1, Card("Accuracy", percent(facts.accuracy), "on the server's own rows", "joint")
        )
    if "store_bytes" in told:
        found.append(Card("Store", size(told["store_bytes"]), "on the server's disk"))
    return found


def participants(facts: Facts) -> Section:
    """One line a participant."""
    head = (
        "Participant", "State", "Connected for", "Last upload", "Turns", "Applied",
        "Staleness", "Down", "Up", "Refused",
    )  # fmt: skip
    rows = tuple(_row(facts, member) for member in facts.members)
    sentence = (
        "Staleness counts the updates that came between a participant's last download and its "
        "upload. Bytes are of messages, since the server started."
    )
    return Section("Who takes part", (sentence,), Table(head, rows))


def refusals(facts: Facts) -> Section | None:
    """What was refused, why, and of whom; None if nothing was."""
    reasons = facts.status.get("reasons", {})
    rows = tuple(
        (facts.name_of(member.number), count(times), str(reasons.get(name, name)))
        for member in facts.members
        for name, times in sorted(member.refused.items())
    )
    if not rows:
        return None
    sentence = "A refused message changed nothing."
    return Section(
        "What was refused",
        (sentence,),
        Table(("Participant", "How often", "Why"), rows, wide=2),
    )


def training(facts: Facts) -> Section | None:
    """The curves."""
    found = (accuracy_over_time(facts), lengths(facts), pace(facts))
    pictures = tuple(shown for shown in found if shown)
    return Section("How the training goes", pictures=pictures) if pictures else None


def identity(facts: Facts) -> list[tuple[str, str]]:
    """What names this run for good."""
    told = facts.status
    found = [("Run", str(told["run"])), ("Plan", str(told.get("plan", "")))]
    if "parameters" in told:
        found.append(("Parameters", count(told["parameters"])))
    if facts.certificate_days is not None:
        found.append(("Certificate", f"holds for {plural(int(facts.certificate_days), 'day')}"))
    found.append(("As of", moment(facts.at)))
    return found


def moment(seconds: float) -> str:
    """A time in words: ``2026-11-21 17:56:57 UTC``."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _row(facts: Facts, member: Member) -> tuple[str, ...]:
    return (
        facts.name_of(member.number),
        member.state,
        duration(facts.at - member.since) if member.since else "",
        f"{duration(facts.at - member.heard)} ago" if member.heard else "",
        count(member.turns),
        count(member.applied),
        count(member.staleness),
        size(member.bytes_down),
        size(member.bytes_up),
        count(sum(member.refused.values())),
    )
