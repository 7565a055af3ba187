"""What a run is, on one line, and what it came to, on one small table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tithe.cli.figures import clock, percent, size

if TYPE_CHECKING:
    from tithe.experiment import Summary
    from tithe.plan import Plan

_LABELS = {
    "standalone": "accuracy alone (standalone)",
    "joint": "accuracy together (joint)",
    "centralised": "accuracy with all data in one place (centralised)",
}


def headline(plan: Plan, directory: Path) -> str:
    """``demo-digits: 10 participants on digits, theta_u 0.1, 12 rounds -> runs/demo-digits``."""
    who = "participants"
    if plan.partition.kind != "natural":
        who = f"{plan.partition.participants} participants"
    what = f"{who} on {plan.data.set}, theta_u {plan.sharing.theta_u:g}"
    return f"{plan.name}: {what}, {plan.exchange.rounds} rounds -> {directory}"


def show_outcome(console: Console, summary: Summary) -> None:
    """Prints accuracies between floor and ceiling, traffic, time, the verdict and the page."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for phase, label in _LABELS.items():
        if phase in summary.accuracies:
            style = "bold" if phase == "joint" else None
            table.add_row(label, percent(summary.accuracies[phase]), style=style)
    table.add_section()
    table.add_row("uploaded by all participants", size(summary.bytes_up))
    table.add_row("downloaded by all participants", size(summary.bytes_down))
    table.add_row("time", clock(summary.seconds))
    console.print(table)
    show_verdict(console, summary)


def show_verdict(console: Console, summary: Summary) -> None:
    """Prints the verdict and where the page is, one line each, never broken."""
    console.print(summary.verdict, soft_wrap=True)
    console.print(f"page: {summary.page}", soft_wrap=True)
