"""Figures of single classes, for data in which some are rarer than others."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from tithe.record import EvaluationLine
from tithe.report import palette
from tithe.report.canvas import Picture, Table, blank, plain
from tithe.report.cards import Card
from tithe.report.facts import Facts
from tithe.report.plots import LOOKS, NAMES, name_of
from tithe.report.wording import percent

NOTEWORTHY = 0.005  # between accuracy and balanced accuracy: classes weigh differently in the test
CLASSES_DRAWN = 40
HEAD = "model.json"


@dataclass(frozen=True)
class ClassFigures:
    """Where one phase ended: the mean over its networks of recalls and of their mean."""

    phase: str
    recalls: tuple[float | None, ...]
    balanced_accuracy: float


def class_figures(facts: Facts) -> list[ClassFigures]:
    """Of each phase that was measured by class, ceiling first; ``standalone-<i>`` are one."""
    last: dict[str, EvaluationLine] = {}
    for line in facts.record.evaluations:
        last[line.phase] = line
    lines: dict[str, list[EvaluationLine]] = defaultdict(list)
    for phase, line in last.items():
        if line.recalls is not None and line.balanced_accuracy is not None:
            name, _, number = phase.rpartition("-")
            lines[name if name and number.isdecimal() else phase].append(line)
    order = [*LOOKS, *sorted(lines.keys() - LOOKS.keys())]
    return [_mean(phase, lines[phase]) for phase in order if phase in lines]


def are_classes_unequal(facts: Facts) -> bool:
    """Whether single classes are worth a look: the plan speaks of them, or the test rows do."""
    if facts.planned("balance", "class_rows"):
        return True
    if facts.planned("balance", "method") not in (None, "none"):
        return True
    return any(
        abs(found.balanced_accuracy - facts.curves[found.phase].last.accuracy) > NOTEWORTHY
        for found in class_figures(facts)
        if found.phase in facts.curves
    )


def class_cards(facts: Facts) -> list[Card]:
    """The joint network's balanced accuracy, and the class that it tells worst."""
    joint = next((found for found in class_figures(facts) if found.phase == "joint"), None)
    if joint is None or not are_classes_unequal(facts):
        return []
    names = _class_names(facts, len(joint.recalls))
    told = [(recall, name) for recall, name in _told(joint, names) if recall is not None]
    worst, name = min(told)
    note = f"together, every class alike; worst is {name} at {percent(worst)}"
    return [Card("Balanced accuracy", percent(joint.balanced_accuracy), note, "joint")]


def recall_by_class(facts: Facts) -> Picture | None:
    """Recall of each class, side by side; None where classes are of one size or not measured."""
    found = class_figures(facts)
    if not found or not are_classes_unequal(facts):
        return None
    names = _class_names(facts, len(found[0].recalls))
    figure = blank(x="class", y="recall")
    for each in found:
        look = LOOKS.get(each.phase)
        figure.add_bar(
            x=[plain(name) for name in names[:CLASSES_DRAWN]],
            y=each.recalls[:CLASSES_DRAWN],
            name=plain(name_of(each.phase)),
            marker={"color": look.colour if look else palette.OTHER},
            hovertemplate=f"{plain(name_of(each.phase))}, %{{x}}: %{{y:.2%}}<extra></extra>",
        )
    figure.update_layout(barmode="group")
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    figure.update_xaxes(type="category")
    ends = ", ".join(
        f"{NAMES.get(each.phase, each.phase).lower()} {percent(each.balanced_accuracy)}"
        for each in found
    )
    more = f" The first {CLASSES_DRAWN} classes are drawn." if len(names) > CLASSES_DRAWN else ""
    return Picture(
        key="classes",
        title="Recall, class by class",
        caption=(
            "Of each class's test rows, the share that is classified rightly after the last round. "
            f"Their mean, the balanced accuracy: {ends}.{more}"
        ),
        figure=figure,
        table=_table(found, names),
    )


def _mean(phase: str, lines: list[EvaluationLine]) -> ClassFigures:
    recalls = []
    for each in zip(*(line.recalls or () for line in lines), strict=True):
        measured = [recall for recall in each if recall is not None]
        recalls.append(fmean(measured) if measured else None)
    balanced = fmean(line.balanced_accuracy or 0.0 for line in lines)
    return ClassFigures(phase, tuple(recalls), balanced)


def _told(found: ClassFigures, names: list[str]) -> list[tuple[float | None, str]]:
    return list(zip(found.recalls, names, strict=True))


def _class_names(facts: Facts, num_classes: int) -> list[str]:
    """As the trained network's file has them; their numbers while there is none."""
    try:
        head = json.loads((facts.record.directory / HEAD).read_text(encoding="utf-8"))
        names = [str(name) for name in head["class_names"]]
    except (OSError, ValueError, KeyError, TypeError):
        names = []
    if len(names) != num_classes:
        return [str(number) for number in range(num_classes)]
    return names


def _table(found: list[ClassFigures], names: list[str]) -> Table:
    def cell(recall: float | None) -> str:
        return "no test row" if recall is None else percent(recall)

    rows = [
        (name, *(cell(each.recalls[place]) for each in found)) for place, name in enumerate(names)
    ]
    mean = ("all alike", *(percent(each.balanced_accuracy) for each in found))
    return Table(("Class", *(name_of(each.phase) for each in found)), (*rows, mean))
