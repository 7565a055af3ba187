"""A link between two network namespaces that delays and drops packets, made of two TUN devices.

Where the kernel has netem, ``tc`` does the same; where it has not, this process stands between the
two ends. It sees whole IP packets, so delay, loss and silence are what the kernel's own TCP at both
ends has to live with. It needs root, ``ip`` and /dev/net/tun.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import multiprocessing
import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

NEAR, FAR = "tithe-near", "tithe-far"
NEAR_ADDRESS, FAR_ADDRESS = "10.77.0.1", "10.77.0.2"
_TUN, _NO_HEAD = 0x0001, 0x1000
_SET_DEVICE = 0x400454CA
_NETWORK = 0x40000000  # CLONE_NEWNET
_MOST_WAITING = 1000  # packets; as netem's own limit


@dataclass(frozen=True)
class Weather:
    """What becomes of packets.

    Attributes:
      delay_seconds: of each, in each direction.
      loss: the part that is dropped, in each direction.
      is_up_cut, is_down_cut: whether nothing passes from the far end, or to it.
    """

    delay_seconds: float = 0.0
    loss: float = 0.0
    is_up_cut: bool = False
    is_down_cut: bool = False


class PacketLink:
    """The link while it exists. Make one with ``packet_link``."""

    def __init__(self, orders: Connection) -> None:
        self._orders = orders

    def become(self, weather: Weather) -> None:
        """Changes what becomes of packets from now on."""
        self._orders.send(asdict(weather))
        self._orders.recv()

    def num_bytes(self) -> tuple[int, int]:
        """Bytes of all packets that were sent so far: from the far end, and to it."""
        self._orders.send(None)
        up, down = self._orders.recv()
        return up, down


@contextlib.contextmanager
def packet_link() -> Iterator[PacketLink]:
    """Two namespaces, each with one end, until the block ends."""
    for name in (NEAR, FAR):
        _delete(name)
        _ip("netns", "add", name)
    ours, theirs = multiprocessing.Pipe()
    carrier = multiprocessing.get_context("fork").Process(
        target=_carry, args=(theirs,), daemon=True
    )
    try:
        carrier.start()
        if ours.recv() != "ready":
            raise RuntimeError("the link could not be made")
        for name, own, other in (
            (NEAR, NEAR_ADDRESS, FAR_ADDRESS),
            (FAR, FAR_ADDRESS, NEAR_ADDRESS),
        ):
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "address", "add", own, "peer", other, "dev", "tithe0")
            _ip("-n", name, "link", "set", "tithe0", "up")
        yield PacketLink(ours)
    finally:
        carrier.kill()
        carrier.join()
        for name in (NEAR, FAR):
            _delete(name)


def inside(name: str) -> tuple[str, ...]:
    """What a command begins with to run in a namespace."""
    return ("ip", "netns", "exec", name)


def enter(name: str) -> None:
    """Moves this thread, and the processes that it starts, into a namespace."""
    with Path("/run/netns", name).open() as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _NETWORK) != 0:
            raise OSError(ctypes.get_errno(), f"the namespace {name} cannot be entered")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)  # noqa: S607


def _delete(name: str) -> None:
    """Deletes a namespace, if there is one."""
    if Path("/run/netns", name).exists():
        _ip("netns", "delete", name)


def _end(name: str) -> int:
    """The descriptor of a TUN device in a namespace."""
    enter(name)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _SET_DEVICE, struct.pack("16sH", b"tithe0", _TUN | _NO_HEAD))
    return device


def _carry(orders: Connection) -> None:
    """The process between the ends."""
    near, far = _end(NEAR), _end(FAR)
    orders.send("ready")
    weather, waiting, count = Weather(), [], 0
    num_bytes = {far: 0, near: 0}
    chance = random.Random(0)  # noqa: S311
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 1.0
        readable, _, _ = select.select([near, far, orders], [], [], pause)
        if orders in readable:
            try:
                order = orders.recv()
            except EOFError:
                return
            if order is None:
                orders.send((num_bytes[far], num_bytes[near]))
            else:
                weather = Weather(**order)
                orders.send("done")
        now = time.monotonic()
        for source, target, is_cut in (
            (far, near, weather.is_up_cut),
            (near, far, weather.is_down_cut),
        ):
            if source not in readable:
                continue
            for packet in _packets(source):
                num_bytes[source] += len(packet)
                if is_cut or chance.random() < weather.loss or len(waiting) >= _MOST_WAITING:
                    continue
                count += 1
                heapq.heappush(waiting, (now + weather.delay_seconds, count, target, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(waiting)
            with contextlib.suppress(OSError):  # a full queue drops, as queues do
                os.write(target, packet)


def _packets(device: int) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield os.read(device, 65536)
