"""Runs an experiment's grid of plans, keeps a small result of each, and writes its table and plot.

An experiment is a folder beside this file with a ``plan.toml`` and a ``grid.toml``, whose form
``tithe.reproduction.grid`` tells. ``python experiments/run.py NAME`` runs what has no result yet
(an interrupted run goes on), several processes at a time with one PyTorch thread each, then
rewrites the tables in the experiment's README.md and its accuracy.png from the results.
``--table`` only does the latter; ``--readme`` puts the main tables into the project's README.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from tithe.reproduction.grid import Job, experiment_names, jobs_of
from tithe.reproduction.results import result_of, results_by_label, write_result
from tithe.reproduction.tables import class_table, in_markdown

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
MOST_CURVES = 14  # in one picture
ROOT = HERE.parent
RUNS = ROOT / "runs"
MAIN = {
    "mnist-all": "All of MNIST over 30 participants, test accuracy",
    "private-mnist": "Every image protected by DP-SGD at a total epsilon, delta 1e-5",
    "mnist-30x600": "30 participants with 600 images each",
}
# glibc then keeps large blocks for the next turn; giving them back took as long as the training.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
CLASSES = "<!-- classes: begin -->", "<!-- classes: end -->"


def main() -> None:
    """Parses the command line and does what it says."""
    parser = argparse.ArgumentParser(description="Run one experiment and write its table.")
    parser.add_argument("name", nargs="?", default="", help="a folder beside this file")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="run entries whose label contains this text")
    parser.add_argument("--seeds", type=int, nargs="*", help="run these seeds only")
    parser.add_argument("--table", action="store_true", help="rewrite table and plot, run nothing")
    parser.add_argument("--readme", action="store_true", help="rewrite the tables of README.md")
    options = parser.parse_args()
    if options.readme:
        write_readme()
        return
    folder = HERE / options.name
    if not (folder / "grid.toml").exists():
        known = ", ".join(experiment_names(HERE))
        sys.exit(f"{folder} must hold a grid.toml; the experiments are {known}")
    jobs = jobs_of(folder)
    if not options.table:
        wanted = [
            job
            for job in jobs
            if options.only in job.label
            and (not options.seeds or job.seed in options.seeds)
            and not job.result.exists()
        ]
        with ThreadPoolExecutor(options.processes) as pool:
            failed = [
                job.label for job, ok in zip(wanted, pool.map(run, wanted), strict=True) if not ok
            ]
        if failed:
            sys.exit(f"failed: {', '.join(failed)}; the logs lie in {RUNS / options.name}")
    write_table(folder, jobs)
    if results_by_label(jobs):
        write_plot(folder, jobs)


def run(job: Job) -> bool:
    """Runs one plan to its end and keeps its result; says on the terminal how it went."""
    directory = RUNS / job.experiment / job.name
    sets = list(itertools.chain.from_iterable(("--set", each) for each in job.overrides))
    plan = job.plan.relative_to(ROOT)
    out = directory.relative_to(ROOT)
    command = ["tithe", "run", str(plan), *sets, "--out", str(out), "--quiet"]
    if not (directory / "summary.json").exists():
        resume = ["--resume"] if (directory / "about.json").exists() else []
        directory.parent.mkdir(parents=True, exist_ok=True)
        environment = {**ALLOCATOR, **os.environ, "OMP_NUM_THREADS": "1"}
        with (directory.parent / f"{directory.name}.log").open("a") as log:
            done = subprocess.run(
                [sys.executable, "-m", *command, *resume],
                cwd=ROOT, env=environment, stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            print(f"{directory.name}: exit {done.returncode}", flush=True)
            return False
    keep_result(job, directory, shlex.join(command))
    return True


def keep_result(job: Job, directory: Path, command: str) -> None:
    """Writes the few figures of a run that tables and plots are made of."""
    result = result_of(job, directory, command=command)
    write_result(job.result, result)
    curves = result["curves"]
    last = ", ".join(f"{phase} {100 * points[-1][1]:.2f} %" for phase, points in curves.items())
    print(f"{directory.name}: {last} ({result['seconds']:.0f} s)", flush=True)


def write_table(folder: Path, jobs: list[Job]) -> None:
    """Puts the table between the two marks in the experiment's README; that of classes too."""
    readme = folder / "README.md"
    put_between_marks(readme, table_of(jobs))
    begin, end = CLASSES
    if begin in readme.read_text():
        put_between_marks(readme, in_markdown(class_table(jobs)), begin=begin, end=end)


