"""What participants saw of themselves, for a page whose reader owns all their folders."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tithe.report import palette
from tithe.report.canvas import Picture, Table, blank, plain
from tithe.report.federation_page import Seen, SiteSection
from tithe.report.wording import count, lost, percent, plural, size


@dataclass(frozen=True)
class OwnFacts:
    """One participant's folder, as the page tells of it.

    Attributes:
      name: its number and name.
      status: as its daemon wrote it down last.
      charged: rows of its ledger.
      ledger: number and hash of the last of them.
      sent: rows of its uploads, with turn, bytes, sha256 and ledger_sequence.
      measured: turn and accuracy of its downloads on rows of its own.
    """

    name: str
    status: Mapping[str, Any]
    charged: Sequence[Mapping[str, Any]]
    ledger: tuple[int, str]
    sent: Sequence[Mapping[str, Any]]
    measured: Sequence[Mapping[str, float]]


def seen_by(participants: Sequence[OwnFacts]) -> Seen:
    """A section for each participant, and the picture of what all measured."""
    picture = own_accuracy(participants)
    return Seen((picture,) if picture else (), tuple(map(_section, participants)))


def own_accuracy(participants: Sequence[OwnFacts]) -> Picture | None:
    """Each download on its participant's held-out rows; None if nobody measured."""
    if not any(each.measured for each in participants):
        return None
    figure = blank(x="turn", y="accuracy on rows of its own")
    for place, each in enumerate(participants):
        figure.add_scatter(
            x=[line["turn"] + 1 for line in each.measured],
            y=[line["accuracy"] for line in each.measured],
            name=plain(each.name),
            mode="lines+markers",
            line={
                "color": palette.SERIES[place % len(palette.SERIES)],
                "dash": palette.DASHES[place // len(palette.SERIES) % len(palette.DASHES)],
                "width": 2.5,
            },
            marker={"symbol": palette.SYMBOLS[place % len(palette.SYMBOLS)], "size": 7},
            hovertemplate="turn %{x}: %{y:.2%}<extra>" + plain(each.name) + "</extra>",
        )
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    figure.update_layout(showlegend=True)
    rows = tuple(
        (each.name, percent(each.measured[0]["accuracy"]), percent(each.measured[-1]["accuracy"]))
        for each in participants
        if each.measured
    )
    return Picture(
        key="own-accuracy",
        title="The model as each participant met it",
        caption=(
            "Each download, measured before training on rows that the participant never trains "
            "on. It tells nobody: these figures stay in its folder."
        ),
        figure=figure,
        table=Table(("Participant", "First", "Last"), rows),
    )


def _section(own: OwnFacts) -> SiteSection:
    sequence, digest = own.ledger
    total = sum(row["bytes"] for row in own.sent)
    sentences = (
        (
            f"Its ledger holds {plural(sequence, 'charge')}, up to {digest[:16]}..., and "
            f"{_cost(own.status)}"
        ),
        (
            f"It sent {plural(len(own.sent), 'upload')} of {size(total)} in all. Its daemon "
            f"received {size(own.status.get('bytes_down', 0))} and answered with "
            f"{size(own.status.get('bytes_up', 0))}, agreements included."
        ),
    )
    rows = tuple(
        (
            count(row["turn"] + 1),
            size(row["bytes"]),
            count(row["ledger_sequence"]),
            str(row["sha256"])[:16],
        )
        for row in own.sent
    )
    table = Table(("Turn", "Bytes", "Ledger row", "SHA-256 begins"), rows) if rows else None
    return SiteSection(f"What {own.name} saw", sentences, table)


def _cost(status: Mapping[str, Any]) -> str:
    epsilon = float(status.get("epsilon", 0.0))
    if math.isinf(epsilon) or status.get("budget") is None:
        return "nothing limits them: plain values leave, so epsilon is infinite."
    return (
        f"they cost epsilon {lost(epsilon)} of {float(status['budget']):g} at delta "
        f"{float(status['delta']):g}, for each {status['unit']}."
    )
