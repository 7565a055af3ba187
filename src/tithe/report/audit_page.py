"""The page of an audit: one HTML file that needs nothing else, made from the facts alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tithe.checks import BadInput
from tithe.record import write_atomically
from tithe.report.audit_facts import AuditFacts, Rebuilt, public
from tithe.report.audit_plots import epsilons, labels, roc, timeline, turns_table
from tithe.report.audit_words import (
    LOWER_BOUND,
    drawn_table,
    epsilon_figure,
    is_blind,
    isolated_words,
    resolution,
    self_test,
    verdict,
    worth,
)
from tithe.report.canvas import Picture, Table
from tithe.report.cards import Card
from tithe.report.property_plots import beliefs
from tithe.report.property_words import own_words, property_cards, property_table
from tithe.report.rendering import render
from tithe.report.wording import count, number, percent

JSON, PAGE = "audit.json", "audit.html"
_OWNER_ALONE, _ANYBODY = 0o600, 0o644
_WHAT = {
    "model": "Audit of the model of",
    "scores": "Audit of the scores in",
    "uploads": "Audit of the uploads of",
    "inversion": "Rebuilding the inputs of",
    "insider": "Drawing a class of",
    "property": "A property of the rows of",
}
_PRIVATE = (
    "This page is as private as the data it speaks of: it {tells}. The form for others is written "
    "with --public."
)
_TELLS = {"property": "tells how common a class is among the rows"}
_CONTROL = (
    "The control is what an observer draws without the upload: the mean of public records of the "
    "class. A picture that is no better than it shows nothing of the record."
)
_REBUILT = ("as it is", "rebuilt", "control")
_DRAWN = ("nearest row", "drawn", "class mean")
_NO_CHOICE = (
    "The first three drawings of each, as they came. Beside each stand the true row of the class "
    "that it is most alike to and the mean of public rows, which is what anybody could draw."
)


@dataclass(frozen=True)
class AuditSection:
    """A heading, what is said under it, and what is shown."""

    title: str
    sentences: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    gallery: tuple[Rebuilt, ...] = ()
    titles: tuple[str, str, str] = _REBUILT
    table: Table | None = None


def write_audit(facts: AuditFacts, folder: Path, *, is_public: bool = False) -> tuple[Path, Path]:
    """Writes ``audit.json`` and ``audit.html``; the same facts give the same bytes.

    Args:
      facts: what was found.
      folder: made where there is none.
      is_public: leave out images, records and counts, and let everybody read the files; else they
        are for their owner alone.
    Raises:
      BadInput: the folder cannot be written.
    """
    told = public(facts) if is_public else facts
    mode = _ANYBODY if is_public else _OWNER_ALONE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / JSON, told.to_json(), mode=mode)
        write_atomically(folder / PAGE, audit_page(told, is_public=is_public), mode=mode)
    except OSError as error:
        raise BadInput(f"{folder} cannot hold a report: {error.strerror}") from error
    return folder / JSON, folder / PAGE


def audit_page(facts: AuditFacts, *, is_public: bool) -> bytes:
    """The page's bytes."""
    parts = (_told, _inferred, _turns, _uploads, _gallery, _observers, _slices, _exposed, _advice)
    sections = [part(facts) for part in parts]
    not_tried = [f"Not tried: {name}, since {why}." for name, why in facts.not_tried.items()]
    return render(
        "audit.html",
        title=f"{facts.name}: audit",
        what=_WHAT[facts.kind],
        name=facts.name,
        verdict=f"{verdict(facts)}.",
        self_test=self_test(facts),
        is_blind=is_blind(facts),
        private="" if is_public else _PRIVATE.format(tells=_TELLS.get(facts.kind, "names records")),
        cards=_cards(facts),
        sections=[section for section in sections if section],
        lower_bound=LOWER_BOUND,
        assumed=[*(_sentence(each) for each in facts.assumed), *not_tried],
        made=[*facts.made.items(), *facts.when.items()],
    )