def write_readme() -> None:
    """Puts the tables of the main experiments between the two marks in the project's README."""
    parts = []
    for name, title in MAIN.items():
        link = f"[experiments/{name}](experiments/{name}/README.md)"
        parts += [f"**{title}** ({link})", "", *table_of(jobs_of(HERE / name)), ""]
    put_between_marks(ROOT / "README.md", parts[:-1])


def put_between_marks(path: Path, lines: list[str], *, begin: str = BEGIN, end: str = END) -> None:
    """Replaces what stands between the marks."""
    head, rest = path.read_text().split(begin)
    _, tail = rest.split(end)
    path.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)


def table_of(jobs: list[Job]) -> list[str]:
    """The lines of the table of all results that are there."""
    found = results_by_label(jobs)
    is_private = any(result.get("privacy") for results in found.values() for result in results)
    spent = [" total epsilon |", " ---: |"] if is_private else ["", ""]
    rows = [
        "| setting | seeds | rounds | last round | best round | up a turn | down a turn | min |"
        + spent[0],
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |" + spent[1],
    ]
    for label, results in found.items():
        phases = {phase for result in results for phase in result["curves"]}
        for phase in ["joint", *sorted(phases - {"joint"} - _alone(phases)), "standalone"]:
            row = _row(label, phase, results)
            if row:
                rows.append(row + (f" {_spent(phase, results)} |" if is_private else ""))
    return rows


def _alone(phases: set[str]) -> set[str]:
    return {phase for phase in phases if phase.startswith("standalone")}


def _spent(phase: str, results: list[dict[str, Any]]) -> str:
    """What the participant that spent most has spent in all rounds, by the tightest accountant."""
    if phase != "joint":
        return "nothing leaves"
    totals = [result["privacy"]["epsilon"]["pld"] for result in results if result.get("privacy")]
    if not totals or max(map(float, totals)) == float("inf"):
        return "infinite"
    delta = results[0]["privacy"]["delta"]
    return f"{max(totals):.4g}" + (f" (delta {delta:g})" if delta else "")


def _row(label: str, phase: str, results: list[dict[str, Any]]) -> str:
    """One line of the table; empty if no run had this phase."""
    curves = [
        curve
        for result in results
        for name, curve in result["curves"].items()
        if name == phase or (phase == "standalone" and name.startswith("standalone"))
    ]
    if not curves:
        return ""
    last = [100 * curve[-1][1] for curve in curves]
    best = [100 * max(point[1] for point in curve) for curve in curves]
    spread = f" ± {stdev(last):.2f}" if len(last) > 1 else ""
    seeds = ", ".join(str(result["seed"]) for result in results)
    up = down = minutes = ""
    if phase == "joint":
        turns = [sum(result["turns"].values()) for result in results]
        up = _bytes(mean(c[-1][2] / t for c, t in zip(curves, turns, strict=True)))
        down = _bytes(mean(c[-1][3] / t for c, t in zip(curves, turns, strict=True)))
        minutes = f"{mean(result['seconds'] for result in results) / 60:.1f}"
    name = label if phase == "joint" else f"{label}: {phase}"
    return (
        f"| {name} | {seeds} | {curves[0][-1][0]} | {mean(last):.2f}{spread} % "
        f"| {mean(best):.2f} % | {up} | {down} | {minutes} |"
    )


def _bytes(count: float) -> str:
    return f"{count:.0f} B" if count < 1000 else f"{count / 1000:.1f} kB"


