"""Killed between any two steps and started again: nothing lost, doubled or refunded."""

from __future__ import annotations

from contextlib import closing
from itertools import count

import pytest
import torch

from tests.federation.small_federation import Federation, in_one_process
from tithe.federation.own_ledger import KIND
from tithe.storage.journal import Journal

SMALL = (
    "data.train_rows=40", "partition.participants=2", "exchange.rounds=2", "sharing.theta_d=0.5",
)  # fmt: skip
SIMULATED = (*SMALL, "privacy.unit=participant", "sharing.gamma=0.01", "sharing.theta_u=0.01")


class Killed(BaseException):
    """The process is gone."""


class Executioner:
    """Kills at the n-th point it is told of, once."""

    def __init__(self, at):
        self.left = at
        self.points = []

    def __call__(self, point):
        self.points.append(point)
        self.left -= 1
        if self.left == 0:
            raise Killed


def charges(folder, number):
    path = folder / f"site-{number}" / "ledger.sqlite"
    return [row["turn"] for row in Journal.read(path, kind=KIND).rows] if path.exists() else []


def play_and_be_killed(folder, plan, *, server_at=0, site_at=0):
    """The finished federation, and the points that were passed until the end or the kill."""
    federation = Federation(folder, *plan, count=2)
    federation.snapshot_entries = 3
    federation.passing = Executioner(server_at)
    federation.site_passing = Executioner(site_at)
    try:
        federation.play()
    except Killed:
        known = federation.store.payload_digests()
        before = [charges_while_open(federation, number) for number in range(2)]
        for number in range(2):
            federation.open_site(number)
        federation.open_server()
        assert federation.store.payload_digests()[: len(known)] == known
        federation.play()
        for number in range(2):
            after = charges_while_open(federation, number)
            assert after[: len(before[number])] == before[number]
    return federation


def charges_while_open(federation, number):
    federation.close_site(number)
    rows = charges(federation.folder, number)
    federation.open_site(number)
    return rows


def require_all_there_once(federation, folder):
    uploads = [(who, turn) for who, turn, _ in federation.store.payload_digests()]
    assert sorted(uploads) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    federation.close()
    for number in range(2):
        mine = {turn: digest.hex() for who, turn, digest in federation.digests if who == number}
        (run,) = (folder / f"site-{number}" / "runs").iterdir()
        sent = Journal.read(run / "sent" / "sent.journal", kind="journal of what was sent").rows
        assert {row["turn"]: row["sha256"] for row in sent} == mine
        assert set(charges(folder, number)) == {0, 1}


def num_points(folder, plan):
    federation = play_and_be_killed(folder, plan)
    federation.close()
    return len(federation.passing.points), len(federation.site_passing.points)


@pytest.mark.parametrize("who", ["server", "site"])
@pytest.mark.parametrize("plan", [SMALL, SIMULATED], ids=["plain", "simulated noise"])
def test_a_kill_at_every_third_point_changes_nothing_but_what_it_cost(tmp_path, who, plan):
    kill_at_every(tmp_path, who, plan, stride=3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("who", ["server", "site"])
@pytest.mark.parametrize("plan", [SMALL, SIMULATED], ids=["plain", "simulated noise"])
def test_a_kill_at_any_point_changes_nothing_but_what_it_cost(tmp_path, who, plan):
    kill_at_every(tmp_path, who, plan, stride=1)


def kill_at_every(tmp_path, who, plan, *, stride):
    expected = in_one_process(*plan)
    num_server, num_site = num_points(tmp_path / "whole", plan)
    last = num_server if who == "server" else num_site
    for at in range(1, last + 1, stride):
        folder = tmp_path / str(at)
        with closing(play_and_be_killed(folder, plan, **{f"{who}_at": at})) as federation:
            for name, tensor in expected.items():
                assert torch.equal(federation.state()[name], tensor), (at, name)
            federation.digests = federation.store.payload_digests()
            require_all_there_once(federation, folder)
        if plan is SIMULATED:  # the same noise again is no second release
            assert charges(folder, 0) == charges(folder, 1) == [0, 1]


def test_with_fresh_noise_a_turn_taken_anew_is_charged_anew(tmp_path):
    plan = (*SIMULATED, "privacy.noise=secure", "privacy.noise_multiplier=5.0")
    folders = count()
    for at, expected in ((1, [0, 0, 1]), (2, [0, 1]), (3, [0, 1])):
        folder = tmp_path / str(next(folders))
        with closing(play_and_be_killed(folder, plan, site_at=at)):
            pass
        assert charges(folder, 0) == expected, at


def test_a_budget_made_for_just_enough_turns_is_not_refunded_by_a_crash(tmp_path):
    plan = (*SIMULATED, "privacy.noise=secure")
    with closing(play_and_be_killed(tmp_path, plan, site_at=1)) as federation:
        applied = [each["applied"] for each in federation.coordinator.status()["participants"]]
    assert applied == [1, 2]  # the second turn of the first would have been its third charge
    assert charges(tmp_path, 0) == [0, 0]


def test_a_damaged_snapshot_is_passed_over(tmp_path):
    expected = in_one_process(*SMALL)
    with closing(Federation(tmp_path, *SMALL, count=2)) as federation:
        federation.snapshot_entries = 3
        federation.play()
        newest = max((tmp_path / "server").glob("snapshot-*"))
        newest.write_bytes(newest.read_bytes()[:-1] + b"?")
        federation.open_server()
        assert torch.equal(federation.state()["vector"], expected["vector"])


def test_payloads_that_two_snapshots_cover_are_gone(tmp_path):
    with closing(Federation(tmp_path, *SMALL, count=2)) as federation:
        federation.snapshot_entries = 3
        federation.play()
        assert federation.store.number == 10
        assert len(federation.store.payload_digests()) == 4
        assert len(federation.store.last_payloads(10)) < 4
        assert len(list((tmp_path / "server").glob("snapshot-*"))) == 2
