"""What every page must keep: sound HTML, reachable names, no way out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """A page taken apart; complains about what is not sound."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.words: list[str] = []
        self.text = text
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "script":
            self.scripts.append((given, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"closed before it was opened: {tag}"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def said(self) -> str:
        """All that is to be read, with ordinary spaces."""
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this name."""
        return [given for name, given in self.tags if name == tag]

    def figures(self) -> dict[str, Any]:
        """What the page draws, by key."""
        return {
            given["data-figure"]: json.loads(content)
            for given, content in self.scripts
            if "data-figure" in given
        }


def check(text: str) -> Page:
    """Takes a page apart and asserts what holds of all our pages."""
    assert text.startswith("<!DOCTYPE html>")
    assert len(text.encode()) < 6_000_000
    page = Page(text)
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    for _, given in page.tags:
        for reference in ("aria-labelledby", "aria-describedby"):
            assert given.get(reference, ids[0]) in ids
        for outward in ("src", "href", "action", "srcset"):
            assert given.get(outward, "data:,").startswith(("data:,", "data:image/"))
        assert not any(name.startswith("on") for name in given), given
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    style = text.partition("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style

    (policy,) = (
        given["content"] for given in page.all("meta") if given.get("http-equiv") is not None
    )
    assert policy.startswith("default-src 'none';")
    running = [content for given, content in page.scripts if "type" not in given]
    assert len(running) == 2
    for script in running:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    plotly, ours = running
    assert plotly.count("plotly.js v") == 1
    assert "http" not in ours
    return page
