"""A federation on a user's own Flower: stock programs carry it, and the parameters are the same."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tithe.engines.flower.calls import Address
from tithe.engines.flower.control import APP
from tithe.engines.flower.superlink import answers, free_port, quiet_environment

PROGRAMS = Path(sys.executable).parent
PLAN = """
name = "relayed"
[data]
train_rows = 400
test_rows = 30
[partition]
participants = 2
[model]
name = "digits-mlp"
[exchange]
rounds = 2
[baselines]
centralised = false
standalone = 0
"""
POLICY = 'unit = "none"\nsecure_noise = false\nepsilon = 1000.0\n'
CONFIG = """
[superlink]
default = "own"
[superlink.own]
address = "localhost:{port}"
root-certificates = "{authority}"
"""


class Machine:
    """One folder, in which programs run as their users would start them."""

    def __init__(self, folder):
        self.folder = folder
        self.left = contextlib.ExitStack()

    def environment(self, home):
        path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"  # Flower starts others by their names
        return quiet_environment(self.folder / home) | {"PATH": path}

    def run(self, *command, home="flwr-home"):
        done = subprocess.run(
            [PROGRAMS / command[0], *map(str, command[1:])],
            cwd=self.folder,
            env=self.environment(home),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name, *command, home="flwr-home", **variables):
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [PROGRAMS / command[0], *map(str, command[1:])],
                cwd=self.folder,
                env=self.environment(home) | variables,
                stdout=log,
                stderr=log,
            )
        self.left.callback(self._end, child)
        return child

    def _end(self, child):
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@pytest.fixture
def machine(tmp_path):
    tmp_path.chmod(0o700)
    machine = Machine(tmp_path)
    with machine.left:
        yield machine


def set_up(machine):
    """Keys, roster, consents, a SuperLink with TLS and node keys, and both nodes registered."""
    folder, port = machine.folder, free_port()
    (folder / "plan.toml").write_text(PLAN)
    (folder / "policy.toml").write_text(POLICY)
    machine.run("tithe", "keys", "server", "--host", "localhost")
    certificates = folder / "server" / "certificates"
    machine.start(
        "superlink", "flower-superlink", "--port", port, "--enable-supernode-auth",
        "--ssl-ca-certfile", certificates / "ca.crt",
        "--ssl-certfile", certificates / "server.crt",
        "--ssl-keyfile", certificates / "server.key",
    )  # fmt: skip
    (folder / "flwr-home").mkdir()
    config = CONFIG.format(port=port, authority=certificates / "ca.crt")
    (folder / "flwr-home" / "config.toml").write_text(config)
    wait_for(lambda: answers(Address("localhost", port, certificates / "ca.crt")))
    for number in range(2):
        name = f"clinic{number}"
        own = ("--dir", name, "--policy", "policy.toml", "--number", number)
        machine.run("tithe", "keys", name, "--name", name)
        machine.run("tithe", "enrol", "server", f"{name}/card.toml")
        machine.run("tithe", "consent", "plan.toml", *own, "--yes")
        public = subprocess.run(
            ["ssh-keygen", "-y", "-f", folder / name / "node.key"],
            capture_output=True,
            check=True,
        ).stdout
        (folder / name / "node.pub").write_bytes(public)
        machine.run("flwr", "supernode", "register", f"{name}/node.pub", "own")
    return port


def wait_for(probe, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"nothing came within {seconds:.0f} s"
        time.sleep(0.2)
    return found


@pytest.mark.slow
def test_flwr_run_trains_through_stock_programs_to_the_same_bits(machine):
    folder, port = machine.folder, set_up(machine)
    for number in range(2):
        name = f"clinic{number}"
        own = ("--dir", name, "--policy", "policy.toml", "--number", number)
        machine.start(f"{name}-daemon", "tithe", "join", f"relay:{name}/relay", *own)
        machine.start(
            f"{name}-node", "flower-supernode", "--superlink", f"localhost:{port}",
            "--root-certificates", "server/certificates/ca.crt",
            "--auth-supernode-private-key", f"{name}/node.key", "--port", free_port(),
            home=f"{name}/flwr-home",
            TITHE_SOCKET=str(folder / name / "relay"),
        )  # fmt: skip
    relay = ("--relay", "server/relay", "--no-page")
    serving = machine.start("server", "tithe", "serve", "plan.toml", "--dir", "server", *relay)
    socket = json.dumps(str(folder / "server" / "relay"))
    machine.run("flwr", "run", APP, "own", "-c", f"server-socket={socket}")
    assert wait_for(lambda: serving.poll() is not None) and serving.returncode == 0
    machine.run("tithe", "run", "plan.toml", "--out", "alone", "--quiet")
    alone = (folder / "alone" / "model.safetensors").read_bytes()
    assert (folder / "server" / "model" / "model.safetensors").read_bytes() == alone
    wait_for(lambda: "finished:completed" in machine.run("flwr", "list", "own", "--format", "json"))
