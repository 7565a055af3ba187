"""A plan that fixes the order: the same parameters in process, simulated, and between machines."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from tests.federation.small_federation import (
    AllowEverything,
    Federation,
    in_one_process,
    terms_with,
)
from tithe.engines.loop import Training

WAYS = {
    "round robin": (),
    "in random order": ("exchange.order=random", "sharing.theta_d=0.4"),
    "private": ("privacy.unit=participant", "sharing.gamma=0.01", "sharing.theta_u=0.01"),
}


@pytest.mark.xdist_group("simulation")
@pytest.mark.parametrize("way", WAYS)
def test_the_order_decides_the_parameters_and_the_engine_does_not(
    tmp_path, simulation_runtime, way
):
    from tithe.engines.flower.simulation import Simulation

    phase = terms_with(*WAYS[way]).phase
    simulated = Training(phase, Simulation(phase, AllowEverything(), runtime=simulation_runtime))
    list(simulated.play())
    with closing(Federation(tmp_path, *WAYS[way])) as federation:
        federation.play()
        deployed = federation.state()
    for name, tensor in in_one_process(*WAYS[way]).items():
        assert torch.equal(simulated.server.store.state()[name], tensor), name
        assert torch.equal(deployed[name], tensor), name
