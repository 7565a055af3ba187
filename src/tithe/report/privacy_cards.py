"""Privacy in words: the pledge of a private run, and the figures that it is held against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import fmean

from tithe.report.canvas import Table
from tithe.report.cards import Card
from tithe.report.facts import Facts
from tithe.report.spending import Spending
from tithe.report.wording import count, lost, number, percent, plural

NOT_RECORDED = "none: no guarantee was recorded"
ACCOUNTANTS = {
    "pld": "Privacy loss distributions",
    "rdp": "Rényi divergences",
    "pure": "Plain sum, delta 0",
}


@dataclass(frozen=True)
class Pledge:
    """What a private run promises: its gist, then the terms; and whether it protects anybody."""

    title: str
    gist: str
    terms: str
    holds: bool


def pledge(facts: Facts, spent: Spending) -> Pledge:
    """The guarantee that the run recorded, as it stands at the top of its page."""
    told = str(facts.record.about.get("guarantee") or NOT_RECORDED)
    holds = not (told.startswith("none") or spent.is_simulated or spent.is_broken)
    told = told.removeprefix("none: ")
    end = re.search(r"[.;] ", told)
    gist, terms = (told[: end.start()], told[end.end() :]) if end else (told, "")
    if holds:
        title = "What this run promises"
    elif spent.is_broken:
        title = "This run protects nobody: it promises nothing"
    else:
        title = "This run protects nobody: its noise was simulated"
    return Pledge(title, _sentence(gist), _sentence(terms), holds)


def privacy_cards(facts: Facts, spent: Spending) -> list[Card]:
    """The total against its budget, what else is called epsilon, and what noise did."""
    if spent.is_broken:
        cards = [Card("Epsilon spent, in total", "infinite", f"for {spent.whom}", "refused")]
    else:
        note = f"of {lost(spent.budget)} at {spent.at_delta}, for {spent.whom}"
        cards = [Card("Epsilon spent, in total", lost(spent.total), note, "joint")]
    tightest = spent.totals.get("pld")
    if tightest is not None and tightest < 0.995 * spent.total:
        note = "the same releases, by privacy loss distributions"
        cards.append(Card("By the tightest count", lost(tightest), note))
    if spent.naive is not None:
        note = "often quoted as epsilon; not a guarantee about anybody"
        cards.append(Card("Epsilon divided by values", lost(spent.naive), note, "naive"))
    refused = len(spent.refusals)
    note = f"of {count(spent.num_turns)}: "
    if spent.is_broken:
        note += "nothing limits what is lost"
    else:
        note += "they would have passed the budget" if refused else "all were within the budget"
    cards.append(Card("Turns refused", count(refused), note, "refused" if refused else ""))
    angles = last_cosines(facts)
    if angles:
        note = "cosine in the last round: 1 without noise, 0 for noise alone"
        cards.append(Card("Signal in what was sent", number(fmean(angles), digits=2), note))
    return cards


def last_cosines(facts: Facts) -> list[float]:
    """Of every turn that sent something in the last round in which one did."""
    known = [line for line in facts.turns if line.cosine is not None]
    last = max((line.round for line in known), default=0)
    return [line.cosine for line in known if line.round == last and line.cosine is not None]


def sentences_of_spending(spent: Spending) -> list[str]:
    """What was claimed, what is gone of it, and what was refused."""
    if spent.is_broken:
        return [
            (
                "Values left without noise that could hide them, so the total is infinite, "
                "whatever else was counted."
            )
        ]
    told = [
        (
            f"The plan allows an epsilon of {lost(spent.budget)} at {spent.at_delta} for "
            f"{spent.whom}, in all turns together. Every turn was charged to its participant's "
            f"ledger before anything of it left; {lost(spent.total)} is gone for the participant "
            "that spent most."
        )
    ]
    if spent.refusals:
        first = spent.refusals[0]
        told.append(
            f"The ledger refused {plural(len(spent.refusals), 'turn')} of "
            f"{count(spent.num_turns)}, "
            f"{percent(len(spent.refusals) / spent.num_turns, digits=0)}, from round "
            f"{first.round} on; the first with these words: “{first.reason}”."
        )
    if spent.is_simulated:
        told.append(
            "These figures are what the same plan costs with noise from the operating system. "
            "Here the noise came from the seed, and whoever knows the seed takes it off again."
        )
    return told


def table_of_spending(spent: Spending) -> Table:
    """Every count of the same releases, and what each is good for."""
    rows = [
        ("Budget", lost(spent.budget), "what the plan allows; turns beyond it are refused"),
        ("Charged", lost(spent.total), "by the ledger, before anything left; this is enforced"),
    ]
    meaning = {
        "pld": "the tightest; holds if the noise was fixed before the first turn",
        "rdp": "the same, coarser",
        "pure": "the sum over all releases"
        + ("; Gaussian noise has none" if spent.totals.get("pure") == float("inf") else ""),
    }
    rows += [
        (ACCOUNTANTS[name], lost(total), meaning[name]) for name, total in spent.totals.items()
    ]
    if spent.naive is not None:
        rows.append(
            (
                "Divided by the values",
                lost(spent.naive),
                "not a guarantee: the plain sum over the number of values that left",
            )
        )
    return Table(head=("", "Epsilon", "What it is"), rows=tuple(rows), wide=2)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""