def _cards(facts: AuditFacts) -> list[Card]:
    """Claimed, shown, concrete."""
    cards = []
    told, best = facts.epsilon, facts.best
    if told is not None:
        at = f" at delta {told.delta:g}" if told.delta else ""
        note = "the accountant's total" + at
        if told.claimed is None or told.claimed == float("inf"):
            note = "there is no guarantee" if told.claimed else "nothing was stated"
        phase = "refused" if told.claimed == float("inf") else "centralised"
        cards.append(Card("Claimed: epsilon", epsilon_figure(told.claimed), note, phase))
        is_broken = told.claimed is not None and told.shown > told.claimed
        note = (
            f"{percent(told.confidence, digits=0)} confidence; so many records could show "
            f"{told.ceiling:.2f}"
        )
        phase = "refused" if is_broken else "joint"
        cards.append(Card("Shown: epsilon at least", f"{told.shown:.2f}", note, phase))
    if best is not None:
        note = (
            f"by {best.name}; chance names {number(best.named_chance, digits=1)}: "
            f"{worth(facts, best)}"
        )
        value = f"{count(best.named)} of {count(best.num_members)}"
        cards.append(Card("Concrete: records named", value, note, "standalone"))
        note = f"{best.auc_low:.3f} to {best.auc_high:.3f}; 0.5 is chance"
        cards.append(Card("AUC", f"{best.auc:.3f}", note))
    if facts.inferred is not None:
        cards += property_cards(facts.inferred)
    if facts.labels is not None:
        told_labels = facts.labels
        note = f"of records; guessing miscounts {percent(told_labels.share_by_guess, digits=0)}"
        value = percent(told_labels.share_miscounted, digits=0)
        cards.append(Card("Classes miscounted", value, note))
    return cards


def _told(facts: AuditFacts) -> AuditSection | None:
    best = facts.best
    if best is None:
        return None
    pictures = [shown for shown in (roc(facts), epsilons(facts)) if shown]
    sentences = [resolution(best)]
    if facts.epsilon is not None:
        sentences.append(f"The claim: {facts.epsilon.claim}.")
    return AuditSection("Members told from strangers", sentences, pictures)


def _inferred(facts: AuditFacts) -> AuditSection | None:
    told = facts.inferred
    if told is None:
        return None
    sentences = [own_words(told)] if told.own is not None else []
    title = "Participants with the property told from those without"
    return AuditSection(title, sentences, [beliefs(told)], table=property_table(told))


def _turns(facts: AuditFacts) -> AuditSection | None:
    if not facts.turns:
        return None
    shown = timeline(facts)
    if shown is None:
        return AuditSection("Upload by upload", table=turns_table(facts))
    return AuditSection("Upload by upload", pictures=[shown])


def _uploads(facts: AuditFacts) -> AuditSection | None:
    sentences = []
    isolated = [each for each in facts.turns if each.isolated is not None]
    if isolated:
        most = max(isolated, key=lambda each: each.isolated or 0)
        sentences.append(isolated_words(most))
    pictures = [labels(facts.labels)] if facts.labels is not None else []
    if not sentences and not pictures:
        return None
    return AuditSection("What one upload shows", sentences, pictures)


def _gallery(facts: AuditFacts) -> AuditSection | None:
    if not facts.gallery_words:
        return None
    if facts.kind == "model":
        title = "What the model takes classes for"
        return AuditSection(title, [facts.gallery_words], gallery=facts.gallery)
    if facts.kind == "insider":
        title, table = "What the insider drew", drawn_table(facts.drawn)
        sentences = [_NO_CHOICE] if facts.gallery else []
        return AuditSection(title, sentences, gallery=facts.gallery, titles=_DRAWN, table=table)
    return AuditSection("Records rebuilt", [facts.gallery_words, _CONTROL], gallery=facts.gallery)


def _observers(facts: AuditFacts) -> AuditSection | None:
    if not facts.attacks:
        return None
    rows = tuple(
        (
            attack.observer,
            attack.name,
            f"{attack.auc:.3f}",
            f"{count(attack.named)} ({number(attack.named_chance, digits=1)})",
            "; ".join(attack.given),
        )
        for attack in facts.attacks
    )
    head = ("Who", "Attack", "AUC", "Named (by chance)", "What it was given")
    return AuditSection("Who sees it, and with what", table=Table(head, rows, wide=4))


def _slices(facts: AuditFacts) -> AuditSection | None:
    if not facts.slices:
        return None
    rows = tuple(
        (
            each.name,
            f"{each.auc:.3f}",
            f"{count(each.named)} ({number(each.named_chance, digits=1)})",
            count(each.num_members),
            count(each.num_non_members),
        )
        for each in facts.slices
    )
    head = ("", "AUC", "Named (by chance)", "Members", "Others")
    sentence = f"By {facts.headline}; classes with fewer than 20 records on a side are left out."
    return AuditSection("By class, and by mistake", [sentence], table=Table(head, rows))


def _exposed(facts: AuditFacts) -> AuditSection | None:
    if not facts.exposed:
        return None
    words = {None: "", True: "rightly", False: "wrongly"}
    rows = tuple(
        (each.record, each.label, f"{each.score:.3g}", words[each.is_right])
        for each in facts.exposed
    )
    sentence = "These are named first. Whether a single one is right, an accuser does not know."
    head = ("Record", "Class", "Score", "Classified")
    return AuditSection("Most exposed records", [sentence], table=Table(head, rows))


def _advice(facts: AuditFacts) -> AuditSection | None:
    if not facts.advice:
        return None
    return AuditSection("What can be done", [_sentence(each) for each in facts.advice])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
