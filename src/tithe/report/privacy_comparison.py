"""The picture that compares what private runs reached for what they spent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tithe.report import palette
from tithe.report.canvas import Picture, blank, plain
from tithe.report.curves import thinned
from tithe.report.plots import POINTS_DRAWN, marker_size
from tithe.report.settings import Setting, look_of
from tithe.report.wording import lost, percent

FAR_APART = 100  # from here on, a common scale of epsilon is logarithmic


def by_epsilon(settings: Sequence[Setting]) -> Picture | None:
    """Accuracy against epsilon so far, of the private settings; None if there are none."""
    spending = [
        (place, setting)
        for place, setting in enumerate(settings)
        if setting.spent and 0 < setting.epsilon < math.inf
    ]
    if not spending:
        return None
    figure = blank(height=480, x="epsilon so far", y="test accuracy")
    drawn = []
    for place, setting in spending:
        look = look_of(place)
        points = [
            (setting.epsilon_after(point.round), point)
            for point in thinned(setting.joint, at_most=POINTS_DRAWN).points
        ]
        points = [(epsilon, point) for epsilon, point in points if epsilon > 0]
        drawn += [epsilon for epsilon, _ in points]
        figure.add_scatter(
            x=[epsilon for epsilon, _ in points],
            y=[point.accuracy for _, point in points],
            text=[
                f"{plain(setting.label)}, round {point.round}, epsilon {lost(epsilon)}"
                for epsilon, point in points
            ],
            name=plain(f"{setting.label} ({setting.terms})"),
            mode="lines+markers",
            line={"color": look.colour, "width": look.width, "dash": look.dash},
            marker={"symbol": look.symbol, "size": marker_size(len(points))},
            hovertemplate="%{text}: %{y:.2%}<extra></extra>",
            showlegend=True,
        )
    plainly = [setting for setting in settings if setting.epsilon == math.inf]
    if plainly:
        best = max(plainly, key=lambda setting: setting.joint.last.accuracy)
        height = best.joint.last.accuracy
        figure.add_hline(
            y=height,
            line={"color": palette.QUIET, "dash": "dashdot", "width": 2},
            annotation={
                "text": plain(f"{best.label}, without privacy: {percent(height)}"),
                "font": {"color": palette.QUIET},
                "bgcolor": palette.SURFACE,
                "x": 1,
                "xanchor": "right",
                "yanchor": "bottom",
                "showarrow": False,
            },
        )
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")
    if max(drawn) / min(drawn) > FAR_APART:
        figure.update_xaxes(type="log", dtick=1, tickformat="~s")
    else:
        figure.update_xaxes(rangemode="tozero")
    terms = {setting.terms for _, setting in spending}
    return Picture(
        key="epsilon",
        title="Accuracy for what was spent",
        caption=(
            "The further left a curve climbs, the less was told about the data. A point counts the "
            "participant that had spent most by then, and of repeats the one that spent most."
            + (
                " The terms differ: an epsilon for a record and one for all data of a participant, "
                "or at another delta, are not the same promise."
                if len(terms) > 1
                else ""
            )
        ),
        figure=figure,
    )
