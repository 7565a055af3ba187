"""Pictures of a federation as its server may know it: accuracy, lengths of updates, their pace."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from tithe.report import palette
from tithe.report.canvas import Picture, Table, View, blank, plain
from tithe.report.federation_facts import Facts
from tithe.report.wording import count, duration, number, percent, plural

MOST_POINTS = 600
_MOST_SERIES = len(palette.SERIES)
_BINS = 40


def accuracy_over_time(facts: Facts) -> Picture | None:
    """The joint model on the server's own rows; None if it has none, or measured none yet."""
    lines = facts.measured[-MOST_POINTS:]
    if not lines:
        return None
    figure = blank(x="uploads applied", y="accuracy on the server's own rows")
    by_uploads = [line.uploads for line in lines]
    by_clock = [_clock(line.at) for line in lines]
    figure.add_scatter(
        x=by_uploads,
        y=[line.accuracy for line in lines],
        text=[f"after round {line.round}" for line in lines],
        mode="lines+markers" if len(lines) < 100 else "lines",
        line={"color": palette.JOINT, "width": 3},
        hovertemplate="%{text}: %{y:.2%}<extra></extra>",
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    figure.update_xaxes(rangemode="tozero")
    views = (
        View(
            "By uploads",
            {"x": [by_uploads]},
            {"xaxis.title.text": "uploads applied", "xaxis.type": "linear"},
        ),
        View(
            "By the clock",
            {"x": [by_clock]},
            {"xaxis.title.text": "time, UTC", "xaxis.type": "date"},
        ),
    )
    rows = [
        (count(line.round), count(line.uploads), percent(line.accuracy), number(line.loss))
        for line in lines[-25:]
    ]
    return Picture(
        key="accuracy",
        title="How good the joint model is",
        caption=(
            f"Measured by the server on test rows of its own: {percent(lines[-1].accuracy)} after "
            f"round {lines[-1].round}. Rounds that ended while it was measuring are left out."
        ),
        figure=figure,
        views=views,
        table=Table(("Round", "Uploads", "Accuracy", "Loss"), tuple(rows)),
    )


def lengths(facts: Facts) -> Picture | None:
    """The L2 norm of each upload that was applied; None before the first."""
    lines = facts.uploads[-MOST_POINTS:]
    if not lines:
        return None
    figure = blank(x="time, UTC", y="length of an update (L2)")
    numbers = sorted({line.participant for line in lines})
    for place, who in enumerate(numbers):
        own = [line for line in lines if line.participant == who]
        figure.add_scatter(
            x=[_clock(line.at) for line in own],
            y=[line.length for line in own],
            name=plain(facts.name_of(who)),
            mode="markers",
            marker={
                "color": palette.SERIES[place % _MOST_SERIES],
                "symbol": palette.SYMBOLS[place % len(palette.SYMBOLS)],
                "size": 8,
            },
            hovertemplate="%{y:.4g}<extra>" + plain(facts.name_of(who)) + "</extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=True)
    ordered = sorted(line.length for line in lines)
    return Picture(
        key="lengths",
        title="How long the updates are",
        caption=(
            f"Of the last {plural(len(lines), 'upload')}; half of them are shorter than "
            f"{ordered[len(ordered) // 2]:.3g}. One participant far above the others deserves a "
            "question."
        ),
        figure=figure,
        table=_by_participant(facts, lines),
    )


def pace(facts: Facts) -> Picture | None:
    """Uploads a second over time; None before the second upload."""
    lines = facts.uploads
    if len(lines) < 2:
        return None
    begin, end = lines[0].at, max(facts.at, lines[-1].at)
    width = max((end - begin) / _BINS, 1.0)
    num_bins = max(1, math.ceil((end - begin) / width))
    counts = [0] * num_bins
    for line in lines:
        counts[min(num_bins - 1, int((line.at - begin) / width))] += 1
    figure = blank(height=300, x="time, UTC", y="uploads a second")
    figure.add_bar(
        x=[_clock(begin + (place + 0.5) * width) for place in range(num_bins)],
        y=[each / width for each in counts],
        width=1000 * width,
        marker={"color": palette.UP},
        hovertemplate="%{y:.3g} a second<extra></extra>",
    )
    figure.update_xaxes(type="date")
    figure.update_layout(bargap=0.05)
    return Picture(
        key="pace",
        title="How fast updates come",
        caption=(
            f"{plural(len(lines), 'upload')} in {duration(end - begin)}; a bar is "
            f"{duration(width)}."
        ),
        figure=figure,
    )


def _by_participant(facts: Facts, lines: Sequence[object]) -> Table:
    rows = []
    for member in facts.members:
        own = sorted(line.length for line in facts.uploads if line.participant == member.number)
        if own:
            rows.append(
                (
                    facts.name_of(member.number),
                    count(len(own)),
                    f"{own[0]:.3g}",
                    f"{own[len(own) // 2]:.3g}",
                    f"{own[-1]:.3g}",
                )
            )
    return Table(("Participant", "Uploads", "Shortest", "Middle", "Longest"), tuple(rows))


def _clock(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
