"""A federation's page: sound HTML, all that its server may know, and nothing that is private."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.report.html_checks import Page, check
from tithe.report.federation_facts import Facts
from tithe.report.federation_page import federation_page, live_page
from tithe.report.rendering import live_scripts
from tithe.report.site_sections import OwnFacts, seen_by


@dataclass
class Line:
    """Any line of a history."""

    at: float = 0.0
    participant: int = 0
    round: int = 0
    uploads: int = 0
    entries: int = 10
    bytes: int = 100
    length: float = 1.0
    staleness: int = 0
    accuracy: float = 0.5
    loss: float = 1.0


def member(number, **different):
    return {
        "number": number,
        "name": f"clinic {number}",
        "connected": True,
        "agreed": True,
        "missing": False,
        "since": 880.0,
        "heard": 990.0,
        "turns": 4,
        "applied": 3,
        "staleness": 2,
        "bytes_down": 5000,
        "bytes_up": 700,
        "refused": {},
        "said": "",
    } | different


def facts(*members, uploads=(), measured=(), now=None, **different):
    status = {
        "name": "hearts",
        "run": "ab" * 16,
        "plan": "cd" * 32,
        "at": 1000.0,
        "round": 3,
        "rounds": 10,
        "is_done": False,
        "participants": list(members) or [member(0), member(1)],
        "reasons": {"signature": "not signed by the participant's key"},
        "store_bytes": 2_000_000,
        "parameters": 13706,
    } | different
    return Facts(status, list(uploads), list(measured), now)


def page_of(found, **named) -> Page:
    return check(federation_page(found, **named).decode())


UPLOADS = [Line(at=900.0 + 10 * n, participant=n % 2, length=1.0 + n) for n in range(8)]
MEASURED = [Line(at=900.0 + 40 * n, round=n, uploads=2 * n, accuracy=n / 4) for n in range(3)]


def test_the_page_says_who_is_there_and_where_it_stands():
    page = page_of(facts(member(0), member(1, connected=False, since=None)))
    for words in ("Round 4 of 10", "1 of 2 participants connected", "0 clinic 0", "2 min 0 s"):
        assert words in page.said, words
    assert "away" in page.said
    assert "ab" * 16 in page.said
    assert "cd" * 32 in page.said
    assert page.figures() == {}  # nothing was uploaded or measured yet


def test_the_curves_are_drawn_once_there_is_something_to_draw():
    figures = page_of(facts(uploads=UPLOADS, measured=MEASURED)).figures()
    assert set(figures) == {"accuracy", "lengths", "pace"}
    assert figures["accuracy"]["data"][0]["y"] == [0.0, 0.25, 0.5]
    assert [trace["name"] for trace in figures["lengths"]["data"]] == ["0 clinic 0", "1 clinic 1"]
    bars = figures["pace"]["data"][0]
    total = sum(height * bars["width"] / 1000 for height in bars["y"])
    assert total == pytest.approx(len(UPLOADS))


def test_the_rate_counts_the_last_minute():
    recent = sum(line.at > 940.0 for line in UPLOADS)
    assert facts(uploads=UPLOADS).recent_rate == pytest.approx(recent / 60)


def test_every_refusal_has_its_reason():
    page = page_of(facts(member(0, refused={"signature": 7}), member(1)))
    assert "not signed by the participant's key" in page.said
    assert "What was refused" in page.said
    assert "What was refused" not in page_of(facts()).said


def test_what_somebody_should_do_something_about_stands_at_the_top():
    waiting = member(0, agreed=False, said="consent")
    page = page_of(facts(waiting, certificate_until=1000.0 + 5 * 86400))
    assert "nobody there has consented to this plan" in page.said
    assert "holds for 5 days yet; renew it" in page.said
    assert "no consent" in page.said
    assert "refuses" in page_of(facts(member(0, agreed=False, said="policy"))).said


def test_an_old_status_says_how_old_it_is():
    assert "This was told 1 min 0 s ago" in Page(live_page(facts(now=1060.0)).decode()).said
    assert "This was told" not in Page(live_page(facts(now=1001.0)).decode()).said


def test_the_end_is_told_with_the_accuracy():
    page = page_of(facts(is_done=True, round=9, accuracy=0.9667))
    assert "All 10 rounds are done. The joint model reached 96.67 %." in page.said
    assert "9 of 10" not in page.said


def test_names_are_shown_letter_by_letter():
    named = member(0, name="<script>alert(1)</script><b>x</b>")
    text = federation_page(facts(named, uploads=UPLOADS)).decode()
    check(text)
    assert "<script>alert" not in text
    assert "<b>x" not in text


def test_the_live_page_loads_its_own_scripts_and_nothing_else():
    text = live_page(facts(uploads=UPLOADS, measured=MEASURED)).decode()
    page = Page(text)
    sources = [given["src"] for given in page.all("script") if "src" in given]
    assert sources == ["plotly.js", "page.js", "live.js"]
    assert set(sources) == set(live_scripts())
    assert len(text) < 60_000
    running = [content for given, content in page.scripts if not {"type", "src"} & given.keys()]
    assert running == []  # its policy forbids a script in the page
    assert "http://" not in text


def test_what_participants_saw_is_told_where_one_person_owns_their_folders():
    own = OwnFacts(
        name="0 north",
        status={"epsilon": 1.5, "budget": 8.0, "delta": 1e-5, "unit": "record", "bytes_down": 9000},
        charged=[{}],
        ledger=(4, "ef" * 32),
        sent=[{"turn": 0, "bytes": 1234, "sha256": "12" * 32, "ledger_sequence": 1}],
        measured=[{"turn": 0, "accuracy": 0.25, "loss": 1.0}],
    )
    page = page_of(facts(), seen=seen_by([own]))
    assert "What 0 north saw" in page.said
    assert "4 charges, up to efefefefefefefef..., and they cost epsilon 1.5 of 8" in page.said
    assert "1 upload of 1.23 kB" in page.said
    assert "own-accuracy" in page.figures()


def test_plain_sharing_is_called_infinite():
    own = OwnFacts("0 n", {"epsilon": "inf", "budget": None}, [], (0, "0" * 64), [], [])
    assert "epsilon is infinite" in page_of(facts(), seen=seen_by([own])).said
