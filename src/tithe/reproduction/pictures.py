"""The pictures of the results page, drawn from stored results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import mean

import plotly.graph_objects as go

from tithe.report.canvas import Picture, blank
from tithe.report.palette import SERIES
from tithe.report.settings import look_of
from tithe.reproduction.results import Result, last_accuracies
from tithe.reproduction.tables import EPSILON_WAYS

_NOISE = re.compile(r"noise (\d+(?:\.\d+)?)")


def epsilon_over_noise(rows: Sequence[Mapping[str, float]]) -> Picture:
    """Epsilon by every way of counting over the noise multiplier, on logarithmic scales."""
    figure = blank(height=420, x="noise multiplier", y="epsilon")
    noise = [row["noise"] for row in rows]
    for place, (way, title) in enumerate(EPSILON_WAYS.items()):
        _line(figure, place, noise, [row[way] for row in rows], name=title)
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    caption = (
        "Where the line of its accountant goes flat, its list of orders has ended: that is no cost "
        "of the noise."
    )
    return Picture("epsilon-noise", "Epsilon over the noise", caption, figure)


def pictures_of(name: str, found: Mapping[str, list[Result]]) -> tuple[Picture, ...]:
    """What one experiment has to show: accuracy over the noise, or else round by round.

    Args:
      name: of the experiment.
      found: its results by their entries' labels.
    """
    by_noise = {
        float(match[1]): mean(share for each in results for share in last_accuracies(each, "joint"))
        for label, results in found.items()
        if (match := _NOISE.fullmatch(label))
    }
    if len(by_noise) > 1:
        return (_accuracy_over_noise(name, by_noise),)
    return _curves(name, found)


def _accuracy_over_noise(name: str, by_noise: Mapping[float, float]) -> Picture:
    figure = blank(height=420, x="noise multiplier", y="test accuracy")
    noise = sorted(by_noise)
    _line(figure, 0, noise, [by_noise[each] for each in noise], name="accuracy")
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    caption = "The same steps of the same training, with more and more noise."
    return Picture(f"accuracy-{name}", "Accuracy over the noise", caption, figure)


def _curves(name: str, found: Mapping[str, list[Result]]) -> tuple[Picture, ...]:
    """Test accuracy of the joint training round by round; nothing if there is little to see."""
    figure = blank(height=420, x="round", y="test accuracy")
    for label, results in found.items():
        curves = [each["curves"]["joint"] for each in results if "joint" in each["curves"]]
        points = list(zip(*curves, strict=False))
        if len(points) < 3:  # a start and an end are in the table already
            continue
        accuracies = [mean(each[1] for each in point) for point in points]
        rounds = [point[0][0] for point in points]
        _line(figure, len(figure.data), rounds, accuracies, name=label)
    if not 0 < len(figure.data) <= len(SERIES):
        return ()
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    caption = "The mean over the seeds of each setting."
    return (Picture(f"curves-{name}", "Accuracy, round by round", caption, figure),)


def _line(
    figure: go.Figure, place: int, x: Sequence[float], y: Sequence[float], *, name: str
) -> None:
    look = look_of(place)
    figure.add_scatter(
        x=list(x),
        y=list(y),
        mode="lines+markers",
        name=name,
        line={"color": look.colour, "dash": look.dash, "width": look.width},
        marker={"symbol": look.symbol, "size": 8},
    )
