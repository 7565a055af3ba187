"""The page of a federation whose folders all belong to one person."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.federation.small_federation import PERMISSIVE, Federation
from tests.report.html_checks import check
from tithe.checks import BadInput
from tithe.engines.flower.demo_page import write_demo_page
from tithe.engines.flower.server_folder import keep_status
from tithe.federation.site_view import view_of
from tithe.federation.watch import Watch
from tithe.storage.journal_file import DamagedJournal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folders of a federation that has trained, as its programs leave them."""
    place = tmp_path_factory.mktemp("demo")
    policy = PERMISSIVE.model_copy(update={"drift_check": True})
    with closing(Federation(place, policy=policy)) as federation:
        federation.open_server()
        watch = Watch(federation.central, place / "server", store=place / "server")
        federation.coordinator._accepted = watch.accepted
        federation.play()
        keep_status(place / "server", watch.status(federation.coordinator.status()))
        for number, site in federation.sites.items():
            home = place / f"clinic {number}"
            home.mkdir()
            keep_status(home, site.status() | {"bytes_down": 1000, "bytes_up": 200})
            site.close()
            (place / f"site-{number}").rename(home / "site")
        federation.sites.clear()
    return place


def test_it_tells_what_the_server_and_every_participant_saw(folder):
    homes = [folder / f"clinic {number}" for number in range(3)]
    path = write_demo_page(folder, server=folder / "server", participants=homes)
    page = check(path.read_text(encoding="utf-8"))
    assert "All 3 rounds are done" in page.said
    for number in range(3):
        assert f"What clinic {number} saw Its ledger holds 3 charges" in page.said
    assert set(page.figures()) == {"lengths", "pace", "own-accuracy"}
    assert page.said.count("It sent 3 uploads") == 3


def test_a_view_is_what_was_charged_and_sent(folder):
    view = view_of(folder / "clinic 1" / "site")
    assert [row["turn"] for row in view.charged] == [0, 1, 2]
    assert [row["turn"] for row in view.sent] == [0, 1, 2]
    assert view.ledger[0] == 3
    assert [row["ledger_sequence"] for row in view.sent] == [1, 2, 3]
    assert [line["turn"] for line in view.measured] == [0, 1, 2]


def test_a_ledger_that_was_changed_makes_no_page(folder, tmp_path):
    with pytest.raises(BadInput, match="there is no ledger"):
        view_of(tmp_path)
    site = folder / "clinic 2" / "site"
    ledger = site / "ledger.sqlite"
    content = ledger.read_bytes()
    ledger.write_bytes(content.replace(b'"turn": 1', b'"turn": 7'))
    with pytest.raises(DamagedJournal):
        view_of(site)
    ledger.write_bytes(content)
