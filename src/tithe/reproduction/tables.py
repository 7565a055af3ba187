"""Stored results as tables of text, for a page and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev

from tithe.report.canvas import Table
from tithe.report.wording import duration, lost, percent
from tithe.reproduction.figures import Rebuilt
from tithe.reproduction.grid import Job
from tithe.reproduction.results import Result, last_accuracies, results_by_label, spent
from tithe.reproduction.wording import value_of

_PHASES = ("joint", "centralised", "standalone")
_WORDS = {"joint": "", "centralised": ", in one place", "standalone": ", alone"}

EPSILON_WAYS: Mapping[str, str] = {
    "old": "its accountant",
    "rdp": "Renyi",
    "pld": "loss distribution",
    "not_sampled": "without sampling",
}
"""The columns of the table of epsilons, by their keys in ``epsilon_row``."""


def figure_table(figures: Iterable[Rebuilt]) -> Table:
    """Theirs beside ours, one row a published figure."""
    rows = tuple(
        (
            each.figure.what,
            value_of(each.theirs, each.figure.unit),
            each.figure.sure,
            value_of(each.ours, each.figure.unit),
            str(each.num_results) if each.jobs else "worked out",
            each.figure.name,
        )
        for each in figures
    )
    return Table(("figure", "theirs", "how sure", "ours", "runs", "NAME"), rows)


def notes_on(figures: Iterable[Rebuilt]) -> list[str]:
    """What must be known to compare them, each sentence once, with the figures it is about."""
    about: dict[str, list[str]] = {}
    for each in figures:
        if each.figure.note:
            about.setdefault(each.figure.note, []).append(each.figure.name)
    return [f"{_first_of(names)}: {note}." for note, names in about.items()]


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def run_table(jobs: Sequence[Job]) -> Table:
    """What each entry of a grid ended at, and what it cost, over the seeds that were run."""
    rows = []
    for label, results in results_by_label(jobs).items():
        for phase in _PHASES:
            shares = [share for result in results for share in last_accuracies(result, phase)]
            if shares:
                rows.append(_run_row(label, phase, shares, results))
    return Table(("setting", "accuracy", "seeds", "rounds", "total epsilon", "time"), tuple(rows))


def _run_row(
    label: str, phase: str, shares: Sequence[float], results: Sequence[Result]
) -> tuple[str, ...]:
    spread = f" ± {100 * stdev(shares):.2f}" if len(shares) > 1 else ""
    rounds = max(
        points[-1][0] for result in results for points in result["curves"].values() if points
    )
    is_joint = phase == "joint"
    return (
        label + _WORDS[phase],
        percent(mean(shares)) + spread,
        ", ".join(str(result["seed"]) for result in results),
        f"{rounds:g}",
        _epsilon(results) if is_joint else "",
        duration(mean(result["seconds"] for result in results)) if is_joint else "",
    )


def _epsilon(results: Iterable[Result]) -> str:
    """The largest total; empty where nothing was to be private."""
    totals = [total for result in results if (total := spent(result)) is not None]
    return lost(max(totals)) if totals else ""


def class_table(jobs: Sequence[Job]) -> Table:
    """Accuracy beside balanced accuracy and the recall of each class, of joint trainings.

    Data with fewer classes than others leave the columns of those that they have not empty.
    """
    told_of: list[tuple[str, list[str], list[str], str]] = []
    for label, results in results_by_label(jobs).items():
        told = [result["classes"]["joint"] for result in results if result.get("classes")]
        if not told:
            continue
        accuracy = mean(last_accuracies(result, "joint")[0] for result in results)
        balanced = mean(each["balanced_accuracy"] for each in told)
        recalls = [_mean_recall(each) for each in zip(*(t["recalls"] for t in told), strict=True)]
        accuracies = [percent(accuracy, digits=1), percent(balanced, digits=1)]
        told_of.append((label, accuracies, recalls, _epsilon(results)))
    num_classes = max((len(recalls) for _, _, recalls, _ in told_of), default=0)
    rows = [
        (label, *accuracies, *recalls, *[""] * (num_classes - len(recalls)), epsilon)
        for label, accuracies, recalls, epsilon in told_of
    ]
    classes = (f"class {number}" for number in range(num_classes))
    return Table(("setting", "accuracy", "balanced", *classes, "total epsilon"), tuple(rows))


def _mean_recall(recalls: Sequence[float | None]) -> str:
    known = [each for each in recalls if each is not None]
    return f"{100 * mean(known):.0f}" if known else "-"


def epsilon_table(rows: Sequence[Mapping[str, float]]) -> Table:
    """The article's training at every noise, by every way of counting."""
    head = ("noise multiplier", *EPSILON_WAYS.values())
    cells = tuple(
        (f"{row['noise']:g}", *(f"{row[way]:,.4g}" for way in EPSILON_WAYS)) for row in rows
    )
    return Table(head, cells)


def in_markdown(table: Table) -> list[str]:
    """The lines of the table as Markdown has them."""
    lines = [table.head, tuple("---" for _ in table.head), *table.rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]
