"""The ledger under sudden death: what left was charged, wherever the process was killed."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.privacy import charging_process


def run_and_kill(folder, *, num_kills, seed, order):
    """Runs the participant that is killed again and again; returns (sent, epsilon) of each kill."""
    told = subprocess.run(
        [sys.executable, charging_process.__file__, folder, str(num_kills), str(seed), order],
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return [(num_sent, epsilon) for num_sent, epsilon in json.loads(told.stdout)]


def test_what_left_was_charged_wherever_the_process_is_killed(tmp_path):
    # A killed process loses nothing it handed to the system, so this is about the order of things;
    # that a commit waits for the disk itself is asserted of the journal.
    cost = charging_process.pure_sum([charging_process.EVENT])
    kills = run_and_kill(tmp_path, num_kills=200, seed=20151012, order="charge")
    assert len(kills) == 200
    assert not [kill for kill in kills if kill[0] * cost > kill[1]]
    assert not [kill for kill in kills if kill[1] > charging_process.BUDGET.epsilon]
    assert any(kill[0] * cost < kill[1] for kill in kills)  # some fell between charging and sending
    assert any(kill[1] == charging_process.BUDGET.epsilon for kill in kills)


def test_sending_before_charging_is_caught_by_the_same_kills(tmp_path):
    cost = charging_process.pure_sum([charging_process.EVENT])
    kills = run_and_kill(tmp_path, num_kills=30, seed=20151012, order="send")
    assert [kill for kill in kills if kill[0] * cost > kill[1]]
