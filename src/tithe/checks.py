"""Guards: one sentence for every wrong input, with its name, rule, value and way out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a plan is checked without waiting for PyTorch
    from torch import Tensor


class BadInput(ValueError):
    """A plan, file or data set that cannot be used; its text is one sentence for the user."""


def require_positive(**named: float) -> None:
    """Raises ValueError unless every value is finite and > 0."""
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0, got {value}")


def require_fraction(**named: float) -> None:
    """Raises ValueError unless every value is in (0, 1]."""
    for name, value in named.items():
        if not 0 < value <= 1:
            raise ValueError(f"{name} must be in (0, 1], got {value}")


def require_at_least(minimum: float, **named: float) -> None:
    """Raises ValueError unless every value is finite and >= minimum."""
    for name, value in named.items():
        if not (math.isfinite(value) and value >= minimum):
            raise ValueError(f"{name} must be finite and >= {minimum}, got {value}")


def require_finite(**named: Tensor) -> None:
    """Raises ValueError if a tensor holds NaN or an infinity; tells how many, never which."""
    for name, value in named.items():
        num_bad = int((~value.isfinite()).sum())
        if num_bad:
            raise ValueError(
                f"{name} must be finite, got {num_bad} of {value.numel()} values that are not"
            )


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like word, for 'did you mean', or None if none is close."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return close[0] if close else None