def write_plot(folder: Path, jobs: list[Job]) -> None:
    """The test error, the mean over seeds, as accuracy.png: curves, or only where they end.

    The latter where there are too many to be told apart. A logarithmic scale keeps 98 % and 99 %
    apart and an outlier on the page.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    found = results_by_label(jobs)
    lines = list(_lines(found))
    figure = _curves(lines) if len(lines) <= MOST_CURVES else _ends(list(found), lines)
    figure.savefig(folder / "accuracy.png", dpi=110)
    pyplot.close(figure)


def _curves(lines: list[Line]) -> Figure:
    """Against rounds, and against bytes."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12.5, 4.6), sharey=True)
    colours = pyplot.get_cmap("tab10" if len(lines) <= 10 else "tab20").colors
    markers = "os^vDP*X"
    for number, (setting, phase, rounds, error, sent) in enumerate(lines):
        label = setting if phase == "joint" else phase
        style = {
            "color": colours[number % len(colours)],
            "marker": markers[number % len(markers)],
            "markersize": 4,
            "linewidth": 1.4,
        }
        left.plot(rounds, error, label=f"{label}: {100 - error[-1]:.2f} %", **style)
        if sent:
            right.plot(sent, error, **style)
    left.set_xlabel("rounds")
    left.set_ylabel("test error, % (lower is better)")
    left.set_yscale("log")
    right.set_xscale("log")
    right.set_xlabel("megabytes sent, both ways, all participants")
    for axis in (left.yaxis, right.xaxis):
        _name_places(axis)
    for each in (left, right):
        each.grid(alpha=0.25)
        each.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(0.70, 0.5))
    figure.tight_layout(rect=(0, 0, 0.70, 1))
    return figure


def _ends(settings: list[str], lines: list[Line]) -> Figure:
    """A row for each setting, with the last error of its joint training and of its baselines."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 1.2 + 0.27 * len(settings)))
    styles = {
        "joint": {"marker": "o", "color": "tab:blue"},
        "centralised": {"marker": "s", "color": "tab:green", "markerfacecolor": "none"},
        "standalone": {"marker": "x", "color": "tab:red"},
    }
    named = {"joint": "together", "centralised": "all in one place", "standalone": "one alone"}
    for phase, style in styles.items():
        ends = [
            (each.error[-1], settings.index(each.setting)) for each in lines if each.phase == phase
        ]
        if ends:
            axes.plot(*zip(*ends, strict=True), linestyle="none", label=named[phase], **style)
    errors = [each.error[-1] for each in lines]
    if max(errors) > 3 * min(errors):
        axes.set_xscale("log")
        _name_places(axes.xaxis)
    axes.set_xlabel("test error after the last round, % (left is better)")
    axes.set_yticks(range(len(settings)), settings, fontsize=8)
    axes.invert_yaxis()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len({each.phase for each in lines}) > 1:
        axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    figure.tight_layout()
    return figure


def _name_places(axis: Axis) -> None:
    """Plain numbers at a few places of each decade of a logarithmic axis."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    places = [n * 10**e for e in range(-2, 5) for n in (1, 2, 3, 5)]
    axis.set_major_locator(FixedLocator(places))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


class Line(NamedTuple):
    """One training of a setting: rounds, mean error in %, and megabytes (none for a baseline)."""

    setting: str
    phase: str
    rounds: list[float]
    error: list[float]
    sent: list[float]


def _lines(found: dict[str, list[dict[str, Any]]]) -> Iterator[Line]:
    """Every line of every setting, the mean over its seeds."""
    for label, results in found.items():
        for phase in ("joint", "centralised", "standalone-0"):
            curves = [r["curves"][phase][1:] for r in results if phase in r["curves"]]
            if not curves:
                continue
            points = list(zip(*curves, strict=True))  # one entry a measurement, over the seeds
            rounds = [point[0][0] for point in points]
            error = [max(100 - 100 * mean(each[1] for each in point), 0.01) for point in points]
            sent = [mean(each[2] + each[3] for each in point) / 1e6 for point in points]
            is_joint = phase == "joint"
            yield Line(label, phase.removesuffix("-0"), rounds, error, sent if is_joint else [])


if __name__ == "__main__":
    main()
