"""A server's folder as its status page shows it."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from tithe.checks import BadInput
from tithe.engines.flower.server_folder import STATUS, read_status
from tithe.federation.history import History
from tithe.report.federation_facts import Facts
from tithe.report.federation_page import live_page
from tithe.report.rendering import live_scripts

_WAIT = (
    b"<!DOCTYPE html><meta http-equiv=refresh content=2><title>Tithe</title>The server starts.\n"
)


def facts_in(folder: Path, *, now: float | None = None) -> Facts:
    """What lies in a server's folder for people to look at.

    Args:
      folder: of the server.
      now: seconds since 1970, where a status that is old should say so.
    Raises:
      BadInput: no server ever ran there.
    """
    history = History(folder)
    return Facts(read_status(folder), history.uploads(), history.measurements(), now)


class ServerPage:
    """Answers the paths of the status page from a server's folder, whoever runs it.

    Args:
      folder: of the server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body of a path; None where there is nothing."""
        if path == "/":
            return "text/html", self._page()
        if path == f"/{STATUS}":
            file = self._folder / STATUS
            return ("application/json", file.read_bytes()) if file.exists() else None
        script = _scripts().get(path.removeprefix("/"))
        return None if script is None else ("text/javascript", script.encode())

    def _page(self) -> bytes:
        try:
            return live_page(facts_in(self._folder, now=time.time()))
        except BadInput:
            return _WAIT


_scripts = cache(live_scripts)
