"""Pictures of the exchange: who sent how much, and how stale it was."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from tithe.report import palette
from tithe.report.canvas import Picture, Table, blank, dress
from tithe.report.facts import Facts
from tithe.report.traffic import Traffic
from tithe.report.wording import count, percent, plural, size

BARS_DRAWN = 400
ROWS_LISTED = 100
BINS = 40


def who_sent(facts: Facts) -> Picture | None:
    """Bytes up and down of each participant, with a mark at those who stopped or left.

    Past a few hundred participants a bar is the mean of several neighbours.
    """
    told = facts.traffic
    if told.total_up + told.total_down == 0:
        return None
    figure = blank(height=460)
    canvas = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, figure=figure)
    dress(canvas)
    group = -(-facts.num_participants // BARS_DRAWN)
    width = 0.35 if facts.num_participants < 5 else 0.8 if facts.num_participants <= 60 else 1.0
    places = [float(at.mean()) for at in _groups(np.arange(facts.num_participants), group)]
    for row, (name, values, colour) in enumerate(
        (("sent up", told.bytes_up, palette.UP), ("received", told.bytes_down, palette.DOWN)),
        start=1,
    ):
        means = [float(part.mean()) for part in _groups(values, group)]
        canvas.add_bar(
            x=places,
            y=means,
            width=group * width,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            text=[
                f"{_called(place, group)} {name}: {size(mean)}"
                for place, mean in zip(places, means, strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
            row=row,
            col=1,
        )
        canvas.update_yaxes(
            title_text=name, tickformat="~s", ticksuffix="B", rangemode="tozero", row=row, col=1
        )
    _mark_absent(canvas, told, group=group)
    if not (told.num_stopped.any() or told.has_left.any()):
        canvas.update_layout(margin_t=12)  # no legend to make room for
    canvas.update_xaxes(title_text="participant", row=2, col=1)
    canvas.update_xaxes(showticklabels=False, ticks="", row=1, col=1)
    if facts.num_participants <= 12:
        canvas.update_xaxes(dtick=1)
    return Picture(
        key="who",
        title="Who sent how much",
        caption=_caption_of_traffic(told, group),
        figure=canvas,
        table=_table_of_participants(told),
    )


def staleness(facts: Facts) -> Picture | None:
    """How many updates the server took in during a turn, as a histogram; None if never any."""
    seen = np.array([line.staleness for line in facts.turns if line.status == "shared"])
    if not len(seen) or not seen.max():
        return None
    step = -(-int(seen.max() + 1) // BINS)  # whole numbers a bar
    heights = np.bincount(seen // step)
    starts = [int(start) for start in np.arange(len(heights)) * step]
    figure = blank(height=340, x="updates behind", y="turns")
    figure.add_bar(
        x=[start + (step - 1) / 2 for start in starts],
        y=heights.tolist(),
        width=step * 0.9,
        marker={"color": palette.UP, "line": {"width": 0}},
        text=[f"{start} to {start + step - 1}" if step > 1 else str(start) for start in starts],
        textposition="none",
        hovertemplate="staleness %{text}: %{y} turns<extra></extra>",
        showlegend=False,
    )
    fresh = float((seen == 0).mean())
    caption = (
        "An update is behind by those that the server took in between its participant's download "
        f"and its own arrival. Half were at most {int(np.median(seen))} behind, the stalest "
        f"{int(seen.max())} behind"
    )
    caption += f"; {percent(fresh, digits=1)} were not behind at all." if fresh else "."
    return Picture(
        key="staleness",
        title="How stale the updates were",
        caption=caption,
        figure=figure,
        table=Table(
            head=("Staleness", "Turns"),
            rows=tuple(
                (f"{start} to {start + step - 1}" if step > 1 else str(start), count(height))
                for start, height in zip(starts, heights, strict=True)
            ),
        ),
    )


def _groups(values: NDArray[np.int64], group: int) -> list[NDArray[np.int64]]:
    return np.split(values, range(group, len(values), group))


def _called(place: float, group: int) -> str:
    if group == 1:
        return f"participant {place:.0f}"
    return f"participants around {place:.0f}, on average,"


def _mark_absent(canvas: go.Figure, told: Traffic, *, group: int) -> None:
    """Crosses over those who stopped in some turn, triangles over those who left for good."""
    top = float(max(part.mean() for part in _groups(told.bytes_up, group))) * 1.12 or 1.0
    for name, absent, symbol in (
        ("stopped in some turn", told.num_stopped > 0, "x"),
        ("left for good", told.has_left, "triangle-down"),
    ):
        places = np.flatnonzero(absent).tolist()
        if places:
            canvas.add_scatter(
                x=places,
                y=[top if symbol == "x" else top * 1.12] * len(places),
                mode="markers",
                name=name,
                marker={"symbol": symbol, "size": 9, "color": palette.ALARM},
                hovertemplate=f"participant %{{x}} {name}<extra></extra>",
                row=1,
                col=1,
            )


def _caption_of_traffic(told: Traffic, group: int) -> str:
    low, high = int(told.bytes_up.min()), int(told.bytes_up.max())
    caption = (
        f"{plural(told.turns_shared, 'update')} were sent; a participant sent between {size(low)} "
        f"and {size(high)}, {size(told.bytes_up.mean())} on average, and received "
        f"{size(told.bytes_down.mean())}. The two rows have scales of their own."
    )
    if group > 1:
        caption += f" Each bar is the mean of {group} neighbours."
    stopped, left = int((told.num_stopped > 0).sum()), int(told.has_left.sum())
    if stopped:
        caption += f" {plural(stopped, 'participant')} stopped in some turn (crosses)."
    if left:
        caption += f" {plural(left, 'participant')} left for good (triangles)."
    return caption


def _table_of_participants(told: Traffic) -> Table:
    """The first participants, one row each."""
    return Table(
        head=("Participant", "Updates", "Values sent", "Sent up", "Received", "Stopped turns"),
        rows=tuple(
            (
                str(i) + (" (left)" if told.has_left[i] else ""),
                count(told.num_shared[i]),
                count(told.entries[i]),
                size(told.bytes_up[i]),
                size(told.bytes_down[i]),
                count(told.num_stopped[i]),
            )
            for i in range(min(len(told.bytes_up), ROWS_LISTED))
        ),
    )
