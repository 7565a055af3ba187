"""Training over a bad link: it goes down, it goes silent in one direction, and a daemon vanishes.

Run as root: ``python experiments/federation-campaign/link_faults.py FOLDER`` (six minutes). Two
participants sit beside the server; the third is behind the shipped nginx and a link with 50 ms of
delay and 1 % loss in each direction. For every fault it is told how many turns the others took
meanwhile and how long the third needed afterwards. At the end store and journals are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from fleet import NUMBERS, PLAN, Far, Fleet
from link_cost import OPEN_PORT, PORT, open_port
from packet_link import FAR, NEAR, NEAR_ADDRESS, PacketLink, Weather, enter, inside, packet_link

from tithe.build import build
from tithe.checks import BadInput
from tithe.engines.flower.server_folder import ServerFolder, read_status
from tithe.engines.flower.serving import terms_in
from tithe.federation.reconcile import reconcile
from tithe.plan import load_plan

USUAL = Weather(delay_seconds=0.05, loss=0.01)
FAULTS = {
    "down": Weather(is_up_cut=True, is_down_cut=True),
    "nothing comes back": Weather(delay_seconds=0.05, is_down_cut=True),
    "nothing gets there": Weather(delay_seconds=0.05, is_up_cut=True),
}
_MOST_SECONDS = 300.0


class Trial:
    """A federation over a link.

    Args:
      fleet: its processes.
      link: to participant 0.
    """

    def __init__(self, fleet: Fleet, link: PacketLink) -> None:
        self._fleet = fleet
        self._link = link

    def applied(self) -> list[int]:
        """How many turns of each participant are applied."""
        with contextlib.suppress(BadInput):
            told = read_status(self._fleet.folder / "server")["participants"]
            return [each["applied"] for each in told]
        return [0] * len(NUMBERS)

    def live(self, is_over: Callable[[], bool], *, seconds: float = _MOST_SECONDS) -> float:
        """Lets everything go on until something is true, or for so long; seconds it took."""
        begun = time.monotonic()
        while not is_over() and time.monotonic() - begun < seconds:
            self._fleet.keep()
            time.sleep(0.05)
        return time.monotonic() - begun

    def cut(self, weather: Weather, seconds: float) -> dict:
        """The link in this weather for so long, and what came of it."""
        before = self.applied()
        self._link.become(weather)
        self.live(lambda: False, seconds=seconds)
        during = self.applied()
        self._link.become(USUAL)
        waited = self.live(lambda: self.applied()[0] > during[0])
        return {
            "seconds": seconds,
            "turns_of_the_others": sum(during[1:]) - sum(before[1:]),
            "turns_of_the_third": during[0] - before[0],
            "seconds_until_its_next_turn": round(waited, 1),
        }

    def vanish(self, away: float) -> dict:
        """The third's daemon is killed while its upload is on its way, and comes back later."""
        journals = list(self._fleet.site(0).glob("runs/*/sent/turn-*.update"))
        path, before = journals[0].parent, len(journals)
        self.live(lambda: len(list(path.glob("turn-*.update"))) > before)
        pid = self._fleet.pid_of("daemon-0")
        os.kill(pid, signal.SIGKILL)
        was = self.applied()
        self._link.become(Weather(is_up_cut=True, is_down_cut=True))
        self.live(lambda: False, seconds=away)
        self._link.become(USUAL)
        waited = self.live(lambda: self.applied()[0] > was[0])
        return {
            "seconds": away,
            "turns_of_the_others": sum(self.applied()[1:]) - sum(was[1:]),
            "seconds_until_its_next_turn": round(waited, 1),
        }


def main() -> None:
    """Prints what every fault came to and keeps it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with packet_link() as link:
        enter(NEAR)
        far = {0: Far(inside(FAR), NEAR_ADDRESS, OPEN_PORT)}
        fleet = Fleet(folder / "federation", port=PORT, has_relay=False, far=far)
        server = ServerFolder.at(fleet.folder / "server")
        trial, found = Trial(fleet, link), {}
        with open_port(folder, server.certificates):
            try:
                link.become(USUAL)
                trial.live(lambda: min(trial.applied()) >= 2)
                for name, weather in FAULTS.items():
                    found[name] = trial.cut(weather, options.seconds)
                    print(name, json.dumps(found[name]), flush=True)
                found["vanished in mid-message"] = trial.vanish(10.0)
                print(json.dumps(found["vanished in mid-message"]), flush=True)
            finally:
                fleet.kill_all()
        plan = load_plan(PLAN)
        terms = terms_in(server, plan, build(plan).phases[0])
        findings = reconcile(terms, fleet.store, {n: fleet.site(n) for n in NUMBERS})
        found["audit"] = vars(findings) | {"is_sound": findings.is_sound}
    (folder / "link_faults.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found["audit"]))


if __name__ == "__main__":
    main()
