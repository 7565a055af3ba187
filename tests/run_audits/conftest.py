"""One small run that kept its uploads, shared by all tests of this folder."""

from __future__ import annotations

import pytest

from tithe.experiment import run_experiment
from tithe.plan import load_plan

SMALL = {
    "name": "small",
    "data": {"train_rows": 200, "test_rows": 300},
    "partition": {"participants": 2},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 20, "learning_rate": 0.02},
    "sharing": {"residual": False},
    "exchange": {"rounds": 2},
    "baselines": {"centralised": False, "standalone": 0},
    "run": {"keep_uploads": True},
}


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """The folder of that run; tests write into copies or elsewhere."""
    directory = tmp_path_factory.mktemp("kept") / "small"
    run_experiment(load_plan(SMALL), directory)
    return directory
