"""How long a message to a participant takes there and back, and what stock Flower takes.

Run: ``python benchmarks/round_trip.py`` (about four minutes, offline). A server process (this one)
pushes a body to one participant on this machine, which answers with a body of the same size; the
time runs from before the push until the answer is in hand. TLS and node keys throughout. "Daemon"
is our own node post in a process of its own; "stock" is a ``flower-supernode`` that starts a
ClientApp for every message, with an app that answers at once. Seconds depend on who else uses the
machine; the SuperLink's own processor time for a trip does so less.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tithe.engines.flower.certificates import Certificates, make_certificates
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes, read_node_key
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.patience import Pace
from tithe.engines.flower.server_post import FlowerServerPost
from tithe.engines.flower.superlink import SuperLink, free_port, quiet_environment

TRIPS, STOCK_TRIPS = 40, 5
SIZES = (10_000, 400_000)
PAUSE, LONGEST_PAUSE = 0.03, 0.2
STOCK = "from flwr.supernode.cli import flower_supernode; flower_supernode()"


def main() -> None:
    """Prints the table."""
    if len(sys.argv) > 1:
        answer_for_ever(*sys.argv[1:])
        return
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start; "
        f"Python {platform.python_version()}; {TRIPS} trips a row ({STOCK_TRIPS} for stock)\n"
    )
    print(
        "participant  SuperLink   bytes each way   median s   fastest   slowest"
        "   SuperLink CPU s   load after"
    )
    with tempfile.TemporaryDirectory() as folder:
        for is_durable in (False, True):
            for size in SIZES:
                row(Path(folder), "daemon", is_durable=is_durable, size=size)
        row(Path(folder), "stock", is_durable=False, size=SIZES[0])


def row(folder: Path, kind: str, *, is_durable: bool, size: int) -> None:
    """One line of the table."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        office(Path(own), is_durable=is_durable) as post,
        participant(Path(own), kind, port=post.port),
    ):
        node = wait_for_node(post.server)
        count = TRIPS if kind == "daemon" else STOCK_TRIPS
        body = os.urandom(size)
        trip(post.server, node, body)  # the first finds caches empty
        before = processor_seconds(post.pid)
        times = [trip(post.server, node, body) for _ in range(count)]
        spent = (processor_seconds(post.pid) - before) / count
    where = "on disk" if is_durable else "in memory"
    print(
        f"{kind:11}  {where:9} {size:16,} {statistics.median(times):10.3f}"
        f" {min(times):9.3f} {max(times):9.3f} {spent:17.3f} {os.getloadavg()[0]:12.1f}",
        flush=True,
    )


class Office:
    """A SuperLink and the server at it."""

    def __init__(self, server: FlowerServerPost, port: int, pid: int) -> None:
        self.server = server
        self.port = port
        self.pid = pid


@contextlib.contextmanager
def office(folder: Path, *, is_durable: bool) -> Iterator[Office]:
    """A SuperLink with TLS that knows one node, and a server that has taken its seat."""
    folder.chmod(0o700)
    certificates = make_certificates(folder / "certificates", hosts=[])
    public = node_public_bytes(create_node_key(folder / "node.key"))
    port = free_port()
    with (
        SuperLink.start(
            folder / "link", port=port, certificates=certificates, is_durable=is_durable
        ) as link,
        FlowerServerPost(
            link.address, secret=link.folder.secret.read_bytes(), node_keys=lambda: [public]
        ) as server,
    ):
        while not server.is_connected:
            server.nodes()
        yield Office(server, port, link.pid)


@contextlib.contextmanager
def participant(folder: Path, kind: str, *, port: int) -> Iterator[None]:
    """A participant as a process of its own; the stock one relays to a daemon beside it."""
    commands = [[sys.executable, __file__, str(folder), str(port), kind]]
    environment = quiet_environment(folder / "flower") | {
        "TITHE_SOCKET": str(folder / "relay"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # it starts others by name
    }
    if kind == "stock":
        certificates = Certificates.of(folder / "certificates")
        commands.append([sys.executable, "-c", STOCK, "--superlink", f"127.0.0.1:{port}"])
        commands[1] += ["--root-certificates", str(certificates.authority)]
        commands[1] += ["--auth-supernode-private-key", str(folder / "node.key")]
        commands[1] += ["--port", str(free_port())]
    with (folder / "participant.log").open("wb") as log:
        children = [
            subprocess.Popen(each, env=environment, stdout=log, stderr=log) for each in commands
        ]
    try:
        yield
    finally:
        for child in reversed(children):
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def answer_for_ever(folder: str, port: str, kind: str) -> None:
    """The participant: every answer is what came."""
    from tithe.engines.flower.calls import Address
    from tithe.engines.flower.relay import RelayPost

    pace = Pace()
    if kind == "stock":
        post: FlowerNodePost | RelayPost = RelayPost(Path(folder) / "relay")
    else:
        authority = Certificates.of(Path(folder) / "certificates").authority
        address = Address("127.0.0.1", int(port), authority)
        post = FlowerNodePost(address, key=read_node_key(Path(folder) / "node.key"))
    while True:
        begun = time.monotonic()
        found = post.pull()
        if found is None:
            pace.looked(time.monotonic() - begun)
            time.sleep(pace.seconds)
            continue
        pace.worked()
        post.answer(*found)


def wait_for_node(server: FlowerServerPost) -> int:
    """The node's number, once it is there."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for node in server.nodes():
            return node
        time.sleep(0.1)
    raise SystemExit("no participant came within three minutes; run it by hand to see why")


def trip(server: FlowerServerPost, node: int, body: bytes) -> float:
    """Seconds from push to answer."""
    start = time.perf_counter()
    pace = Pace(shortest=PAUSE, longest=LONGEST_PAUSE)
    sent = server.push(node, body)
    pace.worked()
    begun = time.monotonic()
    while not (found := server.replies([sent])):
        pace.looked(time.monotonic() - begun)
        time.sleep(pace.seconds)
        begun = time.monotonic()
    if found[sent] != body:
        raise SystemExit("the answer is not what was sent: the participant failed")
    return time.perf_counter() - start


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used so far, in the system and outside."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
