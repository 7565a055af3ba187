"""The canvas: an empty figure in the house's look, and what a page needs to show it."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from tithe.report import palette

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'


@dataclass(frozen=True)
class View:
    """One way to look at a picture: what a press on its button changes."""

    label: str
    traces: dict[str, Any] = field(default_factory=dict)
    layout: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Figures in rows; the first column names the row, the one numbered wide holds sentences."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: int | None = None


@dataclass(frozen=True)
class Picture:
    """A figure with its words.

    Args:
      key: its name on the page, lower-case letters and hyphens.
      title: what it is a picture of.
      caption: what one sees in it, for those who do not see it as well.
      figure: as Plotly shows it in a notebook too.
      views: the first is shown first; none if there is but one.
      table: the figures behind it.
    """

    key: str
    title: str
    caption: str
    figure: go.Figure
    views: tuple[View, ...] = ()
    table: Table | None = None

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.figure.layout.height)

    def to_json(self) -> str:
        """Data, layout and views as JSON that may stand inside an HTML script element."""
        content = {
            **self.figure.to_plotly_json(),
            "views": [{"traces": view.traces, "layout": view.layout} for view in self.views],
        }
        del content["layout"]["template"]
        text = json.dumps(_rounded(content), separators=(",", ":"), sort_keys=True)
        return text.replace("<", "\\u003c").replace("&", "\\u0026")


def blank(*, height: int = 420, x: str = "", y: str = "") -> go.Figure:
    """A figure without data: the house's fonts, axes and margins.

    Args:
      height: in pixels; the width is the page's.
      x: title of the horizontal axis.
      y: title of the vertical axis.
    """
    figure = go.Figure(
        layout={
            "template": "none",
            "height": height,
            "font": {"family": FONT, "size": 13, "color": palette.INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 12, "r": 12, "t": 44, "b": 12},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "hoverlabel": {
                "bgcolor": palette.SURFACE,
                "bordercolor": palette.QUIET,
                "font": {"family": FONT, "size": 13, "color": palette.INK},
            },
            "dragmode": False,
            "bargap": 0.25,
        }
    )
    dress(figure, x=x, y=y)
    return figure


def dress(figure: go.Figure, *, x: str = "", y: str = "") -> None:
    """Gives all axes of a figure the house's lines, and titles if there are any."""
    axis = {
        "automargin": True,
        "gridcolor": palette.LINE,
        "linecolor": palette.QUIET,
        "tickcolor": palette.QUIET,
        "zeroline": False,
        "title": {"standoff": 10, "font": {"color": palette.QUIET, "size": 13}},
        "tickfont": {"color": palette.QUIET, "size": 12},
    }
    figure.update_xaxes(**axis, showgrid=False, showline=True, ticks="outside", ticklen=4)
    figure.update_yaxes(**axis)
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)


def plain(text: str) -> str:
    """A user's text so that Plotly shows it letter by letter: it would read tags as formatting."""
    return html.escape(text, quote=False)


def _rounded(value: object) -> object:
    """The same with seven digits a number: more is not to be seen, and makes the page larger."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
