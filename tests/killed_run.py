"""A real ``tithe run`` of a private plan, killed without warning again and again.

The process that forks has everything imported, so a life costs no second of imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.private_plans import BY_PARTICIPANT, SMALL
from tithe.build import build
from tithe.cli.app import app
from tithe.experiment import run_experiment
from tithe.ledger_folder import KIND, path_of
from tithe.plan import load_plan
from tithe.record import read_run
from tithe.storage.journal import Journal

NUM_ROUNDS = 12
LONGEST_DELAY = 0.6  # seconds, most of a whole run


def plan_of(noise: str):
    changes = [
        f"privacy.noise={noise}",
        f"exchange.rounds={NUM_ROUNDS}",
        "run.checkpoint_seconds=0.03",
    ]
    return load_plan(SMALL, [*BY_PARTICIPANT["mask, pure"], *changes])


def live(arguments: list[str]) -> None:
    """The command, until it ends or is killed; what it prints is of no interest."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    app(arguments)


def start(folder: Path, plan: Path) -> int:
    """Begins or resumes the run in a process of its own."""
    holds_run = (folder / "about.json").exists()
    where = [str(folder), "--resume"] if holds_run else [str(plan), "--out", str(folder)]
    child = os.fork()
    if child:
        return child
    try:
        live(["run", *where, "--quiet"])
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    finally:
        os._exit(70)


def kill_once(folder: Path, plan: Path, *, delay: float) -> bool:
    """One life, killed so long after the record was begun; whether it had come to its end."""
    child = start(folder, plan)
    while not (folder / "about.json").exists():
        time.sleep(0.001)
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return read_run(folder).is_complete  # it may have been killed while it wrote its page


def counts(folder: Path, participants) -> list[list[int]]:
    """For each participant: turns in the record that were shared, and rows in its ledger."""
    turns = read_run(folder).turns
    told = []
    for each in participants:
        num_shared = sum(
            line.status == "shared" and line.participant == each.number for line in turns
        )
        path = path_of(folder / "ledgers", each.number)
        num_charged = 0
        if path.exists():
            fingerprint = each.shard.fingerprint()
            with Journal.open(path, kind=KIND, fingerprint=fingerprint) as journal:
                num_charged = len(journal.rows())
        told.append([num_shared, num_charged])
    return told


def main(place: Path, *, num_kills: int, seed: int, noise: str) -> dict[str, object]:
    """Kills a run so many times and lets it end; tells what was there after each."""
    draw = random.Random(seed)
    plan = plan_of(noise)
    plan_path, folder = place / "plan.toml", place / "run"
    plan_path.write_text(plan.to_toml())
    participants = build(plan).phases[0].participants  # also keeps the calibration in memory
    if noise == "simulated":
        run_experiment(plan, place / "whole")
    after_kills, num_runs = [], 1
    while len(after_kills) < num_kills:
        has_ended = kill_once(folder, plan_path, delay=draw.uniform(0, LONGEST_DELAY))
        if has_ended:  # begin another, so that every kill falls into a run
            num_runs += 1
            folder = place / f"run-{num_runs}"
            continue
        after_kills.append(counts(folder, participants))
    _, status = os.waitpid(start(folder, plan_path), 0)
    return {
        "after_kills": after_kills,
        "status": os.waitstatus_to_exitcode(status),
        "folder": str(folder),
        "in_the_end": counts(folder, participants),
    }


if __name__ == "__main__":
    _, place_, num_kills_, seed_, noise_ = sys.argv
    told_ = main(Path(place_), num_kills=int(num_kills_), seed=int(seed_), noise=noise_)
    sys.stdout.write(json.dumps(told_))
