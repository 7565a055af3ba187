"""An audit in words: its verdict, what each figure means, and the summary for a terminal."""

from __future__ import annotations

import math
import textwrap

from tithe.report.audit_facts import Attack, AuditFacts, Drawn, Epsilon, Turn
from tithe.report.canvas import Table
from tithe.report.property_words import property_lines, property_verdict
from tithe.report.wording import count, number, percent, plural

SUMMARY_LINES = 25
_WIDTH = 96
_UNLIKELY = 0.01  # that scores which tell nothing name as many
_NEAR = "near chance"
_LITTLE = 0.55  # an AUC whose lower limit is below it is worth nothing to speak of
LOWER_BOUND = (
    "Every figure is a lower bound for the attacks that were tried. Nothing shown is not nothing "
    "there."
)


def strength(attack: Attack) -> str:
    """``near chance``, ``a little above chance`` or ``far above chance``."""
    if attack.named_p_value <= _UNLIKELY:
        return "far above chance"
    return _NEAR if attack.auc_low < _LITTLE else "a little above chance"


def verdict(facts: AuditFacts) -> str:
    """One sentence: how many records can be named with at most one wrong accusation."""
    best = facts.best
    if best is None:
        return _verdict_without_members(facts)
    named = f"{count(best.named)} of {plural(best.num_members, 'record')}"
    return (
        f"With at most one wrong accusation {named} can be named; "
        f"chance alone names {number(best.named_chance, digits=1)}: {worth(facts, best)}"
        f"{_but(facts, best)}"
    )


def worth(facts: AuditFacts, attack: Attack) -> str:
    """The strength of an attack, and that nothing follows from its weakness where none does."""
    told = strength(attack)
    if told == _NEAR and is_blind(facts):
        return f"{told}, which this audit cannot tell from a leak"
    return told


def is_blind(facts: AuditFacts) -> bool:
    """Whether the audit failed the check of its own power, so that its silence means nothing."""
    return facts.planted is not None and not facts.planted.is_found


def self_test(facts: AuditFacts) -> str:
    """What became of the planted leak; empty where there were no scores to plant it in."""
    test, best = facts.planted, facts.best
    if test is None or best is None:
        return ""
    told = f"{plural(test.num_named, 'record')} named where {count(test.num_planted)} were planted"
    if test.is_found:
        return f"Self-test: in as many scores as these a planted leak is found ({told})."
    failed = "The check of this audit's own power failed"
    silence = "finding nothing here means nothing"
    if test.num_named < test.num_planted:
        return f"{failed}: a leak that was planted is not found ({told}), so {silence}."
    many = f"{plural(best.num_members, 'record')} and {count(best.num_non_members)} others"
    return (
        f"{failed}: {many} are too few to show even a planted leak, since luck alone names as many "
        f"as were planted ({count(test.num_planted)}); {count(test.num_enough)} of each would do. "
        f"So {silence}."
    )


def resolution(attack: Attack) -> str:
    """What the number of non-members cannot speak of."""
    smallest = min(
        (rate.false_positive_rate for rate in attack.rates if rate.false_positive_rate > 0),
        default=None,
    )
    others = count(attack.num_non_members)
    if smallest is None:
        return f"{others} non-members carry no false-positive rate of 10 % or below."
    if smallest <= 0.001:
        return f"{others} non-members carry rates down to 0.1 %, not to 0.01 %."
    return (
        f"{others} non-members carry rates down to {percent(smallest, digits=0)}; "
        f"{percent(smallest / 10, digits=1)} needs at least {count(10 / smallest)}."
    )


def epsilon_figure(value: float | None) -> str:
    """A claimed epsilon."""
    if value is None:
        return "not stated"
    return "infinite" if math.isinf(value) else f"{value:.3g}"


def epsilon_words(epsilon: Epsilon) -> str:
    """Claimed and shown in one sentence."""
    at = f" at delta {epsilon.delta:g}" if epsilon.delta else ""
    told = (
        f"claimed {epsilon_figure(epsilon.claimed)}{at}; shown at least {epsilon.shown:.2f} with "
        f"{percent(epsilon.confidence, digits=0)} confidence ({epsilon.basis}), of at most "
        f"{epsilon.ceiling:.2f} that so many records could show"
    )
    if epsilon.claimed is not None and epsilon.shown > epsilon.claimed:
        told += "; MORE THAN CLAIMED: the code, or the account of it, is wrong"
    return told


def isolated_words(turn: Turn) -> str:
    """What the first layer of the most telling upload shows of single records."""
    seeming = f"of as many strangers {count(turn.isolated_control or 0)} seem to"
    if not turn.isolated:
        return f"No record stands alone in the first layer of an upload ({seeming})."
    alone = f"{plural(turn.isolated, 'record')} can be read off the first layer"
    return f"{alone} of the upload of turn {turn.turn} as they are ({seeming})."


