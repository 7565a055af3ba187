"""Which view of a run fits: bars on a terminal, lines elsewhere, or what was asked for."""

from __future__ import annotations

from tithe.cli.json_lines import JsonLines
from tithe.cli.live import LiveView
from tithe.cli.plain_lines import PlainLines
from tithe.cli.screen import screen
from tithe.cli.view import View


def view_for(*, is_quiet: bool, is_json: bool) -> View:
    """The view for standard output as it is."""
    console = screen()
    if is_json:
        return JsonLines(console)
    if is_quiet or not console.is_terminal or console.is_dumb_terminal:
        return PlainLines(console, is_quiet=is_quiet)
    return LiveView(console)
