"""HTML: a template filled in, everything escaped, with all that it needs inside the one file."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tithe.report import palette


def render(template: str, **content: object) -> bytes:
    """Fills in a template of this package; text in content is escaped, as everywhere in it.

    The page's own policy forbids it every connection, and every script but the two it came with.
    """
    environment = Environment(
        loader=PackageLoader("tithe.report"), autoescape=True, undefined=StrictUndefined
    )
    plotly, script = get_plotlyjs(), _asset("page.js")
    text = environment.get_template(template).render(
        **content,
        style=_as_is(_colours() + _asset("page.css")),
        plotly=_as_is(plotly),
        script=_as_is(script),
        hashes=_as_is(f"{_hash(plotly)} {_hash(script)}"),
        dark=json.dumps(palette.DARK),
    )
    return text.encode(errors="replace")


def live_scripts() -> dict[str, str]:
    """The scripts that a served page names, by their names; a page in a file holds its own."""
    names = ("page.js", "live.js")
    return {"plotly.js": get_plotlyjs()} | {name: _asset(name) for name in names}


def _as_is(ours: str) -> Markup:
    """Text of this package or of Plotly, never of a user: it goes into the page unescaped."""
    return Markup(ours)  # noqa: S704


def _colours() -> str:
    """The palette as the style sheet's variables, by day and by night."""
    day = " ".join(f"--{role}: {colour};" for role, colour in palette.ROLES.items())
    night = " ".join(f"--{role}: {palette.DARK[c]};" for role, c in palette.ROLES.items())
    return f":root {{ {day} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {night} }} }}\n"


def _asset(name: str) -> str:
    folder = resources.files("tithe.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """A script's name in a content security policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
