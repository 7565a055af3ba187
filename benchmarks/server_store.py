"""How many uploads a second the server takes in: read, check, verify, decode, keep, apply.

Run: ``python benchmarks/server_store.py [folder]`` (about a minute, offline; the folder decides
which disk is measured). Every upload is 1 % of d random float32 entries, signed, and on the disk
(SQLite, write-ahead log, ``synchronous=FULL``) before the next one is looked at. Beside it the
disk's own rate for writing as many bytes and syncing them. Two parts are told apart, as
medians: ``check`` is frame, signature, decoding and limits; ``keep+apply`` is commit and adding.
The second table has the processor's time in each stage by itself, as medians.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tithe.build import build
from tithe.federation.central import Central
from tithe.federation.frames import (
    Acknowledgement,
    Download,
    LedgerMark,
    Upload,
    read_frame,
    write_frame,
)
from tithe.federation.gatekeeper import Gatekeeper
from tithe.federation.keys import public_bytes
from tithe.federation.store import Entry, UploadStore
from tithe.federation.terms import Terms, terms_of
from tithe.plan import load_plan
from tithe.sharing.codec import decode, encode
from tithe.sharing.store import Store
from tithe.sharing.update import SparseUpdate

SEED = 1
THETA_U = 0.01
SIZES = {105_506: 300, 20_000_000: 30}  # d: how many uploads
AIMS = {105_506: 200, 20_000_000: 10}  # uploads a second
RUN = bytes(16)
STAGES = ("frame", "signature", "decode", "keep", "add")


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir())
    print(
        f"{platform.machine()}, {platform.system()}, one thread; seed {SEED}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"torch {torch.__version__}; load {os.getloadavg()[0]:.1f}\n"
    )
    print("         d   bytes each  uploads/s   aim  fsyncs/s  CPU s each  check ms  keep+apply ms")
    for size, count in SIZES.items():
        with tempfile.TemporaryDirectory(dir=folder) as directory:
            print(row(Path(directory), size, count))
    print("\nprocessor ms:   " + "  ".join(f"{name:>9}" for name in STAGES))
    for size, count in SIZES.items():
        with tempfile.TemporaryDirectory(dir=folder) as directory:
            each = stages(Path(directory), size, count)
        print(f"{size:>14,}  " + "  ".join(f"{1000 * each[name]:>9.3f}" for name in STAGES))


def row(directory: Path, size: int, count: int) -> str:
    """One line of the table."""
    terms, key = terms_for(size), Ed25519PrivateKey.generate()
    bodies = [signed_upload(terms, key, turn=turn) for turn in range(count)]
    synced = fsyncs_a_second(directory / "sync", num_bytes=len(bodies[0]), count=count)
    directory.joinpath("store").mkdir(mode=0o700)
    store = UploadStore.open(directory / "store", run=RUN, plan_hash=terms.plan_hash)
    central = Central(terms, store)
    gatekeeper = Gatekeeper(terms, {0: public_bytes(key)})
    place = central.places[0]
    checks, keeps, begun_cpu = [], [], time.process_time()
    for turn, body in enumerate(bodies):
        place.outstanding = Download(RUN, 0, turn, turn + 1, turn, 0, Acknowledgement(), b"")
        begun = time.perf_counter()
        frame = gatekeeper.read(0, body)
        assert isinstance(frame, Upload)
        admitted = gatekeeper.admit(0, frame, place)
        checked = time.perf_counter()
        central.accept(0, frame, admitted.update, position=0)
        checks.append(checked - begun)
        keeps.append(time.perf_counter() - checked)
    cpu = (time.process_time() - begun_cpu) / count
    store.close()
    rate = count / (sum(checks) + sum(keeps))
    return (
        f"{size:>10,}  {len(bodies[0]):>10,}  {rate:>9.1f}  {AIMS[size]:>4}  {synced:>8.1f}  "
        f"{cpu:>10.4f}  {1000 * statistics.median(checks):>8.2f}  "
        f"{1000 * statistics.median(keeps):>13.2f}"
    )


def stages(directory: Path, size: int, count: int) -> dict[str, float]:
    """Processor seconds of one upload in each stage, the median over the uploads."""
    terms, key = terms_for(size), Ed25519PrivateKey.generate()
    store = UploadStore.open(directory / "store", run=RUN, plan_hash=terms.plan_hash)
    vector, public = Store(torch.zeros(size)), public_bytes(key)
    taken: dict[str, list[float]] = {name: [] for name in STAGES}

    def timed(name: str, stage: Callable[[], Any]) -> Any:
        begun = time.process_time()
        result = stage()
        taken[name].append(time.process_time() - begun)
        return result

    for turn in range(count):
        body = signed_upload(terms, key, turn=turn)
        frame = timed("frame", lambda body=body: read_frame(body, most_payload=len(body)))
        timed("signature", lambda frame=frame: frame.is_signed_by(public))
        update = timed("decode", lambda frame=frame: decode(frame.payload, size=size))
        entry = Entry("upload", 0, turn, payload=frame.payload)
        timed("keep", lambda entry=entry: store.append(entry))
        timed("add", lambda update=update: vector.add(update))
    store.close()
    return {name: statistics.median(each) for name, each in taken.items()}


def terms_for(size: int) -> Terms:
    """A plan for one participant, with a vector of d parameters in place of a network's."""
    plan = load_plan(
        {
            "data": {"train_rows": 50, "test_rows": 20},
            "partition": {"participants": 1},
            "model": {"name": "digits-mlp"},
            "sharing": {"theta_u": THETA_U},
            "baselines": {"centralised": False, "standalone": 0},
        }
    )
    phase = replace(build(plan).phases[0], initial=torch.zeros(size))
    return terms_of(plan, phase, run=RUN)


def signed_upload(terms: Terms, key: Ed25519PrivateKey, *, turn: int) -> bytes:
    """The frame of one random update."""
    draws = np.random.default_rng([SEED, turn])
    gaps = draws.geometric(THETA_U, int(1.01 * THETA_U * terms.size))  # about 1 % of d
    indices = (np.cumsum(gaps) - 1)[: terms.participants[0].most_entries]
    indices = indices[indices < terms.size]
    values = draws.standard_normal(indices.size).astype(np.float32)
    update = SparseUpdate(torch.from_numpy(indices), torch.from_numpy(values), terms.size)
    payload = encode(update, values="float32", rng=None)
    mark = LedgerMark(turn + 1, bytes(32))
    return write_frame(Upload(RUN, 0, turn, turn + 1, mark, payload).signed_by(key))


def fsyncs_a_second(path: Path, *, num_bytes: int, count: int) -> float:
    """How often the disk takes so many bytes and says that it has them."""
    content = os.urandom(num_bytes)
    begun = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(count):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
