"""The picture: accuracy against rounds and against bytes as one PNG file, drawn by Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tithe.checks import BadInput
from tithe.record import read_run
from tithe.report import palette
from tithe.report.curves import Curve, thinned
from tithe.report.facts import Facts
from tithe.report.optional import needed
from tithe.report.plots import LOOKS, POINTS_DRAWN, Look, in_order, name_of
from tithe.report.settings import look_of, read_settings
from tithe.report.wording import percent, size

PICTURE = "accuracy.png"
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "x": "x",
    "cross": "P",
    "star": "*",
    "triangle-down": "v",
}


def write_picture(directory: Path, path: Path | None = None) -> Path:
    """Writes a run's main picture.

    Args:
      directory: of a run, finished or not.
      path: of the picture; None puts ``accuracy.png`` beside the record.
    Returns:
      The picture's path.
    Raises:
      BadInput: the directory holds no run, nothing was measured yet, or Matplotlib is missing.
    """
    facts = Facts(read_run(directory))
    if not facts.curves:
        raise BadInput(f"{directory} has nothing to draw: nothing was measured yet")

    found = in_order(facts.curves)

    def draw(by_round: Any, by_bytes: Any) -> None:
        for curve in found:
            look = LOOKS.get(curve.phase, Look(palette.OTHER, "dashdot", "x", palette.LINE))
            _draw(by_round, curve, look, name_of(curve.phase))
            if curve.phase != "joint":
                by_bytes.axhline(
                    curve.last.accuracy, color=look.colour, linestyle=DASHES[look.dash]
                )
            elif curve.last.bytes_up > 0:
                _draw_by_bytes(by_bytes, curve, look, "sent up", lambda point: point.bytes_up)
                received = Look(palette.DOWN, "dashdot", "triangle-down", palette.LINE)
                _draw_by_bytes(by_bytes, curve, received, "received", lambda p: p.bytes_down)

    return _write(path or directory / PICTURE, draw, title=facts.name, curves=found)


def write_comparison_picture(
    directories: Sequence[Path],
    path: Path,
    labels: Sequence[str] | None = None,
    *,
    title: str = "Runs compared",
) -> Path:
    """Writes several runs' main picture; everything as in ``write_comparison``."""
    settings = read_settings(directories, labels)

    def draw(by_round: Any, by_bytes: Any) -> None:
        for place, setting in enumerate(settings):
            _draw(by_round, setting.joint, look_of(place), setting.label)
            # One legend is enough: the same looks stand in the other panel.
            _draw_by_bytes(by_bytes, setting.joint, look_of(place), "", lambda p: p.bytes_up)

    joint = [setting.joint for setting in settings]
    return _write(path, draw, title=title, curves=joint)


def _write(
    path: Path, draw: Callable[[Any, Any], None], *, title: str, curves: Sequence[Curve]
) -> Path:
    """Draws into two panels of one height, that of the curves' ends, and saves them."""
    figure = needed("matplotlib.figure", what="PNG pictures", extra="pictures").Figure(
        figsize=(11, 4.6), layout="constrained"
    )
    by_round, by_bytes = figure.subplots(1, 2, sharey=True)
    draw(by_round, by_bytes)
    figure.suptitle(_literally(title), color=palette.INK)
    ends = [height for curve in curves for height in (curve.last.lowest, curve.last.highest)]
    room = max(max(ends) - min(ends), 0.01)
    by_round.set(xlabel="round", ylabel="test accuracy")
    by_round.set_ylim(max(0.0, min(ends) - 2 * room), max(ends) + 0.3 * room)
    by_bytes.set(xlabel="bytes so far, all participants", xscale="log")
    by_bytes.xaxis.set_major_formatter(lambda value, _: size(value))
    by_round.yaxis.set_major_formatter(lambda value, _: percent(value, digits=1))
    for panel in (by_round, by_bytes):
        panel.grid(axis="y", color=palette.LINE)
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, loc="lower right", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=150, metadata={"Software": None})
    return path


def _draw(panel: Any, curve: Curve, look: Look, name: str) -> None:
    points = thinned(curve, at_most=POINTS_DRAWN).points
    rounds = [point.round for point in points]
    label = f"{name} (mean of {curve.num_members})" if curve.has_spread else name
    if curve.has_spread:
        low, high = [p.lowest for p in points], [p.highest for p in points]
        panel.fill_between(rounds, low, high, color=look.colour, alpha=0.15, linewidth=0)
    panel.plot(rounds, [p.accuracy for p in points], label=_literally(label), **_style(look))


def _draw_by_bytes(
    panel: Any, curve: Curve, look: Look, name: str, sent: Callable[[Any], float]
) -> None:
    points = [p for p in thinned(curve, at_most=POINTS_DRAWN).points if sent(p) > 0]
    heights = [point.accuracy for point in points]
    panel.plot([sent(p) for p in points], heights, label=_literally(name), **_style(look))


def _style(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "linestyle": DASHES[look.dash],
        "marker": MARKERS[look.symbol],
        "markersize": 4,
        "linewidth": 2,
    }


def _literally(text: str) -> str:
    """A user's text, so that a dollar begins no formula and an underscore hides no label."""
    return f"{' ' if text.startswith('_') else ''}{text}".replace("$", r"\$")
