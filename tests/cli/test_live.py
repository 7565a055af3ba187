"""The live view, on a terminal that only remembers."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from tests.cli.conftest import progress, summary
from tithe.cli.live import LiveView
from tithe.cli.plain_lines import STOPPING
from tithe.cli.view import Finished, Stopped
from tithe.plan import load_plan


def terminal():
    return Console(
        file=io.StringIO(), force_terminal=True, width=80, color_system=None, highlight=False
    )


def drawn(view):
    """What the view would draw now, as lines of text."""
    console = Console(file=io.StringIO(), width=80, color_system=None, legacy_windows=False)
    console.print(view.picture())
    return console.file.getvalue().splitlines()


def test_it_waits_until_something_happens():
    assert drawn(LiveView(terminal())) == ["reading data and building the network"]


def test_a_phase_is_a_line_with_its_figures():
    view = LiveView(terminal())
    view.watch(progress())
    _, joint, state = drawn(view)
    assert joint.split()[0] == "joint"
    assert joint.split()[-7:] == ["1/2", "50.00", "%", "1", "kB", "2", "MB"]
    assert state == "phase 1 of 2, turn 5 of 10, test loss 1.25, 1:23 left"


def test_standalone_trainings_share_a_line_and_send_nothing():
    view = LiveView(terminal())
    for phase in ("joint", "centralised", "standalone-0", "standalone-1"):
        view.watch(progress(phase=phase))
    lines = drawn(view)
    assert [line.split()[0] for line in lines[1:4]] == ["joint", "centralised", "standalone-1"]
    assert "kB" in lines[1]
    assert "kB" not in lines[2]


def test_every_line_fits_a_terminal_of_80_columns():
    view = LiveView(terminal())
    view.watch(
        progress(
            phase="standalone-999", turn=123_456, num_turns=999_999, round=9999, rounds=9999,
            accuracy=1.0, bytes_up=999 * 10**9, seconds_left=None, phases_done=999, num_phases=999,
        )
    )  # fmt: skip
    lines = drawn(view)
    assert len(lines) == 3
    assert all(len(line.rstrip()) <= 80 for line in lines)


def test_a_request_to_stop_is_shown():
    view = LiveView(terminal())
    view.watch(progress())
    view.stopping()
    assert drawn(view)[-1] == STOPPING


def test_it_ends_with_the_table_or_with_nothing():
    for ending, shown in ((Finished(summary(), 0), True), (Stopped(("no",), 2), False)):
        console = terminal()
        view = LiveView(console)
        view.begin(load_plan(""), Path("runs/x"))
        view.watch(progress(message="participant 3 left"))
        view.end(ending)
        text = console.file.getvalue()
        assert "participant 3 left" in text
        assert ("Together they reached 97 %." in text) == shown


def test_it_may_end_before_it_began():
    LiveView(terminal()).end(Stopped(("no",), 2))
