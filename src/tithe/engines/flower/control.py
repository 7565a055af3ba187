"""What only the owner of a SuperLink does there: admit nodes, start a run, end runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from flwr.cli.build import build_fab_from_disk
from flwr.common.constant import Status
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
    UnregisterNodeRequest,
)
from flwr.proto.fab_pb2 import Fab
from flwr.supercore.constant import NodeStatus
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor

from tithe.engines.flower.calls import Address, Refused, told_apart

APP = Path(__file__).parent / "app"
"""The app whose runs the server serves: to stock SuperNodes it brings the relay."""

_MOST_RUNS = 1000


def admit_nodes(address: Address, node_keys: Iterable[bytes]) -> None:
    """Registers these nodes and no others: whoever is not named any more is turned away.

    Args:
      address: of the SuperLink's own port on loopback.
      node_keys: public keys, PEM.
    Raises:
      Unreachable, Refused: from the SuperLink.
    """
    wanted = set(node_keys)
    with _control(address) as control:
        known = {
            node.public_key: node.node_id
            for node in control.ListNodes(ListNodesRequest()).nodes_info
            if node.status != NodeStatus.UNREGISTERED
        }
        for key in sorted(wanted - set(known)):
            control.RegisterNode(RegisterNodeRequest(public_key=key))
        for key in set(known) - wanted:
            control.UnregisterNode(UnregisterNodeRequest(node_id=known[key]))


def start_run(address: Address) -> int:
    """Starts a run of our app and returns its number.

    Raises:
      Unreachable, Refused: from the SuperLink.
    """
    fab = Fab(content=build_fab_from_disk(APP))
    with _control(address) as control:
        return control.StartRun(StartRunRequest(fab=fab)).run_id


def end_runs(address: Address) -> None:
    """Ends every run; with a run its messages go from the SuperLink's memory and database.

    Raises:
      Unreachable, Refused: from the SuperLink.
    """
    with _control(address) as control:
        # Asking for a finished run is what makes the SuperLink clear it away.
        runs = control.ListRuns(ListRunsRequest(limit=_MOST_RUNS)).run_dict
        for number, run in runs.items():
            if run.status.status != Status.FINISHED:
                with contextlib.suppress(Refused), told_apart(address):
                    control.StopRun(StopRunRequest(run_id=number))


@contextlib.contextmanager
def _control(address: Address) -> Iterator[ControlHttpClient]:
    client = ControlHttpClient.from_server_address(
        address.text,
        address.is_plaintext,
        address.root_certificates,
        [RuntimeVersionHttpInterceptor(component_name="tithe")],
    )
    with client, told_apart(address):
        yield client
