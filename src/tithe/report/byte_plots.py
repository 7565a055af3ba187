"""Pictures of accuracy for what was sent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from tithe.report import palette
from tithe.report.canvas import Picture, View, blank, plain
from tithe.report.curves import Point, thinned
from tithe.report.facts import Facts
from tithe.report.plots import LOOKS, POINTS_DRAWN, Look, draw_references, marker_size
from tithe.report.wording import percent, size

WAYS = ("Sent up", "Received", "Both ways")


def accuracy_by_bytes(facts: Facts) -> Picture | None:
    """Joint accuracy against what was sent so far, up, down or both; None if nothing was."""
    joint = facts.curves.get("joint")
    if joint is None or joint.last.bytes_up <= 0:
        return None
    points = thinned(joint, at_most=POINTS_DRAWN).points
    told = facts.traffic
    dense = (told.dense_up, told.dense_down, told.dense_up + told.dense_down)
    heights = [curve.last.accuracy for curve in facts.curves.values()]
    heights += [point.accuracy for point in points if point.bytes_up > 0]
    figure = blank(y="test accuracy")
    for way in range(len(WAYS)):
        draw_by_bytes(figure, points, way=way, look=LOOKS["joint"], name="Together")
        figure.add_scatter(
            x=[dense[way], dense[way]],
            y=[min(heights), max(heights)],
            text=[f"dense exchange: {size(dense[way])}"] * 2,
            name="What a dense exchange would have sent by the end",
            mode="lines+markers",  # markers, for only they keep the line off the picture's edge
            marker={"size": 5, "color": palette.QUIET},
            line={"color": palette.QUIET, "width": 2, "dash": "dashdot"},
            visible=way == 0,
            hovertemplate="%{text}<extra></extra>",
        )
    draw_references(figure, facts)
    dress_bytes(figure, highest=dense[-1])
    return Picture(
        key="bytes",
        title="Accuracy for what was sent",
        caption=(
            f"Together the participants sent {size(joint.last.bytes_up)} up and received "
            f"{size(joint.last.bytes_down)} to reach {percent(joint.last.accuracy)}. "
            "The scale is logarithmic."
        ),
        figure=figure,
        views=views_of_ways(traces_a_way=2),
    )


def draw_by_bytes(
    figure: go.Figure, points: Sequence[Point], *, way: int, look: Look, name: str
) -> None:
    """Adds one curve over the bytes of one of the WAYS; only the first way is seen at first."""
    sent = [(_bytes_of(point, way=way), point) for point in points]
    drawn = [(x, point) for x, point in sent if x > 0]
    figure.add_scatter(
        x=[x for x, _ in drawn],
        y=[point.accuracy for _, point in drawn],
        text=[f"{plain(name)}, round {point.round}, {size(x)}" for x, point in drawn],
        name=plain(name),
        mode="lines+markers",
        line={"color": look.colour, "width": look.width, "dash": look.dash},
        marker={"symbol": look.symbol, "size": marker_size(len(drawn))},
        visible=way == 0,
        hovertemplate="%{text}: %{y:.2%}<extra></extra>",
    )


def views_of_ways(*, traces_a_way: int) -> tuple[View, ...]:
    """A view for each of the WAYS, of a figure whose traces come way by way."""
    return tuple(
        View(
            label,
            traces={"visible": [other == label for other in WAYS for _ in range(traces_a_way)]},
        )
        for label in WAYS
    )


def dress_bytes(figure: go.Figure, *, highest: float = 0.0) -> None:
    """Gives a figure whose x are bytes its logarithmic axis, and its y per cent."""
    bytes_drawn = [x for trace in figure.data for x in trace.x or () if x > 0]
    ticks = _ticks(min(bytes_drawn, default=1.0), max([highest, *bytes_drawn], default=1.0))
    figure.update_xaxes(
        type="log",
        tickvals=ticks,
        ticktext=[size(tick) for tick in ticks],
        title_text="bytes so far, all participants",
    )
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")


def _bytes_of(point: Point, *, way: int) -> float:
    return (point.bytes_up, point.bytes_down, point.bytes_up + point.bytes_down)[way]


def _ticks(lowest: float, highest: float) -> list[float]:
    """Round numbers between the two: the more powers of ten, the fewer of each."""
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(max(highest, lowest, 1)))
    digits = (1, 2, 5) if last - first <= 2 else (1, 3) if last - first <= 4 else (1,)
    return [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
