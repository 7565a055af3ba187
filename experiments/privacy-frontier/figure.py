"""Draws the picture and writes the tables in README.md, from the stored results alone.

Run: python experiments/privacy-frontier/figure.py (after ``measure.py``; parts that are not
measured yet are left empty)
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from lines import Line, lines
from measure import read

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from run import put_between_marks  # noqa: E402

COLOURS = {"plain": "#d62728", "the paper's private mode": "#ff7f0e", "ours": "#1f77b4"}
IMAGE_BYTES = 28 * 28  # what one image weighs where the images themselves are sent
CHANCE = 2  # named by luck, where members and others are as many and one mistake is allowed


def main() -> None:
    """Reads what is there and writes frontier.png and the tables."""
    found = read()
    mark = "<!-- {}: {} -->"
    for name, rows in (("frontier", _main_table(found)), ("attacks", _attack_table(found))):
        put_between_marks(
            HERE / "README.md", rows, begin=mark.format(name, "begin"), end=mark.format(name, "end")
        )
    draw(found)


def _main_table(found: dict[str, Any]) -> list[str]:
    heads = (
        "line", "accuracy", "up a turn", "up in all", "epsilon claimed",
        "epsilon shown, worst case (ceiling)", "shown by the images themselves: network",
        "uploads", "named by the network", "named by uploads",
    )  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for line in lines():
        if line.name not in found:
            continue
        parts = found[line.name]
        training = parts["training"]
        worst = parts.get("worst_case")
        told = _headline(parts)
        uploads = parts.get("uploads", {}).get("all_turns")
        cells = (
            line.name,
            f"{100 * training['accuracy']:.2f} %",
            _bytes(training["bytes_up"] / training["num_turns"]) if _sends(line) else "",
            _bytes(bytes_of(line, training)),
            _epsilon(claimed(line, training)),
            f"{worst['shown']:.2f} ({worst['ceiling']:.2f})" if worst else "",
            f"{told['shown']:.2f} ({told['ceiling']:.2f})" if told else "",
            _shown(line, uploads),
            f"{told['named']:,} of {told['num_members']:,}" if told else "",
            _named(line, uploads),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _attack_table(found: dict[str, Any]) -> list[str]:
    heads = ("line", "attack", "AUC", "TPR at 1 %", "TPR at 0.1 %", "named", "p")
    rows = [f"| {' | '.join(heads)} |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    for name, parts in found.items():
        attacks = dict(parts.get("model", {}).get("attacks", {}))
        kept = ("loss", "population", "RMIA", "LiRA offline", "LiRA online")
        told = [(f"network: {each}", attacks[each]) for each in kept if each in attacks]
        if "uploads" in parts:
            told.append(("uploads: first of them", parts["uploads"]["first_turn"]))
            told.append(("uploads: four of them", parts["uploads"]["all_turns"]))
        for attack, f in told:
            power = f["power"]
            rows.append(
                f"| {name} | {attack} | {f['auc']:.3f} ± {(f['auc_high'] - f['auc_low']) / 2:.3f} "
                f"| {100 * power['0.01']:.2f} % | {100 * power['0.001']:.2f} % "
                f"| {f['named']:,} of {f['num_members']:,} | {f['named_p']:.2g} |"
            )
    return rows


def claimed(line: Line, training: dict[str, Any]) -> float:
    """What the ledgers were charged, by the tightest accountant; plain sharing costs everything."""
    if line.unit == "none":
        return math.inf
    return float(training["spent"]["epsilon"]["pld"])


def bytes_of(line: Line, training: dict[str, Any]) -> float:
    """All uploads of all participants; in one place, the images themselves."""
    if _sends(line):
        return float(training["bytes_up"])
    return float(training["num_rows"] * IMAGE_BYTES)


def draw(found: dict[str, Any]) -> None:
    """One row a line, one panel a question."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [line for line in lines() if line.name in found]
    panels: list[tuple[str, Any, bool]] = [
        ("test accuracy, %", _accuracy, False),
        ("megabytes sent up, all turns", _megabytes, True),
        ("epsilon: shown (filled), claimed (open)", _shown_worst, True),
        ("images named, % of those looked for", _share_named, True),
    ]
    figure, axes = pyplot.subplots(1, 4, figsize=(15, 0.6 + 0.42 * len(shown)), sharey=True)
    for axis, (title, value, is_log) in zip(axes, panels, strict=True):
        for place, line in enumerate(reversed(shown)):
            _point(axis, place, line, found[line.name], value)
        if is_log:
            axis.set_xscale("log")
        axis.set_title(title, size=10)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(shown)), [line.name for line in reversed(shown)])
    axes[0].set_ylim(-0.6, len(shown) - 0.4)
    axes[2].set_xlim(0.05, 2e7)
    axes[3].plot([], [], "o", color="grey", label="by the network")
    axes[3].plot([], [], "D", color="grey", label="by four uploads")
    for looked_for, style in ((18_148, ":"), (1_750, "--")):  # what luck names: network, uploads
        axes[3].axvline(100 * CHANCE / looked_for, color="grey", linewidth=0.8, linestyle=style)
    axes[3].set_xlabel("luck: dotted for the network, dashed for uploads", size=8)
    axes[3].legend(frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(HERE / "frontier.png", dpi=110)
    pyplot.close(figure)


def _point(axis: Any, place: int, line: Line, parts: dict[str, Any], value: Any) -> None:
    colour = COLOURS[line.group]
    for marker, at in value(line, parts):
        if at is None:
            continue
        if math.isinf(at):
            axis.annotate(
                "infinite", (0.98, place), xycoords=("axes fraction", "data"), ha="right",
                va="center", size=8, color=colour,
            )  # fmt: skip
        else:
            face = "white" if marker == "s" else colour
            axis.plot(at, place, marker, color=colour, markerfacecolor=face, markersize=7)


def _accuracy(line: Line, parts: dict[str, Any]) -> list[tuple[str, float | None]]:
    return [("o", 100 * parts["training"]["accuracy"])]


def _megabytes(line: Line, parts: dict[str, Any]) -> list[tuple[str, float | None]]:
    return [("o", bytes_of(line, parts["training"]) / 1e6)]


def _shown_worst(line: Line, parts: dict[str, Any]) -> list[tuple[str, float | None]]:
    worst = parts.get("worst_case")
    return [
        ("s", claimed(line, parts["training"])),
        ("o", max(worst["shown"], 0.05) if worst else None),
    ]


def _share_named(line: Line, parts: dict[str, Any]) -> list[tuple[str, float | None]]:
    told, uploads = _headline(parts), parts.get("uploads", {}).get("all_turns")
    return [
        (marker, 100 * max(each["named"], 0.5) / each["num_members"] if each else None)
        for marker, each in (("o", told), ("D", uploads))
    ]


def _headline(parts: dict[str, Any]) -> dict[str, Any] | None:
    model = parts.get("model")
    return model["attacks"][model["counts"]] if model else None


def _sends(line: Line) -> bool:
    return line.phase == "joint"


def _shown(line: Line, uploads: dict[str, Any] | None) -> str:
    return f"{uploads['shown']:.2f} ({uploads['ceiling']:.2f})" if uploads else ""


def _named(line: Line, uploads: dict[str, Any] | None) -> str:
    if not _sends(line):
        return "all: the images themselves are sent"
    return f"{uploads['named']:,} of {uploads['num_members']:,}" if uploads else ""


def _epsilon(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{value:,.0f}" if value > 100 else f"{value:.2f}"


def _bytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1000:.1f} kB"


if __name__ == "__main__":
    main()
