"""The real process: Ctrl-C in the middle of a run leaves what --resume completes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from tithe.cli.demo import DemoData, plan_text
from tithe.record import read_run

SMALL = [
    f"--set={change}"
    for change in ("exchange.rounds=3", "data.train_rows=400", "baselines.standalone=1")
]


@pytest.fixture
def start(tmp_path):
    """Starts the command in a folder of its own; what still runs in the end is ended."""
    (tmp_path / "digits.toml").write_text(plan_text(DemoData.DIGITS))
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "tithe", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(OSError):
            process.kill()
        process.communicate()


def wait_for_first_round(process):
    first = json.loads(process.stdout.readline())
    assert first["event"] == "round"


def shared(record):
    """What was shared in a run, turn by turn, without the wall times."""
    return [
        (line.phase, line.turn, line.participant, line.entries, line.bytes_up, line.bytes_down)
        for line in record.turns
    ]


def test_an_interrupted_run_is_resumed_to_the_same_result(start, tmp_path):
    whole = start("run", "digits.toml", *SMALL, "--out", "whole", "--quiet")
    assert whole.wait() == 0, whole.stderr.read()

    run = start("run", "digits.toml", *SMALL, "--out", "cut", "--json")
    wait_for_first_round(run)
    run.send_signal(signal.SIGINT)
    output, complaints = run.communicate()
    assert run.returncode == 130, complaints
    assert "go on with: tithe run cut --resume" in complaints
    assert json.loads(output.splitlines()[-1])["event"] == "interrupted"
    assert not read_run(tmp_path / "cut").is_complete

    resumed = start("run", "cut", "--resume", "--quiet")
    assert resumed.wait() == 0, resumed.stderr.read()

    one, other = read_run(tmp_path / "whole"), read_run(tmp_path / "cut")
    assert other.is_complete
    assert shared(one) == shared(other)
    models = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    assert models[0].keys() == models[1].keys()
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_second_interrupt_does_not_wait_for_the_turn(start, tmp_path):
    long_turn = "participant=[{ids = [2], training = {local_epochs = 10000.0}}]"
    run = start("run", "digits.toml", "--set", long_turn, "--out", "x", "--quiet")
    turns = tmp_path / "x" / "turns.jsonl"
    while not (turns.exists() and turns.read_bytes().count(b"\n") == 2):
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    assert "stopping after this turn" in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    complaints = run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert "go on with: tithe run x --resume" in complaints
