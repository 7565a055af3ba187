"""What every test shares: one thread, one seed, and where the real data are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# A test that shares its core with others has no fair deadline, so neither profile sets one.
# At a desk the inputs differ on every run and a failing one is remembered; in CI they are the same
# for the same commit, so that a red build is about the change and never about the draw.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "desk")
)

torch.set_num_threads(1)


@pytest.fixture
def rng() -> torch.Generator:
    """A stream that is the same in every run; a test that needs two of them splits seeds itself."""
    return torch.Generator().manual_seed(20151012)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the real data sets; without one, the test that asks for it is skipped."""
    named = os.environ.get("TITHE_DATA")
    if not named:
        pytest.skip("TITHE_DATA names no folder with data sets")
    root = Path(named)
    if not root.is_dir():
        pytest.fail(f"TITHE_DATA must be a folder, got {named}")
    return root
