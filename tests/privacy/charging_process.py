"""A participant that charges and sends, killed without warning again and again."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tithe.privacy.events import Event, LaplaceRelease
from tithe.privacy.ledger import Budget, BudgetExhausted, BudgetLedger
from tithe.storage.journal import Journal

NUM_TURNS_IN_BUDGET = 40
EVENT = LaplaceRelease(scale=4.0, count=1, unit="participant", relation="zero_out")
BUDGET = Budget(NUM_TURNS_IN_BUDGET / 4, delta=0.0, unit="participant", relation="zero_out")
MOST_TURNS = 6  # of one life
LONGEST_DELAY = 0.02  # seconds, a few turns


def pure_sum(events: Sequence[Event]) -> float:
    """The plain sum of epsilons, which is a filter; only Laplace releases are expected here."""
    return math.fsum(event.count / event.scale for event in events)


def open_ledger(journal: Journal) -> BudgetLedger:
    return BudgetLedger(journal, budget=BUDGET, gate=pure_sum, run="run", is_simulated=False)


def live(path: Path, wire: int, *, charges_first: bool) -> None:
    """Charges and sends until it is killed; what was written to the wire has left."""
    with Journal.open(path, kind="ledger", fingerprint="f") as journal:
        ledger = open_ledger(journal)
        for turn in range(10**9):
            if not charges_first:
                os.write(wire, b".")
            try:
                ledger.charge(participant=7, turn=turn, events=[EVENT])
            except BudgetExhausted:
                os.close(wire)  # tells that there is nothing to wait for
                signal.pause()
            if charges_first:
                os.write(wire, b".")


def kill_once(
    path: Path, *, after_turns: int, delay: float, charges_first: bool
) -> tuple[int, float, int]:
    """Starts a participant, kills it, and tells what it sent, the epsilon on disk and its turns.

    It is killed so many seconds after so many turns arrived, or after it gave up.
    """
    received, wire = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            live(path, wire, charges_first=charges_first)
        finally:
            os._exit(1)
    os.close(wire)
    num_sent = 0
    while num_sent < after_turns and os.read(received, 1):
        num_sent += 1
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, "the participant ended by itself"
    with os.fdopen(received, "rb") as file:
        num_sent += len(file.read())
    with Journal.open(path, kind="ledger", fingerprint="f") as journal:
        return num_sent, open_ledger(journal).total(7), len(journal.rows())


def kill_often(
    folder: Path, *, num_kills: int, seed: int, charges_first: bool
) -> list[list[float]]:
    """After each kill: turns sent and epsilon spent, both since the ledger was begun."""
    draw = random.Random(seed)
    told: list[list[float]] = []
    num_ledgers, num_sent, num_charged = 0, 0, NUM_TURNS_IN_BUDGET
    for _ in range(num_kills):
        if num_charged >= NUM_TURNS_IN_BUDGET:  # a new one, so that its birth is interrupted too
            num_ledgers, num_sent = num_ledgers + 1, 0
        sent, spent, num_charged = kill_once(
            folder / f"ledger-{num_ledgers}",
            after_turns=draw.randint(0, MOST_TURNS),
            delay=draw.choice((0.0, draw.uniform(0, LONGEST_DELAY))),
            charges_first=charges_first,
        )
        num_sent += sent
        told.append([num_sent, spent])
    return told


if __name__ == "__main__":
    _, folder_, num_kills_, seed_, order = sys.argv
    outcome = kill_often(
        Path(folder_), num_kills=int(num_kills_), seed=int(seed_), charges_first=order == "charge"
    )
    sys.stdout.write(json.dumps(outcome))
