"""The picture of a property audit: what the observer believes, against the true share."""

from __future__ import annotations

import plotly.graph_objects as go

from tithe.report import palette
from tithe.report.canvas import Picture, blank, plain
from tithe.report.property_facts import PropertyFacts
from tithe.report.wording import percent


def beliefs(facts: PropertyFacts) -> Picture:
    """Each made-up participant as a point, the boundary as a line, the audited one as a star."""
    figure = blank(
        height=400,
        x=f"share of class {plain(facts.class_name)} among the rows, in %",
        y="belief that it is above",
    )
    for name, points, colour, symbol in (
        ("without the property", facts.absent, palette.STANDALONE, "circle"),
        ("with the property", facts.present, palette.JOINT, "diamond"),
    ):
        _points(figure, name, points, colour=colour, symbol=symbol, size=8)
    if facts.own is not None:
        own = ((facts.own.share, facts.own.belief),)
        _points(figure, "this participant", own, colour=palette.INK, symbol="star", size=16)
    line = {"color": palette.QUIET, "dash": "dash", "width": 2}
    note = {"showarrow": False, "font": {"color": palette.QUIET}}
    figure.add_vline(
        x=100 * facts.boundary, line=line,
        annotation={**note, "text": "boundary", "y": 1, "xanchor": "left", "yanchor": "top"},
    )  # fmt: skip
    figure.add_hline(
        y=0.5, line=line,
        annotation={**note, "text": "knows nothing", "x": 1, "xanchor": "right",
                    "yanchor": "bottom"},
    )  # fmt: skip
    figure.update_yaxes(range=[-0.03, 1.03])
    figure.update_xaxes(rangemode="tozero")
    return Picture(
        key="beliefs",
        title="What the observer believes, against the truth",
        caption=(
            "Each point is a participant that was made up of rows at hand. An observer who sees "
            "the property puts those right of the boundary, at "
            f"{percent(facts.boundary, digits=1)}, above the level line and those left of it "
            "below; one who sees nothing spreads both alike."
        ),
        figure=figure,
    )


def _points(
    figure: go.Figure, name: str, points: tuple[tuple[float, float], ...], *, colour: str,
    symbol: str, size: int,
) -> None:  # fmt: skip
    figure.add_scatter(
        x=[100 * share for share, _ in points],
        y=[belief for _, belief in points],
        name=name,
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": size, "opacity": 0.8},
        hovertemplate=f"{name}: %{{x:.1f}} %, belief %{{y:.2f}}<extra></extra>",
    )
