"""Numbers as people read them."""

from __future__ import annotations

import math

_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float, *, digits: int = 2) -> str:
    """A share as per cent: ``0.98713`` is ``98.71 %``."""
    return f"{share * 100:.{digits}f}{_SPACE}%" if math.isfinite(share) else "not a number"


def count(number: float) -> str:
    """A whole number with its thousands apart: ``105,506``."""
    return f"{number:,.0f}"


def plural(number: int, noun: str) -> str:
    """``1 round``, ``12 rounds``."""
    return f"{count(number)}{_SPACE}{noun}" + ("" if number == 1 else "s")


def size(num_bytes: float) -> str:
    """Bytes in the unit that suits: ``1.24 MB`` (a MB is 1,000,000 bytes)."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{value:.0f}{_SPACE}{unit}" if unit == "B" else f"{value:.3g}{_SPACE}{unit}"
        value /= 1000
    return f"{value:,.3g}{_SPACE}TB" if value < 999.5 else f"{value:,.0f}{_SPACE}TB"


def held_against(part: float, whole: float, *, what: str) -> str:
    """How part compares to whole: ``38 times less than what``."""
    if part <= 0 or whole <= 0:
        return f"{what}: {size(whole)}"
    if 0.95 < part / whole < 1.05:
        return f"as much as {what}"
    if part < whole:
        return f"{_few_digits(whole / part)} times less than {what}"
    return f"{_few_digits(part / whole)} times more than {what}"


def duration(seconds: float) -> str:
    """Wall time: ``0.4 s``, ``1 min 12 s``, ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_SPACE}min {rest}{_SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_SPACE}h {minutes:02d}{_SPACE}min"


def number(value: float | None, *, digits: int = 3) -> str:
    """A measured value; says so if it is none."""
    if value is None:
        return "none"
    if not math.isfinite(value):
        return "not a number"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero


def lost(epsilon: float) -> str:
    """An epsilon with three digits, whole from 1,000 on; rounded up, for no less was lost."""
    if math.isinf(epsilon):
        return "infinite"
    digits = 0 if epsilon <= 0 else min(max(2 - math.floor(math.log10(epsilon)), 0), 12)
    shifted = epsilon * 10**digits
    up = math.ceil(shifted * (1 - 1e-9))  # 3 may be stored as 3.0000000000000004
    text = f"{up / 10**digits:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _few_digits(value: float) -> str:
    """Two digits below 10, whole above: nobody needs 38.412."""
    return f"{value:.1f}" if value < 9.95 else count(value)
