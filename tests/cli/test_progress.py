"""Which view is chosen."""

from __future__ import annotations

import pytest
from rich.console import Console

from tithe.cli import progress
from tithe.cli.json_lines import JsonLines
from tithe.cli.live import LiveView
from tithe.cli.plain_lines import PlainLines


@pytest.mark.parametrize(
    ("terminal", "options", "kind"),
    [
        (True, {}, LiveView),
        (False, {}, PlainLines),
        (True, {"is_quiet": True}, PlainLines),
        (True, {"is_json": True}, JsonLines),
    ],
)
def test_the_view_fits_the_screen_and_the_wish(monkeypatch, terminal, options, kind):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "screen", lambda: Console(force_terminal=terminal))
    assert isinstance(progress.view_for(**({"is_quiet": False, "is_json": False} | options)), kind)


def test_a_dumb_terminal_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(progress, "screen", lambda: Console(force_terminal=True))
    assert isinstance(progress.view_for(is_quiet=False, is_json=False), PlainLines)
