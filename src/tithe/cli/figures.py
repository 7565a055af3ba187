"""Numbers as the report words them, with plain spaces that a search in a log finds."""

from __future__ import annotations

from tithe.report import wording


def percent(share: float | None) -> str:
    """``0.97216`` as ``97.22 %``; nothing yet as ``-``."""
    return "-" if share is None else _plain(wording.percent(share))


def size(num_bytes: float) -> str:
    """``1_234_567`` as ``1.23 MB``."""
    return _plain(wording.size(num_bytes))


def clock(seconds: float | None) -> str:
    """``83`` as ``1:23``, ``3723`` as ``1:02:03``; nothing known as ``-``."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")
