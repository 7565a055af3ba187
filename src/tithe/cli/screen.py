"""Where the command line writes: results to standard output, complaints to standard error."""

from __future__ import annotations

from rich.console import Console


def screen() -> Console:
    """Standard output as it is now; text goes out as it is, without markup or guessed colours."""
    return Console(highlight=False, markup=False, emoji=False)


def complain(sentence: str) -> None:
    """Prints one sentence to standard error."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(f"tithe: {sentence}", soft_wrap=True)
