"""Draws the paper's private figure beside ours, and writes the table of both, from stored results.

Run: python experiments/private-figure/figure.py (after ``experiments/run.py private-figure``)
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from statistics import mean
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from run import jobs_of, put_between_marks, results_by_label  # noqa: E402

FORMS = ("as printed", "bounded first")
COLOURS = {"1": "#1f77b4", "0.1": "#d62728", "0.01": "#2ca02c", "0.001": "#9467bd"}
BEGIN, END = "<!-- figure: begin -->", "<!-- figure: end -->"

Points = dict[tuple[str, str, int], dict[str, Any]]


def main() -> None:
    """Reads what is there and writes figure.png and the table in README.md."""
    paper = tomllib.loads((HERE / "paper.toml").read_text())
    points, plain = read()
    write_table(paper, points, plain)
    draw(paper, points, plain)


def read() -> tuple[Points, dict[str, float]]:
    """Our accuracies by form, theta_u and the power of ten of epsilon; and those without noise."""
    points: Points = {}
    plain: dict[str, float] = {}
    for label, results in results_by_label(jobs_of(HERE)).items():
        accuracy = mean(result["curves"]["joint"][-1][1] for result in results)
        private = re.fullmatch(r"(.+), theta_u (.+), epsilon 10\^(\d+) a turn", label)
        if private:
            form, theta, power = private.groups()
            total = results[0]["privacy"]["epsilon"]["pure"]
            rounds = results[0]["curves"]["joint"][-1][0]
            points[form, theta, int(power)] = {
                "accuracy": accuracy,
                "total": float(total),
                "rounds": rounds,
            }
        else:
            plain[label.removeprefix("no noise, theta_u ")] = accuracy
    return points, plain


def write_table(paper: dict[str, Any], points: Points, plain: dict[str, float]) -> None:
    """One line a point of the paper's figure."""
    heads = (
        "theta_u", "epsilon a turn", "epsilon / c", "paper (digitised)", "as printed, ours",
        "bounded first, ours", "turns", "true total of bounded first",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " ---: |" * len(heads)]
    for theta, curve in paper["theta_u"].items():
        count = int(float(theta) * 105_506)
        for text, theirs in curve.items():
            power = round(len(str(int(float(text)))) - 1)
            ours = [points.get((form, theta, power)) for form in FORMS]
            cells = [f"{100 * each['accuracy']:.1f} %" if each else "" for each in ours]
            total = f"{ours[1]['total']:,.0f}" if ours[1] else ""
            turns = next((each["rounds"] for each in ours if each), "")
            lines.append(
                f"| {theta} | 10^{power} | {10**power / count:.2g} | {100 * theirs:.1f} % "
                f"| {cells[0]} | {cells[1]} | {turns} | {total} |"
            )
        if theta in plain:
            lines.append(f"| {theta} | no noise | | | {100 * plain[theta]:.1f} % | | | infinite |")
    put_between_marks(HERE / "README.md", lines, begin=BEGIN, end=END)


def draw(paper: dict[str, Any], points: Points, plain: dict[str, float]) -> None:
    """Accuracy against epsilon of one turn: theirs dashed, ours solid."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(12.5, 4.8), sharey=True)
    for axis, form in zip(axes, FORMS, strict=True):
        for theta, curve in paper["theta_u"].items():
            colour = COLOURS[theta]
            theirs = sorted((float(text), 100 * value) for text, value in curve.items())
            axis.plot(*zip(*theirs, strict=True), "--o", color=colour, mfc="white", alpha=0.6)
            ours = sorted(
                (10.0**power, 100 * point["accuracy"])
                for (name, each, power), point in points.items()
                if (name, each) == (form, theta)
            )
            if ours:
                axis.plot(*zip(*ours, strict=True), "-o", color=colour, label=f"theta_u {theta}")
        axis.axhline(100 * paper["standalone"], color="grey", linewidth=0.8, linestyle=":")
        axis.text(100, 100 * paper["standalone"] + 0.8, "paper: one alone", color="grey", size=8)
        axis.set_xscale("log")
        axis.set_xlabel("epsilon of one participant's one turn, all its uploads together")
        axis.set_title(
            "as printed: no guarantee at any epsilon"
            if form == "as printed"
            else "bounded first, and once more after the noise: a turn costs 5/9 of it",
            size=10,
        )
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].set_ylim(0, 101)
    axes[1].plot([], [], "--o", color="grey", mfc="white", alpha=0.6, label="paper, digitised")
    axes[1].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(HERE / "figure.png", dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
