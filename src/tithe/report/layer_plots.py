"""Pictures of the counters: which layers, and which parts of them, were shared."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from tithe.report import palette
from tithe.report.canvas import Picture, Table, blank, dress, plain
from tithe.report.layers import Layer, binned
from tithe.report.wording import count, number, percent

CELLS_OF_STRIP = 1500
CELLS_OF_ROW = 120
LAYERS_DRAWN = 80


def flat_vector(counts: NDArray[np.float32], layers: list[Layer]) -> Picture:
    """The whole flat vector as one strip, true to scale, with the layers' borders."""
    num_cells = min(CELLS_OF_STRIP, len(counts))
    means = binned(counts, num_cells=num_cells)
    figure = blank(height=200)
    edge = len(counts) / num_cells
    figure.add_heatmap(
        z=[_shade(means)],
        x=[(cell + 0.5) * edge for cell in range(num_cells)],
        y=[""],
        customdata=[means.tolist()],
        hovertemplate="around parameter %{x:,.0f}: %{customdata:.1f} uploads<extra></extra>",
        **_colours(float(means.max())),
    )
    for layer in layers[1:]:
        figure.add_vline(x=layer.start, line={"color": palette.INK, "width": 1})
    wide = [layer for layer in layers if layer.num_parameters >= 0.04 * len(counts)]
    figure.update_xaxes(
        tickvals=[(layer.start + layer.stop) / 2 for layer in wide],
        ticktext=[plain(_short(layer.name)) for layer in wide],
        range=[0, len(counts)],
        showline=False,
    )
    figure.update_yaxes(visible=False)
    return Picture(
        key="vector",
        title="The whole network as one vector",
        caption=(
            f"All {count(len(counts))} parameters from left to right, true to scale; a line where "
            "a layer ends. The colour says how often they were shared; grey ones never were."
        ),
        figure=figure,
    )


def layer_by_layer(counts: NDArray[np.float32], layers: list[Layer]) -> Picture:
    """Each layer as a row, stretched to one width, with its mean beside it as a bar."""
    drawn = layers[:LAYERS_DRAWN]
    names = _row_names(drawn)
    cells = np.stack(
        [binned(counts[layer.start : layer.stop], num_cells=CELLS_OF_ROW) for layer in drawn]
    )
    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.66, 0.34],
        horizontal_spacing=0.03,
        shared_yaxes=True,
        figure=blank(height=max(240, min(130 + 34 * len(drawn), 1400))),
    )
    dress(figure)
    figure.add_heatmap(
        z=_shade(cells),
        x=[(cell + 0.5) / CELLS_OF_ROW for cell in range(CELLS_OF_ROW)],
        y=names,
        customdata=cells.tolist(),
        ygap=4,
        hovertemplate="%{y} at %{x:.0%}: %{customdata:.1f} uploads<extra></extra>",
        row=1,
        col=1,
        **_colours(float(cells.max())),
    )
    figure.add_bar(
        x=[layer.mean for layer in drawn],
        y=names,
        orientation="h",
        marker={"color": palette.UP, "line": {"width": 0}},
        text=[number(layer.mean, digits=1) for layer in drawn],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.2f} uploads a parameter<extra></extra>",
        showlegend=False,
        row=1,
        col=2,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(
        title_text="place in the layer",
        tickvals=[0, 0.5, 1],
        ticktext=["start", "middle", "end"],
        tickangle=0,
        showline=False,
        row=1,
        col=1,
    )
    most = max(layer.mean for layer in drawn)
    figure.update_xaxes(visible=False, range=[0, most * 1.25 or 1], row=1, col=2)
    figure.add_annotation(
        text="mean",
        font={"size": 11},
        xref="x2 domain",
        yref="y domain",
        x=0,
        y=1,
        yanchor="bottom",
        showarrow=False,
    )
    return _with_words(figure, counts, layers)


def _with_words(figure: go.Figure, counts: NDArray[np.float32], layers: list[Layer]) -> Picture:
    eager = max(layers, key=lambda layer: layer.mean)
    never = float((counts == 0).mean())
    left_out = len(layers) - LAYERS_DRAWN
    return Picture(
        key="layers",
        title="Which layers were shared",
        caption=(
            f"{percent(never, digits=1)} of the parameters were never shared by anyone. "
            f"{_short(eager.name)} was shared most, "
            f"{number(eager.mean, digits=1)} times a parameter."
            + (f" The last {left_out} layers are only in the table." if left_out > 0 else "")
        ),
        figure=figure,
        table=Table(
            head=("Layer", "Shape", "Parameters", "Uploads a parameter", "Most", "Never shared"),
            rows=tuple(
                (
                    layer.name,
                    " x ".join(map(str, layer.shape)),
                    count(layer.num_parameters),
                    number(layer.mean, digits=2),
                    number(layer.highest, digits=0),
                    percent(layer.never, digits=1),
                )
                for layer in layers
            ),
        ),
    )


def _shade(means: NDArray[np.float64]) -> list[object]:
    """Counts as depth of colour: logarithmic, for a few parameters are shared far more often."""
    shades: list[object] = np.log1p(means).round(4).tolist()
    return shades


def _colours(highest: float) -> dict[str, object]:
    """Colour scale and legend: grey at none at all, then from light to dark."""
    top = math.log1p(highest) or 1.0
    steps = len(palette.RAMP) - 1
    scale = [[0.0, palette.NEVER], [1e-6, palette.NEVER]]
    scale += [[max(step / steps, 2e-6), colour] for step, colour in enumerate(palette.RAMP)]
    ticks = [tick for tick in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000) if tick <= highest]
    return {
        "zmin": 0.0,
        "zmax": top,
        "colorscale": scale,
        "colorbar": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "bottom",
            "ypad": 6,
            "len": 0.5,
            "thickness": 10,
            "outlinewidth": 0,
            "title": {"text": "uploads of a parameter", "side": "top", "font": {"size": 11}},
            "tickvals": [math.log1p(tick) for tick in ticks],
            "ticktext": [count(tick) for tick in ticks],
            "tickfont": {"size": 11, "color": palette.QUIET},
        },
    }


def _row_names(drawn: list[Layer]) -> list[str]:
    """Short names, numbered where two would be the same: Plotly makes one row of equal names."""
    names = [plain(_short(layer.name)) for layer in drawn]
    if len(set(names)) == len(names):
        return names
    return [f"{place}: {name}" for place, name in enumerate(names)]


def _short(name: str) -> str:
    """A long name with its middle left out: the two ends tell layers apart."""
    return name if len(name) <= 26 else f"{name[:10]}…{name[-14:]}"
