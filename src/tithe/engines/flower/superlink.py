"""A SuperLink as a process of ours: on loopback, on its own, telling nobody anything."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tithe.checks import BadInput
from tithe.engines.flower.calls import Address
from tithe.engines.flower.certificates import Certificates, require_current
from tithe.engines.flower.traces import wipe
from tithe.federation.owned import owned_folder, write_owner_only

HOST = "127.0.0.1"
"""Where it listens, always: what else than nodes may reach is for this machine alone."""

_RUN = "from flwr.superlink.cli import flower_superlink; flower_superlink()"
_QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "FLWR_LOG_LEVEL": "WARNING",
}


def quiet_environment(home: Path) -> dict[str, str]:
    """The environment for any program of Flower's: no telemetry, no update check, its own home."""
    return os.environ | _QUIET | {"FLWR_HOME": str(home)}


@dataclass(frozen=True)
class SuperLinkFolder:
    """What a SuperLink keeps, all for the owner alone.

    Attributes:
      path: of the folder; mode 0700.
    """

    path: Path

    @property
    def database(self) -> Path:
        """Nodes, runs and, while they are on their way, messages in clear."""
        return self.path / "post-office.db"

    @property
    def log(self) -> Path:
        """What the process wrote since it was started."""
        return self.path / "superlink.log"

    @property
    def secret(self) -> Path:
        """Who holds it may take the server's seat; nobody else on this machine can."""
        return self.path / "seat.secret"

    @property
    def process(self) -> Path:
        """The number of the process."""
        return self.path / "superlink.pid"


class SuperLink:
    """A running SuperLink. Make one with ``start``."""

    def __init__(
        self,
        folder: SuperLinkFolder,
        address: Address,
        pid: int,
        child: subprocess.Popen[bytes] | None,
    ) -> None:
        self.folder = folder
        self.address = address
        self.pid = pid
        self._child = child

    @classmethod
    def start(
        cls,
        path: Path,
        *,
        port: int,
        certificates: Certificates | None,
        is_durable: bool = True,
        wait_seconds: float = 60.0,
    ) -> SuperLink:
        """Starts one and returns when it answers, or takes over the one that a killed server left.

        Nodes must be registered and sign if there are certificates. Without them everything is in
        plaintext and any node may register itself, which is for trying on one machine.

        Args:
          path: a folder of its own; made if need be.
          port: on loopback.
          certificates: of the server.
          is_durable: keep what is on its way in a database; it then survives a kill.
          wait_seconds: for the first answer.
        Raises:
          BadInput: the port is taken, the certificate has expired, or it did not start.
        """
        folder = SuperLinkFolder(owned_folder(path))
        if certificates is None:
            address = Address(HOST, port, is_plaintext=True)
        else:
            require_current(certificates)
            address = Address(HOST, port, certificates.authority)
        left = _left_running(folder)
        if left is not None:
            if answers(address):
                folder.process.write_text(str(left))
                return cls(folder, address, left, None)
            end_process(left)
        _require_free(port)
        if not folder.secret.exists():
            write_owner_only(folder.secret, secrets.token_bytes(32))
        arguments = _arguments(folder, port, certificates, is_durable=is_durable)
        child = _spawn(folder, arguments)
        folder.process.write_text(str(child.pid))
        link = cls(folder, address, child.pid, child)
        try:
            link._await_answer(wait_seconds)
        except BaseException:
            link.stop()
            raise
        return link

    def is_alive(self) -> bool:
        """Whether the process is there still."""
        if self._child is not None:
            return self._child.poll() is None
        return _is_ours(self.pid, self.folder)

    def stop(self) -> None:
        """Ends the process, waits for its end, and wipes what messages left in its database."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        elif self.is_alive():
            end_process(self.pid)
        self.folder.process.unlink(missing_ok=True)
        wipe(self.folder.database)

    def __enter__(self) -> SuperLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_answer(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not answers(self.address):
            if not self.is_alive():
                raise BadInput(
                    f"the SuperLink did not start: {_last_line(self.folder.log)} "
                    f"(more in {self.folder.log})"
                )
            if time.monotonic() > deadline:
                raise BadInput(
                    f"the SuperLink did not answer within {seconds:.0f} s; see {self.folder.log}"
                )
            time.sleep(0.05)


def answers(address: Address) -> bool:
    """Whether a SuperLink answers there."""
    scheme = "http" if address.is_plaintext else "https"
    try:
        # Only whether somebody is there: whom we speak to, every later call verifies.
        found = httpx.get(f"{scheme}://{address.text}/health", timeout=2, verify=False)  # noqa: S501
    except httpx.TransportError:
        return False
    return found.status_code == 200


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _arguments(
    folder: SuperLinkFolder, port: int, certificates: Certificates | None, *, is_durable: bool
) -> list[str]:
    arguments = ["--host", HOST, "--port", str(port), "--isolation", "process"]
    arguments += ["--superexec-auth-secret-file", str(folder.secret)]
    if is_durable:
        arguments += ["--database", str(folder.database)]
    if certificates is None:
        return [*arguments, "--insecure"]
    return [
        *arguments,
        "--enable-supernode-auth",
        *("--ssl-ca-certfile", str(certificates.authority)),
        *("--ssl-certfile", str(certificates.server)),
        *("--ssl-keyfile", str(certificates.server_key)),
    ]


def _spawn(folder: SuperLinkFolder, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Starts the process apart from our terminal, so that Ctrl-C ends it last and by ``stop``."""
    descriptor = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=quiet_environment(folder.path / "flower"),
            start_new_session=True,
            umask=0o077,
        )


def _require_free(port: int) -> None:
    try:
        with socket.create_server((HOST, port)):
            pass
    except OSError as error:
        raise BadInput(
            f"port {port} of {HOST} cannot be had: {error.strerror}; choose another"
        ) from error


def _left_running(folder: SuperLinkFolder) -> int | None:
    """The process that an earlier server started in this folder, if it runs yet.

    It is looked for among all processes: a server may be killed between starting it and writing
    its number down.
    """
    for line in _processes("-e"):
        number, state, command = line.split(maxsplit=2)
        if _is_link(state, command, folder):
            return int(number)
    return None


def _is_ours(pid: int, folder: SuperLinkFolder) -> bool:
    """Whether this process is our SuperLink and not another that got its number since."""
    return any(
        _is_link(state, command, folder)
        for _, state, command in (line.split(maxsplit=2) for line in _processes("-p", str(pid)))
    )


def _is_link(state: str, command: str, folder: SuperLinkFolder) -> bool:
    return _RUN in command and str(folder.secret) in command and not state.startswith("Z")


def _processes(*which: str) -> list[str]:
    """Number, state and command of processes, one line each."""
    return subprocess.run(
        ["ps", "-ww", "-o", "pid=,stat=,command=", *which],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()


def end_process(pid: int) -> None:
    """Asks a process to end, and ends it if it has not after five seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in _tenths(5.0):
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)


def _tenths(seconds: float) -> Iterator[None]:
    for _ in range(int(seconds * 10)):
        time.sleep(0.1)
        yield


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it wrote nothing"
