"""The results page: every rebuilt figure and every measurement, from what runs have left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tithe.record import write_atomically
from tithe.report.canvas import Picture, Table
from tithe.report.rendering import render
from tithe.reproduction.figures import EPSILONS, Rebuilt, rebuilt_figures
from tithe.reproduction.grid import experiment_names, jobs_of
from tithe.reproduction.pictures import epsilon_over_noise, pictures_of
from tithe.reproduction.results import results_by_label
from tithe.reproduction.tables import (
    class_table,
    epsilon_table,
    figure_table,
    in_markdown,
    notes_on,
    run_table,
)

TITLE = "Published figures, rebuilt"
_SOURCES = {
    "paper": "The paper: Shokri & Shmatikov, Privacy-Preserving Deep Learning, CCS 2015",
    "article": "The article: Differential Privacy in Deep Learning, with TensorFlow Privacy",
}
_INTRODUCTION = (
    "Theirs is printed, read off a plot (within half a point) or recalled by a reader who could "
    "not look it up again; recalled figures are no facts. Ours is the mean over the seeds that "
    "were run, taken from the results that the runs left; nothing here is typed by hand."
)


@dataclass(frozen=True)
class Part:
    """One heading of the page with its tables and pictures.

    Attributes:
      key: its name on the page.
      title: its heading.
      text: under the heading; may be empty.
      command: what makes it anew.
      tables: each with what it is a table of.
      pictures: of the page alone.
      notes: sentences below the tables.
    """

    key: str
    title: str
    text: str = ""
    command: str = ""
    tables: tuple[tuple[str, Table], ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()


def write_results(experiments: Path, folder: Path) -> tuple[Path, Path]:
    """Writes ``results.html``, one self-contained file, and ``results.md`` with the same tables.

    Args:
      experiments: the folder of all experiments.
      folder: gets both; older ones are replaced.
    Raises:
      BadInput: a catalogue or a stored result is damaged.
    """
    figures = rebuilt_figures(experiments)
    parts = [*_figures(figures), *_epsilons(experiments), *_measurements(experiments)]
    page = render("results.html", title=TITLE, introduction=_INTRODUCTION, parts=parts)
    folder.mkdir(parents=True, exist_ok=True)
    html, markdown = folder / "results.html", folder / "results.md"
    write_atomically(html, page)
    write_atomically(markdown, "\n".join(_markdown(parts)).encode())
    return html, markdown


def _figures(figures: Sequence[Rebuilt]) -> Iterator[Part]:
    for source, title in _SOURCES.items():
        own = [each for each in figures if each.figure.source == source]
        if own:
            tables = (("Theirs and ours", figure_table(own)),)
            yield Part(
                source,
                title,
                command="tithe reproduce NAME",
                tables=tables,
                notes=tuple(notes_on(own)),
            )


def _epsilons(experiments: Path) -> Iterator[Part]:
    """What the article's noise costs, wherever an experiment keeps such a table."""
    for path in sorted(experiments.glob(f"*/{EPSILONS}")):
        found: Mapping[str, list[dict[str, float]]] = json.loads(path.read_text(encoding="utf-8"))
        tables = tuple(
            (f"Epsilon, {training} classes", epsilon_table(rows))
            for training, rows in found.items()
        )
        text = (
            "100 epochs of CIFAR-10 in batches of 128, delta 1/(1.5 n). Only the last column holds "
            "for fixed shuffled batches as the article has them; the others assume that every "
            "record is drawn for every step by its own coin."
        )
        yield Part(
            key="epsilons",
            title="What the article's noise costs",
            text=text,
            command=f"python experiments/{path.parent.parent.name}/epsilons.py",
            tables=tables,
            pictures=(epsilon_over_noise(found["even"]),),
        )


def _measurements(experiments: Path) -> Iterator[Part]:
    for name in experiment_names(experiments):
        jobs = jobs_of(experiments / name)
        found = results_by_label(jobs)
        if not found:
            continue
        tables = [("Runs", run_table(jobs))]
        classes = class_table(jobs)
        if classes.rows:
            tables.append(("Recall of each class, %", classes))
        yield Part(
            key=f"experiment-{name}",
            title=f"Measured: {name}",
            command=f"python experiments/run.py {name}",
            tables=tuple(tables),
            pictures=pictures_of(name, found),
        )


def _markdown(parts: Sequence[Part]) -> Iterator[str]:
    yield f"# {TITLE}"
    yield ""
    yield _INTRODUCTION
    yield "Made by `make results`, which writes results.html with the pictures as well."
    for part in parts:
        yield ""
        yield f"## {part.title}"
        yield ""
        yield " ".join(filter(None, (part.text, f"Command: `{part.command}`")))
        for title, table in part.tables:
            yield ""
            yield f"**{title}**"
            yield ""
            yield from in_markdown(table)
        yield ""
        yield from (f"- {note}" for note in part.notes)
    yield ""
