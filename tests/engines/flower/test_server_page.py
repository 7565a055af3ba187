"""The status page from a server's folder, as curl and as a browser see it."""

from __future__ import annotations

import json
import shutil
import subprocess

import httpx
import pytest

from tests.report.html_checks import Page
from tests.report.test_federation_page import MEASURED, UPLOADS, facts
from tithe.checks import BadInput
from tithe.engines.flower.server_folder import keep_status
from tithe.engines.flower.server_page import ServerPage, facts_in
from tithe.federation.history import add_line
from tithe.federation.page_server import served
from tithe.report.federation_page import live_page

SEEN = {
    "at": 990.0,
    "participant": 1,
    "turn": 0,
    "round": 0,
    "entries": 5,
    "bytes": 99,
    "length": 0.5,
    "staleness": 0,
}


@pytest.fixture
def folder(tmp_path):
    keep_status(tmp_path, dict(facts().status))
    add_line(tmp_path / "uploads.jsonl", SEEN)
    return tmp_path


def test_the_page_shows_what_lies_in_the_folder_now(folder):
    with served(ServerPage(folder), port=0) as address:
        found = httpx.get(address)
        assert "Round 4 of 10" in Page(found.text).said
        assert "lengths" in Page(found.text).figures()
        keep_status(folder, dict(facts(round=7).status))
        assert "Round 8 of 10" in Page(httpx.get(address).text).said
        assert httpx.get(f"{address}status.json").json()["round"] == 7
        for given in Page(found.text).all("script"):
            if "src" in given:
                script = httpx.get(address + given["src"])
                assert script.status_code == 200
                assert script.headers["content-type"].startswith("text/javascript")


def test_nothing_else_of_the_folder_is_served(folder):
    (folder / "store").mkdir()
    (folder / "store" / "uploads.sqlite").write_bytes(b"secret")
    with served(ServerPage(folder), port=0) as address:
        for path in ("uploads.jsonl", "store/uploads.sqlite", "roster.toml", "certificates/ca.key"):
            assert httpx.get(address + path).status_code == 404


def test_before_the_server_told_anything_the_page_waits(tmp_path):
    with served(ServerPage(tmp_path), port=0) as address:
        assert "The server starts" in httpx.get(address).text
        assert httpx.get(f"{address}status.json").status_code == 404
    with pytest.raises(BadInput, match="ever ran"):
        facts_in(tmp_path)


def test_a_status_with_an_infinite_figure_is_sound_json(tmp_path):
    keep_status(tmp_path, {"epsilon": float("inf")})
    assert json.loads((tmp_path / "status.json").read_text()) == {"epsilon": "inf"}


def test_a_disk_that_refuses_the_status_stops_nobody(tmp_path):
    keep_status(tmp_path / "is not there", {"at": 1.0})


class Changing:
    """A page that is another one, or breaks, from the second reading on."""

    def __init__(self, *, breaks):
        self.breaks = breaks
        self.num_readings = 0
        self.scripts = ServerPage("nowhere")

    def __call__(self, path):
        if path != "/":
            return self.scripts(path)
        self.num_readings += 1
        if self.num_readings > 1 and self.breaks:
            raise ConnectionError
        name = "first" if self.num_readings == 1 else "renewed"
        return "text/html", live_page(facts(name=name, uploads=UPLOADS, measured=MEASURED))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("breaks", [False, True])
def test_a_browser_renews_the_page_and_says_when_the_server_is_away(tmp_path, breaks):
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --virtual-time-budget=8000 --dump-dom"
    )
    page = Changing(breaks=breaks)
    with served(page, port=0) as address:
        seen = subprocess.run(
            ["chromium", *flags.split(), f"--user-data-dir={tmp_path / 'browser'}", address],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
    assert page.num_readings > 1
    assert ("<strong>renewed</strong>" in seen.stdout) is not breaks
    assert ('id="away" hidden' in seen.stdout) is not breaks
    assert seen.stdout.count('<svg class="main-svg"') >= 3
    if not breaks:
        assert "CONSOLE" not in seen.stderr
