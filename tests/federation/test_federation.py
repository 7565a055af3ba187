"""Coordinator and sites over a post office: the same parameters as in one process."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from tests.federation.small_federation import Federation, in_one_process
from tithe.federation.own_ledger import KIND
from tithe.storage.journal import Journal

PRIVATE = ("privacy.unit=participant", "sharing.gamma=0.01", "sharing.theta_u=0.01")
WAYS = {
    "round robin": (),
    "in random order": ("exchange.order=random", "sharing.values=int8"),
    "downloads in part": ("sharing.theta_d=0.4",),
    "downloads as float16": ("sharing.download_values=float16", "server.momentum=0.2"),
    "synchronous": ("exchange.order=synchronous", "server.combine=mean"),
    "private": PRIVATE,
    "private with a budget that ends": (
        *PRIVATE,
        "privacy.noise_multiplier=1.0",
        "privacy.epsilon=8.0",
    ),
}


def require_equal(state, expected):
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


@pytest.mark.parametrize("way", WAYS)
def test_it_reaches_the_same_parameters_as_the_in_process_engine(tmp_path, way):
    expected = in_one_process(*WAYS[way]) if "budget" not in way else None
    with closing(Federation(tmp_path, *WAYS[way])) as federation:
        federation.play()
        state = federation.state()
        applied = [each["applied"] for each in federation.coordinator.status()["participants"]]
    if expected is None:
        assert applied == [2, 2, 2]  # the third turn would pass the budget
    else:
        assert applied == [3, 3, 3]
        require_equal(state, expected)


def test_everybody_was_charged_once_a_turn_and_wrote_down_what_it_sent(tmp_path):
    with closing(Federation(tmp_path)) as federation:
        federation.play()
        accepted = federation.store.payload_digests()
    for number in range(3):
        site = tmp_path / f"site-{number}"
        ledger = Journal.read(site / "ledger.sqlite", kind=KIND).rows
        assert [row["turn"] for row in ledger] == [0, 1, 2]
        (run,) = (site / "runs").iterdir()
        sent = Journal.read(run / "sent" / "sent.journal", kind="journal of what was sent").rows
        mine = [(turn, digest.hex()) for who, turn, digest in accepted if who == number]
        assert [(row["turn"], row["sha256"]) for row in sent] == mine


def test_asynchronous_turns_all_come_in(tmp_path):
    with closing(Federation(tmp_path, "exchange.order=asynchronous")) as federation:
        federation.play()
        status = federation.coordinator.status()
    assert [each["applied"] for each in status["participants"]] == [3, 3, 3]
    assert status["round"] == 3
