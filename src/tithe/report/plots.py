"""Pictures of accuracy over time: by rounds, or by the simulated clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tithe.report import palette
from tithe.report.canvas import Picture, Table, View, blank, plain
from tithe.report.curves import Curve, Point, evenly, thinned
from tithe.report.facts import Facts
from tithe.report.wording import count, number, percent

POINTS_DRAWN = 600
ROWS_LISTED = 25


@dataclass(frozen=True)
class Look:
    """How a series is told from the others, by more than its hue."""

    colour: str
    dash: str
    symbol: str
    band: str
    width: float = 2.5


LOOKS = {
    "centralised": Look(palette.CENTRALISED, "dash", "diamond", palette.LINE),
    "joint": Look(palette.JOINT, "solid", "circle", palette.LINE, width=3),
    "standalone": Look(palette.STANDALONE, "dot", "square", palette.STANDALONE_BAND),
}
NAMES = {"joint": "Together", "centralised": "All data in one place", "standalone": "Alone"}


def name_of(phase: str) -> str:
    """A phase as people call it."""
    return NAMES.get(phase, phase)


def in_order(curves: Mapping[str, Curve]) -> list[Curve]:
    """Ceiling, joint, floor, then whatever else was measured."""
    known = [curves[phase] for phase in LOOKS if phase in curves]
    return known + [curves[phase] for phase in sorted(curves) if phase not in LOOKS]


def accuracy_by_round(facts: Facts) -> Picture:
    """Joint, standalone and centralised accuracy after each round; at least one must be there."""
    figure = blank(x="round", y="test accuracy")
    found = in_order(facts.curves)
    for curve in found:
        look = LOOKS.get(curve.phase, Look(palette.OTHER, "dashdot", "x", palette.LINE))
        draw_curve(figure, curve, look=look, name=f"{name_of(curve.phase)}")
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")
    figure.update_xaxes(rangemode="tozero")
    told = [f"{name_of(c.phase).lower()} {percent(c.last.accuracy)}" for c in found]
    alone = facts.curves.get("standalone")
    band = (
        " The band spans the participants who trained alone." if alone and alone.has_spread else ""
    )
    baselines = ""
    if facts.is_private and len(found) > 1:
        baselines = (
            " Only the joint training is private: alone, nothing leaves, so no noise is added."
        )
    return Picture(
        key="rounds",
        title="Accuracy, round by round",
        caption=f"At the end: {', '.join(told)}.{band}{baselines}",
        figure=figure,
        views=close_up(found),
        table=_table_of_rounds(found),
    )


def accuracy_by_clock(facts: Facts) -> Picture | None:
    """Joint accuracy over simulated time; None unless participants went at their own speed."""
    joint = facts.curves.get("joint")
    if joint is None or not facts.is_asynchronous or not any(facts.clock.values()):
        return None
    figure = blank(x="simulated time", y="test accuracy")
    points = [
        (facts.clock.get(point.round, 0.0), point)
        for point in thinned(joint, at_most=POINTS_DRAWN).points
    ]
    figure.add_scatter(
        x=[clock for clock, _ in points],
        y=[point.accuracy for _, point in points],
        text=[f"round {point.round}" for _, point in points],
        name="Together",
        mode="lines+markers",
        line={"color": palette.JOINT, "width": 3},
        marker={"size": marker_size(len(points))},
        hovertemplate="%{text}, time %{x:.2f}: %{y:.2%}<extra></extra>",
    )
    draw_references(figure, facts)
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")
    end = max(clock for clock, _ in points)
    return Picture(
        key="clock",
        title="Accuracy over simulated time",
        caption=(
            "Participants took their turns at their own speed, without waiting for each other; "
            f"{percent(joint.last.accuracy)} stood after a time of {number(end, digits=1)}, "
            "in turns of a participant of speed 1."
        ),
        figure=figure,
    )


def draw_curve(figure: go.Figure, curve: Curve, *, look: Look, name: str) -> None:
    """Adds a curve, over a band from its lowest to its highest if several networks make it."""
    points = thinned(curve, at_most=POINTS_DRAWN).points
    rounds = [point.round for point in points]
    if curve.has_spread:
        figure.add_scatter(
            x=rounds + rounds[::-1],
            y=[p.highest for p in points] + [p.lowest for p in reversed(points)],
            fill="toself",
            fillcolor=look.band,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
        name = f"{name} (mean of {curve.num_members})"
    figure.add_scatter(
        x=rounds,
        y=[point.accuracy for point in points],
        name=plain(name),
        mode="lines+markers",
        line={"color": look.colour, "width": look.width, "dash": look.dash},
        marker={"symbol": look.symbol, "size": marker_size(len(points))},
        hovertemplate=f"{plain(name)}, round %{{x}}: %{{y:.2%}}<extra></extra>",
    )


def marker_size(num_points: int) -> int:
    """In pixels: past some number, markers would hide their own line."""
    return 7 if num_points <= 60 else 1


def draw_references(figure: go.Figure, facts: Facts) -> None:
    """The baselines' last accuracies as horizontal lines: floor and ceiling send nothing."""
    for phase, anchor in (("centralised", "bottom"), ("standalone", "top")):
        if phase in facts.curves:
            height = facts.curves[phase].last.accuracy
            figure.add_hline(
                y=height,
                line={"color": LOOKS[phase].colour, "dash": LOOKS[phase].dash, "width": 2},
                annotation={
                    "text": f"{name_of(phase)}: {percent(height)}",
                    "font": {"color": LOOKS[phase].colour},
                    "bgcolor": palette.SURFACE,
                    "x": 1,
                    "xanchor": "right",
                    "yanchor": anchor,
                    "showarrow": False,
                },
            )


def close_up(curves: Sequence[Curve]) -> tuple[View, ...]:
    """The whole training, or only the heights in which it ends."""
    ends = [height for c in curves for height in (c.last.lowest, c.last.highest)]
    if max(len(curve.points) for curve in curves) < 3:
        return ()
    margin = max((max(ends) - min(ends)) * 0.25, 0.004)
    return (
        View("Whole training", layout={"yaxis.autorange": True, "yaxis.tickformat": ".0%"}),
        View(
            "Close-up of the end",
            layout={
                "yaxis.range": [max(min(ends) - margin, 0), min(max(ends) + margin, 1.001)],
                "yaxis.tickformat": ".1%",
            },
        ),
    )


def _table_of_rounds(curves: Sequence[Curve]) -> Table:
    by_round: list[dict[int, Point]] = [{p.round: p for p in curve.points} for curve in curves]
    rounds = evenly(sorted(set().union(*by_round)), at_most=ROWS_LISTED)
    head = ["Round"]
    for curve in curves:
        head += [name_of(curve.phase)] + (["lowest to highest"] if curve.has_spread else [])
    return Table(
        head=tuple(head),
        rows=tuple(
            (
                count(round),
                *(
                    cell
                    for c, at in zip(curves, by_round, strict=True)
                    for cell in _cells(c, at.get(round))
                ),
            )
            for round in rounds
        ),
    )


def _cells(curve: Curve, point: Point | None) -> list[str]:
    if point is None:
        return [""] * (2 if curve.has_spread else 1)
    spread = [f"{percent(point.lowest)} to {percent(point.highest)}"] if curve.has_spread else []
    return [percent(point.accuracy), *spread]
