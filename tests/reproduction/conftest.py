"""A folder of experiments for the tests of this room."""

from __future__ import annotations

import pytest

from tests.reproduction.small_experiment import write_small


@pytest.fixture
def experiments(tmp_path):
    """One experiment, ``small``, of which nothing was run."""
    return write_small(tmp_path)