def drawn_table(drawn: tuple[Drawn, ...]) -> Table:
    """What each kind of drawings is alike to."""
    head = ("", "Taken for the class", "Like the class", "Nearest row", "Nearest stranger")
    rows = tuple(
        (
            each.name,
            percent(each.judged, digits=0),
            *(f"{value:.2f}" for value in (each.to_class, each.to_member, each.to_stranger)),
        )
        for each in drawn
    )
    return Table(head, rows)


def summary(facts: AuditFacts) -> list[str]:
    """The audit on a terminal, at most 25 lines."""
    tested = [self_test(facts)] if facts.planted else []
    lines = [f"{verdict(facts)}.", *(tested if is_blind(facts) else [])]
    if facts.epsilon is not None:
        lines.append(f"Epsilon: {epsilon_words(facts.epsilon)}.")
    best = facts.best
    if best is not None:
        lines += [_rates_line(best), resolution(best)]
    lines += [_attack_line(each) for each in facts.attacks if each is not best][:6]
    lines += _upload_lines(facts)
    lines += [_drawn_line(each) for each in facts.drawn]
    lines += [] if facts.inferred is None else property_lines(facts.inferred)
    if facts.gallery_words and best is not None:
        lines.append(facts.gallery_words)
    lines += [f"Not tried: {name}: {why}." for name, why in facts.not_tried.items()][:4]
    lines += [] if is_blind(facts) else tested
    lines += [f"Advice: {each}." for each in facts.advice][:3]
    lines.append(LOWER_BOUND)
    wrapped = [row for line in lines for row in textwrap.wrap(_spaced(line), _WIDTH)]
    if len(wrapped) > SUMMARY_LINES:
        wrapped = [*wrapped[: SUMMARY_LINES - 1], "... the page has the rest"]
    return wrapped


def _but(facts: AuditFacts, best: Attack) -> str:
    """Another attack that tells where the one of the verdict does not."""
    if strength(best) != _NEAR:
        return ""
    telling = [
        each
        for each in facts.attacks
        if each.named_p_value <= _UNLIKELY / len(facts.attacks) or each.auc_low >= _LITTLE
    ]
    if not telling:
        return ""
    most = max(telling, key=lambda each: each.auc)
    return f", while {most.name} is above it (AUC {most.auc:.2f}, {count(most.named)} named)"


def _verdict_without_members(facts: AuditFacts) -> str:
    if facts.inferred is not None:
        return property_verdict(facts.inferred)
    if facts.gallery_words:
        return facts.gallery_words.rstrip(".")
    return "No attack told members from others, since none could be tried"


def _rates_line(attack: Attack) -> str:
    told = ", ".join(
        f"{percent(rate.share, digits=1)} at {_rate(rate.false_positive_rate)}"
        for rate in attack.rates
    )
    return (
        f"{attack.name}: AUC {attack.auc:.3f} ({attack.auc_low:.3f} to {attack.auc_high:.3f}); "
        f"members found: {told}."
    )


def _attack_line(attack: Attack) -> str:
    return (
        f"  {attack.name} ({attack.observer}): AUC {attack.auc:.3f}, {count(attack.named)} named, "
        f"chance {number(attack.named_chance, digits=1)}."
    )


def _rate(rate: float) -> str:
    return percent(rate, digits=0 if rate >= 0.01 else 1) if rate else "no false positive"


def _upload_lines(facts: AuditFacts) -> list[str]:
    lines = []
    if facts.turns:
        last = facts.turns[-1]
        spent = "nothing charged" if last.epsilon is None else epsilon_figure(last.epsilon)
        lines.append(f"After {plural(len(facts.turns), 'upload')}: epsilon spent {spent}.")
        isolated = [each for each in facts.turns if each.isolated is not None]
        if isolated:
            most = max(isolated, key=lambda each: each.isolated or 0)
            lines.append(isolated_words(most))
    if facts.labels is not None:
        lines.append(
            f"The classes' counts are read with {percent(facts.labels.share_miscounted, digits=0)} "
            f"of records miscounted; guessing all equal miscounts "
            f"{percent(facts.labels.share_by_guess, digits=0)}."
        )
    return lines


def _drawn_line(each: Drawn) -> str:
    return (
        f"  {each.name}: taken for the class {percent(each.judged, digits=0)}, likeness to it "
        f"{each.to_class:.2f}, to a row trained on {each.to_member:.2f}, to a stranger's "
        f"{each.to_stranger:.2f}."
    )


def _spaced(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")
