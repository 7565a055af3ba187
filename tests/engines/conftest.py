"""One simulation of Flower's for all tests of a process, since Ray takes seconds to start."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def simulation_runtime():
    """Two actors and five nodes; without the extra, the tests that need it fail."""
    from tithe.engines.flower.simulation_runtime import FlowerSimulation

    with FlowerSimulation(num_nodes=5, num_processes=2, store_bytes=2**27) as runtime:
        yield runtime
