"""The comparison: several runs' accuracy for rounds, bytes and epsilon, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.record import write_atomically
from tithe.report.byte_plots import WAYS, draw_by_bytes, dress_bytes, views_of_ways
from tithe.report.canvas import Picture, Table, blank
from tithe.report.curves import thinned
from tithe.report.plots import POINTS_DRAWN, close_up, draw_curve
from tithe.report.privacy_comparison import by_epsilon
from tithe.report.rendering import render
from tithe.report.settings import Setting, look_of, read_settings
from tithe.report.wording import count, lost, percent, plural, size


def write_comparison(
    directories: Sequence[Path],
    path: Path,
    labels: Sequence[str] | None = None,
    *,
    title: str = "Runs compared",
) -> Path:
    """Writes one self-contained page over several runs.

    Args:
      directories: of runs, one or more.
      path: of the page; an older one is replaced.
      labels: one for each run; runs of one label are repeats of one setting (other seeds, say) and
        are drawn as their mean in a band from lowest to highest. None: each run by its directory.
      title: what is compared.
    Returns:
      path.
    Raises:
      ValueError: there are no runs, or not as many labels.
      BadInput: a directory holds no run, or one whose joint training was never measured.
    """
    settings = read_settings(directories, labels)
    pictures = [_by_round(settings), by_epsilon(settings), _by_bytes(settings)]
    page = render(
        "comparison.html",
        title=title,
        verdict=_verdict(settings),
        pictures=[shown for shown in pictures if shown],
        table_of_figures=_table(settings),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
    return path


def _verdict(settings: Sequence[Setting]) -> str:
    best = max(settings, key=lambda setting: setting.joint.last.accuracy)
    worst = min(settings, key=lambda setting: setting.joint.last.accuracy)
    if len(settings) == 1 or best is worst:
        return f"{best.label} ends at {percent(best.joint.last.accuracy)}."
    return (
        f"Of {plural(len(settings), 'setting')}, {best.label} ends highest, at "
        f"{percent(best.joint.last.accuracy)}, and {worst.label} lowest, at "
        f"{percent(worst.joint.last.accuracy)}."
    )


def _by_round(settings: Sequence[Setting]) -> Picture:
    figure = blank(height=480, x="round", y="test accuracy")
    for place, setting in enumerate(settings):
        draw_curve(figure, setting.joint, look=look_of(place), name=setting.label)
    figure.update_yaxes(tickformat=".0%", rangemode="nonnegative")
    figure.update_xaxes(rangemode="tozero")
    repeated = any(setting.num_runs > 1 for setting in settings)
    return Picture(
        key="rounds",
        title="Accuracy, round by round",
        caption=(
            "What the participants reach together after each round."
            + (" A band spans the repeats of a setting." if repeated else "")
        ),
        figure=figure,
        views=close_up([setting.joint for setting in settings])[::-1],  # the end is what differs
    )


def _by_bytes(settings: Sequence[Setting]) -> Picture | None:
    if not any(setting.joint.last.bytes_up > 0 for setting in settings):
        return None
    figure = blank(height=480, y="test accuracy")
    for way in range(len(WAYS)):
        for place, setting in enumerate(settings):
            points = thinned(setting.joint, at_most=POINTS_DRAWN).points
            draw_by_bytes(figure, points, way=way, look=look_of(place), name=setting.label)
    dress_bytes(figure)
    return Picture(
        key="bytes",
        title="Accuracy for what was sent",
        caption="The further left a curve climbs, the less it took. The scale is logarithmic.",
        figure=figure,
        views=views_of_ways(traces_a_way=len(settings)),
    )


def _table(settings: Sequence[Setting]) -> Table:
    some_private = any(setting.spent for setting in settings)
    some_repeated = any(setting.num_runs > 1 for setting in settings)
    head = (
        "",
        "Together",
        *(("Epsilon", "for each") if some_private else ()),
        *(("Lowest to highest",) if some_repeated else ()),
        "Alone",
        "All data",
        "Up",
        "Down",
        "Shared",
        "Rounds",
        "Participants",
        *(("Runs",) if some_repeated else ()),
    )
    rows = tuple(
        _row(setting, with_epsilon=some_private, with_spread=some_repeated) for setting in settings
    )
    return Table(head=head, rows=rows)


def _row(setting: Setting, *, with_epsilon: bool, with_spread: bool) -> tuple[str, ...]:
    last = setting.joint.last
    spread = f"{percent(last.lowest)} to {percent(last.highest)}" if setting.num_runs > 1 else ""
    simulated = ", simulated" if any(each.is_simulated for each in setting.spent) else ""
    return (
        setting.label,
        percent(last.accuracy),
        *((lost(setting.epsilon), setting.terms + simulated) if with_epsilon else ()),
        *((spread,) if with_spread else ()),
        _percent_or_blank(setting.alone),
        _percent_or_blank(setting.central),
        size(last.bytes_up),
        size(last.bytes_down),
        _percent_or_blank(setting.share_sent),
        _span(setting.rounds),
        _span(setting.participants),
        *((count(setting.num_runs),) if with_spread else ()),
    )


def _percent_or_blank(share: float | None) -> str:
    return "" if share is None else percent(share)


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return count(low) if low == high else f"{count(low)} to {count(high)}"
