"""Pictures of privacy: what was spent, what noise left of the signal, and what it bought."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean

from tithe.report import palette
from tithe.report.canvas import Picture, Table, blank
from tithe.report.curves import evenly, thinned
from tithe.report.facts import Facts
from tithe.report.plots import (
    LOOKS,
    POINTS_DRAWN,
    ROWS_LISTED,
    draw_references,
    marker_size,
)
from tithe.report.privacy_cards import ACCOUNTANTS, table_of_spending
from tithe.report.spending import Spending, charged_after
from tithe.report.wording import count, lost, number, percent

NOT_A_GUARANTEE = "Not a guarantee:<br>divided by the values"


def spent_against_claimed(spent: Spending) -> Picture | None:
    """Each count of what was spent as a bar, and the budget; None if nothing was, or all is."""
    if spent.is_broken or not spent.total or not math.isfinite(spent.budget):
        return None
    bars = [("Charged by the ledger", spent.total, palette.JOINT)]
    bars += [(ACCOUNTANTS[name], total, palette.DOWN) for name, total in spent.totals.items()]
    if spent.naive is not None:
        bars.append((NOT_A_GUARANTEE, spent.naive, palette.NEVER))
    longest = max([spent.budget, *(value for _, value, _ in bars if math.isfinite(value))])
    figure = blank(height=110 + 46 * len(bars), x="epsilon")
    for name, value, colour in bars:
        figure.add_bar(
            x=[value if math.isfinite(value) else 0],
            y=[f"{name}: <b>{lost(value)}</b>"],
            orientation="h",
            width=0.6,
            marker={
                "color": colour,
                "line": {"width": 1, "color": palette.QUIET if colour == palette.NEVER else colour},
            },
            showlegend=False,
            hovertemplate=f"{name.replace('<br>', ' ')}: {lost(value)}<extra></extra>",
        )
    figure.add_vline(
        x=spent.budget,
        line={"color": palette.ALARM, "width": 2, "dash": "dash"},
        annotation={
            "text": f"budget {lost(spent.budget)}",
            "font": {"color": palette.ALARM},
            "y": 1,
            "yanchor": "bottom",
            "xanchor": "right",
            "showarrow": False,
        },
    )
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=False)
    figure.update_xaxes(range=[0, longest * 1.06], nticks=8, separatethousands=True)
    figure.update_layout(margin_t=36)
    caption = (
        f"At {spent.at_delta}, for the participant that spent most. All bars count the same "
        "releases. The ledger's count is the one that turns are refused by; the others hold if the "
        "noise was fixed before the first turn."
    )
    if spent.naive is not None:
        caption += (
            " The last bar divides the plain sum by the number of values that left. It is often "
            "quoted as epsilon, and protects nobody to that degree."
        )
    return Picture(
        key="spent",
        title="Spent against claimed",
        caption=caption,
        figure=figure,
        table=table_of_spending(spent),
    )


def noise_against_signal(facts: Facts) -> Picture | None:
    """The cosine between what was sent and what it would have been without noise, by round."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for line in facts.turns:
        if line.cosine is not None and math.isfinite(line.cosine):
            rounds[line.round].append(line.cosine)
    if not rounds:
        return None
    drawn = evenly(sorted(rounds), at_most=POINTS_DRAWN)
    means = [fmean(rounds[round_]) for round_ in drawn]
    low, high = [min(rounds[r]) for r in drawn], [max(rounds[r]) for r in drawn]
    has_spread = any(len(rounds[round_]) > 1 for round_ in drawn)
    figure = blank(height=340, x="round", y="cosine")
    if has_spread:
        figure.add_scatter(
            x=drawn + drawn[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=palette.BANDS[0],
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            name="lowest to highest of the participants",
        )
    figure.add_scatter(
        x=drawn,
        y=means,
        name="mean of the participants" if has_spread else "each turn",
        mode="lines+markers",
        line={"color": palette.JOINT, "width": 3},
        marker={"size": marker_size(len(drawn))},
        hovertemplate="round %{x}: %{y:.3f}<extra></extra>",
    )
    bottom = min(0.0, 1.1 * min(low))
    figure.update_yaxes(range=[bottom, 1.04], zeroline=bottom < 0, zerolinecolor=palette.QUIET)
    figure.update_xaxes(rangemode="tozero")
    if drawn[-1] <= 12:
        figure.update_xaxes(dtick=1)
    return Picture(
        key="noise",
        title="Noise against signal",
        caption=(
            "The cosine of the angle between what was sent and what would have been sent without "
            f"noise: 1 is as without noise, 0 is noise alone. It ends at {number(means[-1])} on "
            "average. It is worked out from what the noise hides, so it stays on this machine: "
            "show this picture only to those who may see the data."
        ),
        figure=figure,
        table=Table(
            head=("Round", "Mean cosine", "lowest to highest"),
            rows=tuple(
                (
                    count(round_),
                    number(fmean(rounds[round_])),
                    f"{number(min(rounds[round_]))} to {number(max(rounds[round_]))}",
                )
                for round_ in evenly(drawn, at_most=ROWS_LISTED)
            ),
        ),
    )


def accuracy_by_epsilon(facts: Facts, spent: Spending) -> Picture | None:
    """Joint accuracy against what was spent so far; None if nothing was, or all is lost."""
    joint = facts.curves.get("joint")
    if joint is None or spent.is_broken or not spent.total:
        return None
    points = [
        (charged_after(spent.charged, point.round), point)
        for point in thinned(joint, at_most=POINTS_DRAWN).points
    ]
    figure = blank(x=f"epsilon so far, at {spent.at_delta}", y="test accuracy")
    look = LOOKS["joint"]
    figure.add_scatter(
        x=[epsilon for epsilon, _ in points],
        y=[point.accuracy for _, point in points],
        text=[f"round {point.round}, epsilon {lost(epsilon)}" for epsilon, point in points],
        name="Together",
        mode="lines+markers",
        line={"color": look.colour, "width": look.width},
        marker={"symbol": look.symbol, "size": marker_size(len(points))},
        hovertemplate="%{text}: %{y:.2%}<extra></extra>",
        cliponaxis=False,
        showlegend=False,
    )
    draw_references(figure, facts)
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")
    figure.update_xaxes(range=[0, spent.total * 1.04], separatethousands=True, nticks=9)
    figure.update_layout(margin_t=16)
    beside = any(phase in facts.curves for phase in ("standalone", "centralised"))
    return Picture(
        key="epsilon",
        title="Accuracy for what was spent",
        caption=(
            f"{percent(joint.last.accuracy)} stood at an epsilon of {lost(spent.total)} for "
            f"{spent.whom}, counted for the participant that had spent most by then."
            + (
                " The baselines beside it are not private: alone, nothing leaves, so no noise is "
                "added."
                if beside
                else ""
            )
        ),
        figure=figure,
        table=Table(
            head=("Round", "Epsilon so far", "Together"),
            rows=tuple(
                (count(point.round), lost(epsilon), percent(point.accuracy))
                for epsilon, point in evenly(points, at_most=ROWS_LISTED)
            ),
        ),
    )
