"""The tables and the figure of the attackers' experiment, from its stored results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

Key = tuple[str, int, str, int, str]  # setting, seed, attack, attackers, screens
Outcomes = Mapping[Key, dict[str, Any]]

NAMES = {  # of the settings in README.md's marks
    "in turn": "in-turn",
    "in turn, uneven labels": "uneven",
    "together": "together",
    "in turn, theta_u 0.01": "small-share",
    "in turn, 1 attacker": "one-attacker",
}
SHOWN = ("in turn", "in turn, uneven labels", "together")
COLOURS = {
    "none": "#d62728",
    "length": "#ff7f0e",
    "direction": "#9467bd",
    "held-out": "#1f77b4",
    "all": "#17becf",
    "all, learnt": "#2ca02c",
}


def tables(found: Outcomes) -> Iterator[tuple[str, list[str]]]:
    """The name between the marks, and the lines, of each setting's table."""
    for setting, name in NAMES.items():
        yield name, list(_table(found, setting))


def _table(found: Outcomes, setting: str) -> Iterator[str]:
    here = {key: each for key, each in found.items() if key[0] == setting}
    screens = [each for each in COLOURS if any(key[4] == each for key in here)]
    yield f"| attack | seeds | {' | '.join(screens)} |"
    yield "| --- | --- |" + " ---: |" * len(screens)
    for attack in dict.fromkeys(key[2] for key in here):
        seeds = sorted({key[1] for key in here if key[2] == attack})
        cells = [_cell(here, attack, each) for each in screens]
        yield f"| {attack} | {', '.join(map(str, seeds))} | {' | '.join(cells)} |"


def _cell(here: Outcomes, attack: str, screens: str) -> str:
    """Accuracy, then the shares of honest and of bad uploads that were refused."""
    some = [each for key, each in here.items() if (key[2], key[4]) == (attack, screens)]
    if not some:
        return ""
    text = f"{100 * mean(each['accuracy'] for each in some):.1f}"
    if screens != "none":
        text += f" ({100 * mean(each['honest_refused'] for each in some):.0f}"
        if some[0]["attacks_refused"] is not None:
            text += f", {100 * mean(each['attacks_refused'] for each in some):.0f}"
        text += ")"
    return text


def draw(path: Path, found: Outcomes) -> None:
    """Accuracy of every attack under every screen, one panel a setting; a dot is one seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SHOWN), figsize=(13.5, 4.6), sharey=True)
    for axis, setting in zip(axes, SHOWN, strict=True):
        here = {key: each for key, each in found.items() if key[0] == setting}
        attacks = list(dict.fromkeys(key[2] for key in here))
        screens = [each for each in COLOURS if any(key[4] == each for key in here)]
        for place, name in enumerate(screens):
            shift = 0.14 * (place - (len(screens) - 1) / 2)
            points = [
                (attacks.index(key[2]) + shift, 100 * each["accuracy"])
                for key, each in here.items()
                if key[4] == name
            ]
            if points:
                axis.plot(*zip(*points, strict=True), "o", color=COLOURS[name], ms=5, label=name)
        for edge in range(1, len(attacks)):
            axis.axvline(edge - 0.5, color="grey", linewidth=0.4, alpha=0.5)
        axis.set_xticks(range(len(attacks)), attacks, rotation=35, ha="right", size=8)
        axis.set_title(f"{setting}: 3 of 10 attack", size=10)
        axis.grid(axis="y", alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].set_ylim(0, 100)
    axes[0].legend(frameon=False, fontsize=8, loc="lower right", title="screens", title_fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
