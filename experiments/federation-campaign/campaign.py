"""Kills processes of a running federation at random moments, and audits what they left.

Run: ``python experiments/federation-campaign/campaign.py FOLDER --kills 200`` (about forty minutes
on two cores). Killed or stopped itself, the same command goes on. Every kill is one line of
``FOLDER/events.jsonl``; every twenty kills everything is killed at once and the server's store is
held against the participants' journals. Whatever an audit finds ends the campaign.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from pathlib import Path

from fleet import NUMBERS, PLAN, RELAYED, Fleet
from result import summary

from tithe.build import build
from tithe.checks import BadInput
from tithe.engines.flower.server_folder import ServerFolder, read_status
from tithe.engines.flower.serving import terms_in
from tithe.federation.frames import LedgerMark
from tithe.federation.own_ledger import KIND
from tithe.federation.reconcile import Findings, Seen, reconcile
from tithe.plan import load_plan
from tithe.storage.journal import Journal

WEIGHTS = {
    "server": 4.5, "superlink": 3.5, "daemon-0": 2, "daemon-1": 2, "daemon-2": 2
}  # fmt: skip
WEIGHTS_WITH_RELAY = {
    "server": 0.5, "superlink": 0.5, "daemon-0": 0.5, "daemon-1": 0.5,
    "daemon-2": 4, "supernode": 1.5, "clientapp": 6,
}  # fmt: skip
STUCK_SECONDS = 240.0
QUIET_SECONDS = 25.0  # after so long without a turn the next kill hits the recovery from the last


class Campaign:
    """One campaign in one folder, which may have been under way before.

    Args:
      folder: of everything; ``events.jsonl`` in it tells what was done.
      fleet: the processes.
      seed: of the choices of whom to kill and when.
    """

    def __init__(self, folder: Path, fleet: Fleet, *, seed: int) -> None:
        self._folder = folder
        self._fleet = fleet
        self._seed = seed
        self._weights = WEIGHTS_WITH_RELAY if fleet.has_relay else WEIGHTS
        self._events = folder / "events.jsonl"
        told = read_events(self._events)
        self.num_kills = sum(each["what"] == "kill" for each in told)
        self._acknowledged: dict[int, set[int]] = {number: set() for number in NUMBERS}
        self._marks: dict[int, LedgerMark] = {}
        for event in told:
            self._recall(event)
        self._last_move = time.monotonic()
        self._begun = time.monotonic() - (told[-1]["at"] if told else 0.0)

    def run(self, *, kills: int, audit_every: int) -> Findings:
        """Kills until there were so many, then audits a last time."""
        while self.num_kills < kills:
            self._await_activity()
            self._kill()
            if self.num_kills % audit_every == 0 and self.num_kills < kills:
                self._audit()
        self._live(10.0)
        return self._audit()

    def _recall(self, event: dict) -> None:
        """Takes up what an earlier process of this campaign had seen."""
        for number, count in enumerate(event.get("applied", [])):
            if count:
                self._acknowledged[number].add(count - 1)
        for number, (sequence, digest) in enumerate(event.get("marks", [])):
            self._marks[number] = LedgerMark(sequence, bytes.fromhex(digest))

    def _live(self, seconds: float) -> None:
        """Lets the federation go on, starting again what is gone, and looks on."""
        until = time.monotonic() + seconds
        while True:
            self._fleet.keep()
            before = [len(each) for each in self._acknowledged.values()]
            for number, count in enumerate(self._applied()):
                if count:
                    self._acknowledged[number].add(count - 1)
            if before != [len(each) for each in self._acknowledged.values()]:
                self._last_move = time.monotonic()
            if time.monotonic() - self._last_move > STUCK_SECONDS:
                self._tell("stuck", applied=self._applied())
                raise SystemExit(f"no turn was applied for {STUCK_SECONDS:.0f} s: see the logs")
            if time.monotonic() >= until:
                return
            time.sleep(0.1)

    def _await_activity(self) -> None:
        """Until a turn was applied since the last kill, or long none, and then for a moment.

        Behind a SuperNode a turn takes many times as long, so there that one is waited for.
        """
        slowest = [RELAYED] if self._fleet.has_relay else NUMBERS
        before, latest = self._applied(), time.monotonic() + QUIET_SECONDS
        while time.monotonic() < latest:
            self._live(0.1)
            now = self._applied()
            if any(now[number] > before[number] for number in slowest):
                break
        self._live(self._random().uniform(0.0, 4.0))
        while not any(each["outstanding"] for each in self._participants()):
            self._live(0.1)

    def _kill(self) -> None:
        """Kills one process now, and notes what it was in the middle of."""
        chance = self._random()
        chance.random()
        there = {name: self._fleet.pid_of(name) for name in self._weights}
        names = [
            name
            for name, pid in there.items()
            if pid and (name not in self._fleet.services or self._fleet.seconds_up(name) > 3.0)
        ]
        if not names:
            self._live(1.0)
            return
        (target,) = chance.choices(names, weights=[self._weights[name] for name in names])
        pid = self._fleet.pid_of(target)
        if pid is None:  # a ClientApp lives for a second or two
            return
        applied = self._applied()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.num_kills += 1
        self._tell(
            "kill", number=self.num_kills, target=target, phase=self._phase(target), applied=applied
        )

    def _phase(self, target: str) -> str:
        """What the killed process was in the middle of, as far as its files tell."""
        if target.startswith("daemon"):
            return self._phase_of_daemon(int(target[-1]))
        if target == "superlink":
            rows = "SELECT (SELECT COUNT(*) FROM message_ins), (SELECT COUNT(*) FROM message_res)"
            found = _first_row(self._fleet.folder / "server/superlink/post-office.db", rows)
            return f"{found[0]} questions and {found[1]} answers on their way" if found else ""
        if target == "server":
            last = "SELECT kind FROM entry ORDER BY number DESC LIMIT 1"
            found = _first_row(self._fleet.store / "uploads.sqlite", last)
            return f"after an entry of kind {found[0]}" if found else ""
        return ""

    def _phase_of_daemon(self, number: int) -> str:
        site = self._fleet.site(number)
        time.sleep(0.2)  # until it is dead
        charged = _first_row(site / "ledger.sqlite", "SELECT MAX(sequence) FROM entry")
        row = {}
        for journal in site.glob("runs/*/sent/sent.journal"):
            sent = _first_row(journal, "SELECT text FROM entry ORDER BY sequence DESC LIMIT 1")
            row = json.loads(sent[0]) if sent else {}
        if charged and charged[0] > row.get("ledger_sequence", 0):
            return "charged, and nothing sent"
        applied = self._applied()[number]
        return "sent, and not applied" if row.get("turn", -1) >= applied else "before the charge"

    def _audit(self) -> Findings:
        """Kills everything at once and holds copies of store and journals against each other."""
        self._fleet.kill_all()
        copy = self._folder / "audited"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700)
        shutil.copytree(self._fleet.folder / "server", copy / "server", symlinks=True)
        sites = {number: copy / f"site-{number}" for number in NUMBERS}
        for number, path in sites.items():
            shutil.copytree(self._fleet.site(number), path)
        plan = load_plan(PLAN)
        terms = terms_in(ServerFolder.at(copy / "server"), plan, build(plan).phases[0])
        seen = {
            number: Seen(
                frozenset(self._acknowledged[number]), self._marks.get(number, LedgerMark())
            )
            for number in NUMBERS
        }
        findings = reconcile(terms, copy / "server" / "store", sites, seen=seen)
        ledgers = [Journal.read(sites[n] / "ledger.sqlite", kind=KIND).last for n in NUMBERS]
        self._marks = {n: LedgerMark(s, bytes.fromhex(d)) for n, (s, d) in enumerate(ledgers)}
        self._tell(
            "audit", kills=self.num_kills, **dataclasses.asdict(findings),
            is_sound=findings.is_sound, marks=ledgers,
        )  # fmt: skip
        if not findings.is_sound:
            raise SystemExit(f"the audit after {self.num_kills} kills found: {findings}")
        self._last_move = time.monotonic()
        return findings

    def _participants(self) -> list[dict]:
        with contextlib.suppress(BadInput):
            return read_status(self._fleet.folder / "server")["participants"]
        return []

    def _applied(self) -> list[int]:
        """Of each participant, how many turns the server says are applied up to its last."""
        return [each["applied"] for each in self._participants()] or [0] * len(NUMBERS)

    def _random(self) -> random.Random:
        return random.Random(f"{self._seed}-{self.num_kills}")  # noqa: S311

    def _tell(self, what: str, **facts: object) -> None:
        event = {"what": what, "at": round(time.monotonic() - self._begun, 1), **facts}
        with self._events.open("a") as file:
            file.write(json.dumps(event) + "\n")
        print(json.dumps(event)[:240], flush=True)


def read_events(path: Path) -> list[dict]:
    """What a campaign has told so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _first_row(database: Path, statement: str) -> tuple | None:
    """One row of a database whose process is dead or may be writing; None if it cannot be had."""
    try:
        name = f"{database.as_uri()}?mode=ro"  # else closing it would fold the log in
        with contextlib.closing(sqlite3.connect(name, uri=True, timeout=2)) as connection:
            return connection.execute(statement).fetchone()
    except sqlite3.Error:
        return None


def main() -> None:
    """Runs or goes on with a campaign and writes its summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--audit-every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=9391)
    parser.add_argument(
        "--no-relay", action="store_true", help="three daemons that dial themselves"
    )
    parser.add_argument("--warm", action="store_true", help="fork our processes: faster restarts")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fleet = Fleet(
        folder / "federation",
        port=options.port,
        has_relay=not options.no_relay,
        is_warm=options.warm,
    )
    campaign = Campaign(folder, fleet, seed=options.seed)
    try:
        campaign.run(kills=options.kills, audit_every=options.audit_every)
    finally:
        fleet.kill_all()
    found = summary(read_events(folder / "events.jsonl"), seed=options.seed)
    (folder / "summary.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
