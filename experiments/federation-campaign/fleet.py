"""The federation of the campaign: real processes, and who starts each again when it is gone.

A server with its SuperLink over TLS, two daemons that dial it themselves, and a third daemon behind
a stock SuperNode. Every one is started by the command that the documentation names, and again by
the same command after it was killed, as systemd would; the SuperLink is left to the server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from warm import Forked, preload

from tithe.cli.consent import consent
from tithe.cli.enrol import enrol
from tithe.cli.keys import keys
from tithe.engines.flower.superlink import quiet_environment

HERE = Path(__file__).parent
PLAN, POLICY = HERE / "plan.toml", HERE / "policy.toml"
TITHE = (sys.executable, "-m", "tithe")
SUPERNODE = "from flwr.supernode.cli import flower_supernode; flower_supernode()"
NUMBERS = (0, 1, 2)
RELAYED = 2


@dataclass(frozen=True)
class Service:
    """One process that is kept running.

    Attributes:
      command: what starts it, the first time and every other.
      environment: beside this process's own.
      again_seconds: systemd's RestartSec.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    again_seconds: float


@dataclass(frozen=True)
class Far:
    """Where a participant is that is not beside the server.

    Attributes:
      prefix: what its command begins with.
      host, port: what it dials.
    """

    prefix: tuple[str, ...]
    host: str
    port: int


class Fleet:
    """All processes of one federation in one folder.

    Args:
      folder: of the whole; made, with keys, roster and consents, where it is not there.
      port: of the SuperLink, on loopback.
      has_relay: whether the third participant sits behind a SuperNode; else it dials itself.
      is_warm: fork our own processes from this one instead of starting a new Python.
      far: participants that dial another address, from elsewhere.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        has_relay: bool = True,
        is_warm: bool = False,
        far: Mapping[int, Far] | None = None,
    ) -> None:
        self.folder = folder
        self._port = port
        self.has_relay = has_relay
        self._is_warm = is_warm
        self._far = far or {}
        if is_warm:
            preload()
        if not (folder / "server" / "roster.toml").exists():
            self._found()
        self.services = self._services()
        self._running: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self._started_at: dict[str, float] = {}
        self._dead_since: dict[str, float] = {}

    @property
    def store(self) -> Path:
        """The server's store."""
        return self.folder / "server" / "store"

    def site(self, number: int) -> Path:
        """Where a participant keeps ledger and journals."""
        return self.folder / f"participant-{number}" / "site"

    def keep(self) -> None:
        """Starts again what is gone, each when its time has come."""
        now = time.monotonic()
        for name, service in self.services.items():
            process = self._running.get(name)
            if process is not None and process.poll() is None:
                continue
            since = self._dead_since.setdefault(name, now if process else 0.0)
            if now - since >= service.again_seconds:
                self._start(name, service)

    def pid_of(self, target: str) -> int | None:
        """The process that now is this target; None if there is none."""
        if target == "superlink":
            return _read_pid(self.folder / "server" / "superlink" / "superlink.pid")
        if target == "clientapp":
            node = self.pid_of("supernode")
            return None if node is None else _descendant(node, "flwr-clientapp")
        process = self._running.get(target)
        return process.pid if process is not None and process.poll() is None else None

    def seconds_up(self, target: str) -> float:
        """How long a service has run."""
        return time.monotonic() - self._started_at.get(target, time.monotonic())

    def kill_all(self) -> None:
        """Kills every process of the federation, the SuperLink with them."""
        app = self.pid_of("clientapp")
        for process in self._running.values():
            if process.poll() is None:
                process.kill()
        for process in self._running.values():
            process.wait()
        links = [*_running_with(str(self.folder / "server" / "superlink")), *([app] if app else [])]
        for pid in links:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in links:
            while is_running(pid):
                time.sleep(0.05)
        self._dead_since.clear()
        self._running.clear()

    def _start(self, name: str, service: Service) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            log.write(f"-- started at {time.strftime('%H:%M:%S')}\n".encode())
            log.flush()
            self._running[name] = self._process(service, log)
        self._started_at[name] = time.monotonic()
        self._dead_since.pop(name, None)

    def _process(self, service: Service, log: BinaryIO) -> subprocess.Popen[bytes] | Forked:
        if self._is_warm and service.command[: len(TITHE)] == TITHE:
            return Forked(service.command[len(TITHE) :], log)
        return subprocess.Popen(
            service.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | dict(service.environment),
        )

    def _services(self) -> dict[str, Service]:
        server = str(self.folder / "server")
        serve = ("serve", str(PLAN), "--dir", server, "--port", str(self._port))
        quiet = {"OMP_NUM_THREADS": "1"}
        services = {
            "server": Service(
                (*TITHE, *serve, "--no-page", "--turn-seconds", "30"), quiet, again_seconds=1.0
            )
        }
        for number in NUMBERS:
            services[f"daemon-{number}"] = Service(self._join(number), quiet, again_seconds=1.0)
        if self.has_relay:
            services["supernode"] = self._supernode()
        return services

    def _join(self, number: int) -> tuple[str, ...]:
        authority = self.folder / "server" / "certificates" / "ca.crt"
        url = f"https://localhost:{self._port}"
        if self.has_relay and number == RELAYED:
            url = f"relay:{self._socket}"
        far = self._far.get(number)
        if far is not None:
            url = f"https://{far.host}:{far.port}"
        home = str(self.folder / f"participant-{number}")
        own = ("--dir", home, "--policy", str(POLICY), "--number", str(number))
        join = (*TITHE, "join", url, *own, "--authority", str(authority))
        return (*far.prefix, *join) if far is not None else join

    @property
    def _socket(self) -> Path:
        return self.folder / "relay.socket"

    def _supernode(self) -> Service:
        authority = self.folder / "server" / "certificates" / "ca.crt"
        key = self.folder / f"participant-{RELAYED}" / "node.key"
        command = (
            *(sys.executable, "-c", SUPERNODE, "--superlink", f"localhost:{self._port}"),
            *("--root-certificates", str(authority), "--auth-supernode-private-key", str(key)),
            *("--port", str(self._port + 1)),
        )
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it starts others by name
        environment = quiet_environment(self.folder / "flower") | {
            "PATH": path,
            "TITHE_SOCKET": str(self._socket),
        }
        # A SuperLink takes a killed SuperNode for connected for up to a minute.
        return Service(command, environment, again_seconds=15.0)

    def _found(self) -> None:
        """Keys, roster and consents, by what stands behind the commands that people use."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = self.folder / "server"
        if not (server / "certificates").exists():
            keys(server, host=["localhost", *(each.host for each in self._far.values())])
        for number in NUMBERS:
            home = self.folder / f"participant-{number}"
            if not home.exists():
                keys(home, name=f"participant {number}")
                consent(PLAN, folder=home, policy=POLICY, number=number, yes=True)
        for number in NUMBERS:
            enrol(server, self.folder / f"participant-{number}" / "card.toml")


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is not dead and unburied."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _running_with(argument: str) -> list[int]:
    """Processes with these words in their command."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if argument.encode() in (each / "cmdline").read_bytes():
                found.append(int(each.name))
    return found


def _read_pid(path: Path) -> int | None:
    try:
        pid = int(path.read_text())
    except (OSError, ValueError):
        return None
    return pid if is_running(pid) else None


def _descendant(pid: int, named: str) -> int | None:
    """A process below this one whose command holds a name."""
    below = [pid]
    while below:
        parent = below.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                below += [int(child) for child in (task / "children").read_text().split()]
            command = Path(f"/proc/{parent}/cmdline").read_bytes()
            if parent != pid and named.encode() in command:
                return parent
    return None
