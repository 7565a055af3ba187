"""Figures as people read them, in the unit that they have."""

from __future__ import annotations

from typing import Literal

from tithe.report.wording import count, percent

Unit = Literal["%", "epsilon", "parameters"]


def value_of(value: float | None, unit: Unit) -> str:
    """``99.14 %``, ``3.441`` or ``105,506``; a dash for what was not measured.

    An epsilon has four digits, rounded to the nearest: it stands beside a printed one and is no
    promise to anybody.
    """
    if value is None:
        return "-"
    if unit == "%":
        return percent(value / 100)
    return count(value) if unit == "parameters" else f"{value:.4g}"
