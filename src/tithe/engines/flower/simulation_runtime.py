"""Flower's simulation under way: Ray's actors, virtual nodes, and the grid that reaches them."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import ray
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation
from flwr.supercore import telemetry
from ray._raylet import AuthenticationTokenLoader, Config

from tithe.checks import BadInput
from tithe.engines.flower.simulated_turn import (
    Answer,
    Question,
    answer_in,
    question_message,
    simulated_app,
)
from tithe.engines.flower.superlink import quiet_environment
from tithe.parties.phase import Phase

CLUSTER = "RAY_ADDRESS"
"""Ray's own variable: it names a cluster of the user's, in place of one on this machine."""

_LEAST_STORE_BYTES = 96 * 2**20
_END_SECONDS = 60.0

_T = TypeVar("_T")


class FlowerSimulation:
    """A simulation of Flower's with one virtual node a participant, for one training or several.

    Flower runs the ClientApp in Ray's actors and carries messages between them and this process,
    where a ServerApp hands its grid over. Ray listens on every address of the machine and runs
    what it is told to, so a secret of its own keeps others out. Nothing calls home. At the end its
    processes are gone, and its folder of logs with them.

    With ``RAY_ADDRESS`` set, actors are those of a cluster that the user started, which needs this
    package on every machine; how many, and who may reach it, are then the cluster's affair.

    Not safe for several threads. Close it, or use it as a context manager.

    Attributes:
      num_actors: how many turns are taken at once.
    """

    def __init__(self, *, num_nodes: int, num_processes: int, store_bytes: int) -> None:
        """Starts Ray and Flower; returns when all nodes are there.

        Args:
          num_nodes: as many as there are participants.
          num_processes: actors, of one core each; 0 takes one for each core.
          store_bytes: what trainings and messages under way take in Ray's shared memory.
        Raises:
          BadInput: Ray runs in this process already.
        """
        if ray.is_initialized():
            raise BadInput(
                "Ray runs in this process already, and Flower's simulation would end it; "
                "run the simulation in a process of its own"
            )
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._trainings: dict[int, Callable[[], Phase]] = {}
        self._held = ExitStack()
        try:
            home = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="tithe-ray-")))
            self._held.enter_context(_quiet(home))
            with _own_signals():
                _start_ray(home, num_processes=num_processes, store_bytes=store_bytes)
            self.num_actors = int(ray.cluster_resources().get("CPU", 1))
            self._grid, self._nodes = self._begin(num_nodes)
        except BaseException:
            self.close()
            raise

    def add(self, phase: Phase) -> int:
        """Brings a training to where all actors can read it, and returns its number."""
        number = len(self._trainings)
        self._trainings[number] = partial(ray.get, ray.put(phase))
        return number

    def ask(self, question: Question) -> str:
        """Leaves a turn to be taken, and returns the id of the message."""
        message = question_message(question, node=self._nodes[question.place])
        (message_id,) = self._grid.push_messages([message])
        return message_id

    def answers(self, message_ids: Sequence[str]) -> dict[str, Answer]:
        """The answers that have come, taken out.

        Raises:
          RuntimeError: a turn failed, or the simulation has ended.
        """
        if not self._thread.is_alive():
            raise RuntimeError("Flower's simulation ended before the training") from self._failure
        found = {}
        for reply in self._grid.pull_messages(message_ids):
            if reply.has_error():
                # A whole traceback, whose last line tells what the turn raised.
                reason = str(reply.error.reason)
                told = reason.strip().splitlines()[-1].removesuffix("'>")
                raise RuntimeError(f"a turn failed in an actor: {told}") from RuntimeError(reason)
            found[reply.metadata.reply_to_message_id] = answer_in(reply)
        return found

    def close(self) -> None:
        """Ends actors and nodes; turns under way are dropped."""
        self._is_over.set()
        if hasattr(self, "_thread"):
            self._thread.join(_END_SECONDS)
        ray.shutdown()
        self._held.close()

    def __enter__(self) -> FlowerSimulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, num_nodes: int) -> tuple[Grid, list[int]]:
        grids: queue.SimpleQueue[Grid] = queue.SimpleQueue()
        server = ServerApp()

        @server.main()
        def hand_over(grid: Grid, _: Context) -> None:
            grids.put(grid)
            self._is_over.wait()

        self._thread = threading.Thread(
            target=self._simulate, args=(server, num_nodes), daemon=True, name="simulation"
        )
        self._thread.start()
        grid = self._awaited(lambda: None if grids.empty() else grids.get())
        nodes = self._awaited(
            lambda: ids if len(ids := sorted(grid.get_node_ids())) == num_nodes else None
        )
        return grid, nodes

    def _simulate(self, server: ServerApp, num_nodes: int) -> None:
        try:
            run_simulation(
                server,
                simulated_app(self._trainings),
                num_nodes,
                backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
            )
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told of in the asking thread
            self._failure = error

    def _awaited(self, probe: Callable[[], _T | None]) -> _T:
        while (found := probe()) is None:
            if not self._thread.is_alive():
                raise RuntimeError("Flower's simulation did not start") from self._failure
            time.sleep(0.01)
        return found


def _start_ray(home: Path, *, num_processes: int, store_bytes: int) -> None:
    """A Ray of our own with as many cores as actors, or the cluster that the user named."""
    here = {
        "num_cpus": num_processes or os.cpu_count() or 1,
        "object_store_memory": max(_LEAST_STORE_BYTES, store_bytes),
        "_temp_dir": str(home),
        "include_dashboard": False,
    }
    # Actors import what this process could, the modules of a user's plan included.
    path = os.pathsep.join(dict.fromkeys([*map(os.path.abspath, sys.path), str(Path.cwd())]))
    ray.init(
        runtime_env={"env_vars": {"PYTHONPATH": path}},
        log_to_driver=False,
        logging_level="ERROR",
        **({} if os.environ.get(CLUSTER) else here),
    )


@contextmanager
def _quiet(home: Path) -> Iterator[None]:
    """While entered, neither Flower nor Ray calls home or speaks, and strangers are kept out."""
    wanted = quiet_environment(home) | {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # spares a tip
    if not os.environ.get(CLUSTER):
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    before = dict(os.environ)
    was_reporting = telemetry.FLWR_TELEMETRY_ENABLED  # read when Flower was imported
    logger = logging.getLogger("flwr")
    level = logger.level
    os.environ.update(wanted)
    _reread_secret()
    telemetry.FLWR_TELEMETRY_ENABLED = "0"
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        telemetry.FLWR_TELEMETRY_ENABLED = was_reporting
        for name in wanted:
            os.environ.pop(name, None)
        os.environ.update(before)
        _reread_secret()


def _reread_secret() -> None:
    """Has Ray, which read these variables when it was imported, read them again."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps Ray from taking over what SIGTERM means."""
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    yield
    if is_main:
        signal.signal(signal.SIGTERM, before)
