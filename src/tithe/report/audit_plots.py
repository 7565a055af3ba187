"""Pictures of an audit: the ROC on logarithmic axes, epsilon side by side, and turns in time."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from tithe.report import palette
from tithe.report.audit_facts import Attack, AuditFacts, Labels
from tithe.report.audit_words import epsilon_figure, epsilon_words, resolution
from tithe.report.canvas import Picture, Table, View, blank, plain
from tithe.report.wording import count, number, percent

_OTHERS_DRAWN = 4


def roc(facts: AuditFacts) -> Picture | None:
    """True against false positives of the headline's attack, others thin beside it."""
    best = facts.best
    if best is None:
        return None
    figure = blank(height=470, x="false-positive rate", y="members found")
    others = [each for each in facts.attacks if each is not best and each.observer == best.observer]
    floor_x, floor_y = 0.5 / best.num_non_members, 0.5 / best.num_members
    _band(figure, best, floor_x, floor_y)
    for place, attack in enumerate(others[:_OTHERS_DRAWN], start=1):
        _line(figure, attack, floor_x, floor_y, colour=palette.SERIES[place], width=1.5, dash="dot")
    _line(figure, best, floor_x, floor_y, colour=palette.JOINT, width=3, dash="solid")
    start = max(floor_x, floor_y)
    figure.add_scatter(
        x=[start, 1], y=[start, 1], name="chance", mode="lines",
        line={"color": palette.QUIET, "width": 2, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    for update, smallest in ((figure.update_xaxes, floor_x), (figure.update_yaxes, floor_y)):
        update(type="log", range=[math.log10(smallest), 0.02], **_ticks(smallest))
    figure.update_xaxes(showgrid=True)
    views = (
        View("Logarithmic", layout=_axes(floor_x, floor_y)),
        View(
            "Linear",
            layout={
                "xaxis.type": "linear", "yaxis.type": "linear", "xaxis.range": [0, 1],
                "yaxis.range": [0, 1.01], "xaxis.tickmode": "auto", "yaxis.tickmode": "auto",
            },
        ),
    )  # fmt: skip
    return Picture(
        key="roc",
        title=f"Members found against strangers accused: {best.name}",
        caption=(
            "Both axes are logarithmic, since what counts is how many members are found while "
            "next to no stranger is accused. Above the dashed line the attack knows something. "
            "The band holds the true share with "
            f"{percent(best.confidence, digits=0)} confidence at each point by itself. "
            f"{resolution(best)}"
        ),
        figure=figure,
        views=views,
        table=rates_table(facts),
    )


def rates_table(facts: AuditFacts) -> Table:
    """Every attack at every rate that its non-members carry, with limits."""
    rates = sorted({r.false_positive_rate for a in facts.attacks for r in a.rates}, reverse=True)
    head = ("Attack", "AUC", *(_head(rate) for rate in rates), "Named", "By chance")
    rows = []
    for attack in facts.attacks:
        at = {rate.false_positive_rate: rate for rate in attack.rates}
        cells = [
            f"{percent(at[r].share, digits=1)} ({percent(at[r].low, digits=1)} to "
            f"{percent(at[r].high, digits=1)})"
            if r in at
            else "not carried"
            for r in rates
        ]
        rows.append(
            (
                f"{attack.name}, {attack.observer}",
                f"{attack.auc:.3f} ({attack.auc_low:.3f} to {attack.auc_high:.3f})",
                *cells,
                count(attack.named),
                number(attack.named_chance, digits=1),
            )
        )
    return Table(head, tuple(rows))


def epsilons(facts: AuditFacts) -> Picture | None:
    """Claimed, shown and what could have been shown, as bars; None without scores."""
    told = facts.epsilon
    if told is None:
        return None
    claimed = told.claimed
    bars = [
        ("Shown, at least", told.shown, palette.JOINT),
        ("Could show at most", told.ceiling, palette.TRACK),
    ]
    if claimed is not None and math.isfinite(claimed):
        bars.insert(0, ("Claimed", claimed, palette.CENTRALISED))
    figure = blank(height=60 + 56 * len(bars), x="epsilon")
    for name, value, colour in bars:
        figure.add_bar(
            x=[value], y=[f"{name}: <b>{value:.2f}</b>"], orientation="h", width=0.6,
            marker={"color": colour}, showlegend=False,
            hovertemplate=f"{name}: {value:.2f}<extra></extra>",
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=False)
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(margin_t=12)
    words, unclaimed = epsilon_words(told), ""
    if claimed is None or math.isinf(claimed):
        unclaimed = f" The claim itself is {epsilon_figure(claimed)}, which no bar can show."
    return Picture(
        key="epsilon",
        title="Claimed and shown",
        caption=(f"{words[:1].upper()}{words[1:]}. This is a bound if {told.proviso}.{unclaimed}"),
        figure=figure,
    )


def timeline(facts: AuditFacts) -> Picture | None:
    """How well members are told after each upload, all uploads so far together."""
    turns = [each for each in facts.turns if each.auc is not None]
    if not turns:
        return None
    figure = blank(height=360, x="uploads so far", y="AUC")
    x = [each.turn + 1 for each in turns]
    lines = [("all uploads so far", [t.auc for t in turns], palette.JOINT, "solid", "circle")]
    if any(each.auc_alone is not None for each in turns):
        lines.append(
            ("this upload alone", [t.auc_alone for t in turns], palette.OTHER, "dot", "square")
        )
    for name, y, colour, dash, symbol in lines:
        figure.add_scatter(
            x=x, y=y, name=name, mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"symbol": symbol, "size": 7},
            hovertemplate=f"{name}, %{{x}}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(
        y=0.5, line={"color": palette.QUIET, "dash": "dash", "width": 2},
        annotation={"text": "chance", "x": 1, "xanchor": "right", "yanchor": "bottom",
                    "showarrow": False, "font": {"color": palette.QUIET}},
    )  # fmt: skip
    figure.update_yaxes(range=[min(0.45, *(t.auc or 1 for t in turns)) - 0.02, 1.02])
    figure.update_xaxes(dtick=1 if x[-1] <= 15 else None)
    return Picture(
        key="turns",
        title="What was told so far",
        caption=(
            "The chance that a member is more suspect than a stranger, to an observer who keeps "
            f"all uploads: {turns[-1].auc:.3f} after {count(len(facts.turns))}."
        ),
        figure=figure,
        table=turns_table(facts),
    )


def turns_table(facts: AuditFacts) -> Table:
    """Turn by turn: spent, told, isolated, miscounted."""
    head = ("Turn", "Epsilon spent", "AUC so far", "AUC alone", "Found at 1 %", "Named so far",
            "Stand alone", "Strangers", "Miscounted")  # fmt: skip
    return Table(
        head,
        tuple(
            (
                count(each.turn),
                "none charged" if each.epsilon is None else epsilon_figure(each.epsilon),
                _told(each.auc),
                _told(each.auc_alone),
                "" if each.rate_1 is None else percent(each.rate_1, digits=1),
                "" if each.named is None else count(each.named),
                "" if each.isolated is None else count(each.isolated),
                "" if each.isolated_control is None else count(each.isolated_control),
                "" if each.share_miscounted is None else percent(each.share_miscounted, digits=0),
            )
            for each in facts.turns
        ),
    )


def labels(told: Labels) -> Picture:
    """The classes' counts as they are and as an observer has them."""
    figure = blank(height=340, x="class", y="records")
    names = [plain(name) for name in told.names]
    for name, values, colour in (
        ("as they are", told.true, palette.CENTRALISED),
        ("as an observer has them", told.recovered, palette.JOINT),
    ):
        figure.add_bar(
            x=names, y=list(values), name=name, marker={"color": colour},
            hovertemplate=f"%{{x}}, {name}: %{{y:.1f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(type="category")
    return Picture(
        key="labels",
        title="The classes' counts, read off the first upload",
        caption=(
            f"{percent(told.share_miscounted, digits=0)} of the records are put into a wrong "
            f"class; who guesses that all classes are of one size miscounts "
            f"{percent(told.share_by_guess, digits=0)}."
        ),
        figure=figure,
        table=Table(
            ("Class", "True", "Recovered"),
            tuple(
                (name, count(true), number(got, digits=1))
                for name, true, got in zip(told.names, told.true, told.recovered, strict=True)
            ),
        ),
    )


def _band(figure: go.Figure, attack: Attack, floor_x: float, floor_y: float) -> None:
    x = [max(value, floor_x) for value in attack.roc.false]
    high = [max(value, floor_y) for value in attack.roc.high]
    low = [max(value, floor_y) for value in attack.roc.low]
    figure.add_scatter(
        x=x + x[::-1], y=high + low[::-1], fill="toself", fillcolor=palette.BANDS[0],
        line={"width": 0}, mode="lines", hoverinfo="skip",
        name=f"{percent(attack.confidence, digits=0)} band",
    )  # fmt: skip


def _line(
    figure: go.Figure, attack: Attack, floor_x: float, floor_y: float, *, colour: str,
    width: float, dash: str,
) -> None:  # fmt: skip
    figure.add_scatter(
        x=[max(value, floor_x) for value in attack.roc.false],
        y=[max(value, floor_y) for value in attack.roc.true],
        name=plain(attack.name),
        mode="lines",
        line={"color": colour, "width": width, "dash": dash, "shape": "hv"},
        hovertemplate=f"{plain(attack.name)}: %{{y:.2%}} at %{{x:.3%}}<extra></extra>",
    )


def _ticks(smallest: float) -> dict[str, object]:
    """One tick a power of ten, as per cent, and one for nothing at all at the border."""
    powers = [
        10.0**-k for k in range(1 - math.floor(math.log10(smallest))) if 10.0**-k > smallest * 1.5
    ]
    values = [smallest, *reversed(powers)]
    words = ["0", *(f"{power * 100:g} %" for power in reversed(powers))]
    return {"tickmode": "array", "tickvals": values, "ticktext": words}


def _axes(floor_x: float, floor_y: float) -> dict[str, object]:
    axes: dict[str, object] = {}
    for name, smallest in (("xaxis", floor_x), ("yaxis", floor_y)):
        axes |= {f"{name}.type": "log", f"{name}.range": [math.log10(smallest), 0.02]}
        axes |= {f"{name}.{key}": value for key, value in _ticks(smallest).items()}
    return axes


def _head(rate: float) -> str:
    return (
        f"Found at {percent(rate, digits=0 if rate >= 0.01 else 1)}"
        if rate
        else "Without a false one"
    )


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
