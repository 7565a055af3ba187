"""What a turn costs over a link with delay and loss, and how many bytes it puts on the wire.

Run as root: ``python experiments/federation-campaign/link_cost.py`` (three minutes). A server, its
SuperLink and the shipped nginx are at one end, a participant's node post at the other; the server
pushes a body and waits for one of the same size. Bytes are those of all IP packets: TLS, HTTP,
acknowledgements, repeated packets and the node's looks for messages with them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from packet_link import FAR, NEAR, NEAR_ADDRESS, PacketLink, Weather, enter, inside, packet_link

from tithe.engines.flower.calls import Address
from tithe.engines.flower.certificates import Certificates, make_certificates
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes, read_node_key
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.patience import Pace
from tithe.engines.flower.server_post import FlowerServerPost
from tithe.engines.flower.superlink import SuperLink

SHIPPED = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
PORT, OPEN_PORT = 9091, 9443
_AROUND = """
daemon off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/tithe.conf;
}}
"""
WEATHERS = {
    "no delay": Weather(),
    "50 ms each way": Weather(delay_seconds=0.05),
    "50 ms each way, 1 % loss": Weather(delay_seconds=0.05, loss=0.01),
}
SIZES = (10_000, 400_000)


@contextlib.contextmanager
def open_port(folder: Path, certificates: Certificates) -> Iterator[None]:
    """The shipped nginx at the near end of the link."""
    spool = folder / "nginx"
    spool.mkdir()
    text = SHIPPED.read_text().replace("/etc/tithe/certificates", str(certificates.server.parent))
    (spool / "tithe.conf").write_text(text)
    (spool / "nginx.conf").write_text(_AROUND.format(folder=spool))
    with (folder / "nginx.log").open("wb") as log:
        child = subprocess.Popen(
            ["nginx", "-p", str(spool), "-c", str(spool / "nginx.conf"), "-e", "stderr"],  # noqa: S607
            stderr=log,
        )
    try:
        yield
    finally:
        child.terminate()
        child.wait(10)


def answer_for_ever(folder: Path) -> None:
    """The participant: every answer is what came."""
    authority = Certificates.of(folder / "certificates").authority
    address = Address(NEAR_ADDRESS, OPEN_PORT, authority)
    pace = Pace()
    with FlowerNodePost(address, key=read_node_key(folder / "node.key")) as post:
        while True:
            found = post.pull()
            if found is None:
                time.sleep(pace.seconds)
                continue
            pace.worked()
            post.answer(*found)


def trip(server: FlowerServerPost, node: int, body: bytes) -> float:
    """Seconds from push to answer."""
    start = time.perf_counter()
    sent = server.push(node, body)
    while not (found := server.replies([sent])):
        time.sleep(0.03)
    if found[sent] != body:
        raise SystemExit("the answer is not what was sent: see the participant's log")
    return time.perf_counter() - start


def measure(link: PacketLink, server: FlowerServerPost, trips: int) -> list[dict]:
    """One row for each weather and size."""
    while not (nodes := server.nodes()):
        time.sleep(0.1)
    (node,) = nodes
    rows = []
    for name, weather in WEATHERS.items():
        link.become(weather)
        for size in SIZES:
            body = os.urandom(size)
            trip(server, node, body)
            before = link.num_bytes()
            seconds = [trip(server, node, body) for _ in range(trips)]
            after = link.num_bytes()
            up, down = ((b - a) / trips for a, b in zip(before, after, strict=True))
            row = {
                "link": name,
                "bytes_each_way": size,
                "median_seconds": round(statistics.median(seconds), 3),
                "fastest": round(min(seconds), 3),
                "slowest": round(max(seconds), 3),
                "wire_up": round(up),
                "wire_down": round(down),
                "load": round(os.getloadavg()[0], 1),
            }
            print(json.dumps(row), flush=True)
            rows.append(row)
    link.become(Weather())
    return rows


def main() -> None:
    """Prints one line a row and keeps them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer_for_ever(options.answer)
        return
    with packet_link() as link, tempfile.TemporaryDirectory() as name:
        enter(NEAR)
        folder = Path(name)
        folder.chmod(0o700)
        certificates = make_certificates(folder / "certificates", hosts=[NEAR_ADDRESS])
        public = node_public_bytes(create_node_key(folder / "node.key"))
        with (
            SuperLink.start(folder / "link", port=PORT, certificates=certificates) as superlink,
            open_port(folder, certificates),
            FlowerServerPost(
                superlink.address,
                secret=superlink.folder.secret.read_bytes(),
                node_keys=lambda: [public],
            ) as server,
            (folder / "participant.log").open("wb") as log,
        ):
            while not server.is_connected:
                server.nodes()
            command = [*inside(FAR), sys.executable, __file__, "--answer", str(folder)]
            child = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                rows = measure(link, server, options.trips)
            finally:
                child.kill()
                child.wait()
    if options.out:
        options.out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
