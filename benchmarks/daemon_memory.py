"""How much memory idle daemons, their server and its SuperLink hold.

Run: ``python benchmarks/daemon_memory.py [RESULT.json]`` (two minutes, offline). Eight participants
of a digits federation on this machine, each a process of its own; all have taken one turn and wait.
RSS counts pages that processes share in each of them, PSS shares them out, USS leaves them out.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tithe.checks import BadInput
from tithe.cli.consent import consent
from tithe.cli.enrol import enrol
from tithe.cli.keys import keys
from tithe.engines.flower.server_folder import read_status
from tithe.engines.flower.superlink import free_port

COUNT = 8
PLAN = """
name = "daemon-memory"
[data]
set = "digits"
[partition]
participants = 8
[sharing]
theta_u = 0.1
[exchange]
order = "asynchronous"
rounds = 100
[baselines]
centralised = false
standalone = 0
"""
POLICY = """
unit = "none"
secure_noise = false
epsilon = 1000.0
turns_per_hour = 1
"""
_SECONDS_TO_SETTLE = 10.0
_MOST_SECONDS = 600.0


def main() -> None:
    """Prints the table, and keeps it where a file is named."""
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        rows = measured(Path(name))
    daemons = [rows[f"daemon {number}"] for number in range(COUNT)]
    table = {
        "idle daemon (median of 8)": {
            kind: statistics.median(each[kind] for each in daemons) for kind in daemons[0]
        },
        "server": rows["server"],
        "SuperLink": rows["SuperLink"],
    }
    print(f"{'MiB':28} {'RSS':>8} {'PSS':>8} {'USS':>8}")
    for who, found in table.items():
        print(f"{who:28} {found['rss']:8.1f} {found['pss']:8.1f} {found['uss']:8.1f}")
    if len(sys.argv) > 1:
        about = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "torch": version("torch"),
            "flwr": version("flwr"),
            "unit": "MiB",
        }
        Path(sys.argv[1]).write_text(json.dumps({**about, **table}, indent=2) + "\n")


def measured(folder: Path) -> dict[str, dict[str, float]]:
    """Memory of every process once all daemons wait."""
    folder.chmod(0o700)
    (folder / "plan.toml").write_text(PLAN)
    (folder / "policy.toml").write_text(POLICY)
    server, port = folder / "server", free_port()
    keys(server, host=["localhost"])
    commands = {"server": ("serve", folder / "plan.toml", "--dir", server, "--port", port)}
    for number in range(COUNT):
        home, policy = folder / f"participant-{number}", folder / "policy.toml"
        keys(home, name=f"participant {number}")
        enrol(server, home / "card.toml")
        consent(folder / "plan.toml", folder=home, policy=policy, number=number, yes=True)
        own = ("--dir", home, "--policy", policy, "--number", number)
        rest = ("--authority", server / "certificates" / "ca.crt")
        commands[f"daemon {number}"] = ("join", f"https://localhost:{port}", *own, *rest)
    children = {name: started(folder, name, command) for name, command in commands.items()}
    try:
        wait_for_first_turns(server)
        time.sleep(_SECONDS_TO_SETTLE)
        found = {name: memory_of(child.pid) for name, child in children.items()}
        link = int((server / "superlink" / "superlink.pid").read_text())
        return found | {"SuperLink": memory_of(link)}
    finally:
        for child in reversed(children.values()):
            child.terminate()
        for child in children.values():
            child.wait(60)


def started(folder: Path, name: str, command: tuple[object, ...]) -> subprocess.Popen[bytes]:
    """A process of ours, with a log of its own."""
    arguments = [sys.executable, "-m", "tithe", *(str(each) for each in command)]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(arguments, stdout=log, stderr=log)


def wait_for_first_turns(server: Path) -> None:
    """Until one turn of everybody is applied."""
    deadline = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1.0)
        try:
            told = read_status(server)["participants"]
        except BadInput:
            continue
        if isinstance(told, list) and all(each["applied"] >= 1 for each in told):
            return
    raise SystemExit("not everybody took a turn; see the logs beside the server's folder")


def memory_of(pid: int) -> dict[str, float]:
    """RSS, PSS and USS in MiB, as Linux counts them."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, *_ = line.split()
        kib[name.rstrip(":")] = int(amount)
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"rss": kib["Rss"] / 1024, "pss": kib["Pss"] / 1024, "uss": own / 1024}


if __name__ == "__main__":
    main()
