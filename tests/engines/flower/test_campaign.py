"""Real processes under kill -9: a small campaign, as the experiment runs a large one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tithe.engines.flower.superlink import free_port

CAMPAIGN = Path(__file__).parents[3] / "experiments" / "federation-campaign" / "campaign.py"
KILLS = 6


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_kills_of_real_processes_lose_double_and_refund_nothing(tmp_path):
    options = ("--kills", str(KILLS), "--audit-every", "3", "--seed", "5", "--no-relay", "--warm")
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), str(tmp_path), *options, "--port", str(free_port())],
        check=False,
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["kills"] == KILLS
    assert found["lost"] == found["doubled"] == found["refunded"] == found["foreign"] == 0
    assert found["replayed_bit_for_bit"]
    assert found["uploads_applied"] > 0
    assert found["charges"] >= found["uploads_sent"] >= found["uploads_applied"]
