"""A fixture that makes run directories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.simulated import Simulated, simulate

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run directory of its own from what shall be different about it."""
    made: list[Path] = []

    def make(**different: object) -> Path:
        made.append(tmp_path / f"run-{len(made)}")
        return simulate(made[-1], Simulated(**different))  # type: ignore[arg-type]

    return make
