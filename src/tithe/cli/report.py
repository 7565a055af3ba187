"""``tithe report``: writes the page of a run again, or one page that compares several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.screen import screen


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="HTML", help="The page that compares several runs."),
    ] = Path("comparison.html"),
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="TEXT",
            help="What to call a run, once for each in their order; runs of one label are repeats "
            "and drawn as one.",
        ),
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Write the main picture as PNG too (needs Matplotlib).")
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write event files of each run (needs TensorBoard)."),
    ] = False,
) -> None:
    """Write a run's page again, or compare several runs on one page.

    A run need not be finished for it.
    """
    if labels and len(labels) != len(runs):
        raise typer.BadParameter(f"--label must stand once for each run, got {len(labels)}")
    pages = [_page_of(runs[0])] if len(runs) == 1 else [_comparison_of(runs, out, labels)]
    if png:
        pages.append(_picture_of(runs, out, labels))
    if tensorboard:
        pages += [_event_files_of(run) for run in runs]
    for page in pages:
        screen().print(page, soft_wrap=True)


def _page_of(run: Path) -> str:
    from tithe.report.page import write_page

    return f"page: {write_page(run)}"


def _comparison_of(runs: list[Path], out: Path, labels: list[str] | None) -> str:
    from tithe.report.comparison import write_comparison

    return f"page: {write_comparison(runs, out, labels or None)}"


def _picture_of(runs: list[Path], out: Path, labels: list[str] | None) -> str:
    from tithe.report.picture import write_comparison_picture, write_picture

    if len(runs) == 1:
        return f"picture: {write_picture(runs[0])}"
    path = write_comparison_picture(runs, out.with_suffix(".png"), labels or None)
    return f"picture: {path}"


def _event_files_of(run: Path) -> str:
    from tithe.report.tensorboard import write_tensorboard

    return f"event files: {write_tensorboard(run)}"
