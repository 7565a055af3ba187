"""The page of a federation whose folders all belong to one person: a demonstration's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.engines.flower.server_folder import read_status
from tithe.engines.flower.server_page import facts_in
from tithe.federation.site_view import view_of
from tithe.record import write_atomically
from tithe.report.federation_page import federation_page
from tithe.report.site_sections import OwnFacts, seen_by

PAGE = "page.html"


def write_demo_page(folder: Path, *, server: Path, participants: Sequence[Path]) -> Path:
    """Writes ``page.html``: what the server saw, and what each participant saw of itself.

    Args:
      folder: where the page goes.
      server: the server's folder; it has ended.
      participants: the participants' folders, which give them their names; all daemons ended.
    Returns:
      The page's path.
    Raises:
      BadInput: a folder lacks something, is damaged, or is in use.
    """
    own = [_own_facts(home) for home in participants]
    path = folder / PAGE
    write_atomically(path, federation_page(facts_in(server), seen=seen_by(own)))
    return path


def _own_facts(home: Path) -> OwnFacts:
    view = view_of(home / "site")
    return OwnFacts(
        name=home.name,
        status=read_status(home),
        charged=view.charged,
        ledger=view.ledger,
        sent=view.sent,
        measured=view.measured,
    )
