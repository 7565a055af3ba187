"""The server's seat: a run at a SuperLink, held by this very process."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from flwr.common.constant import SubStatus
from flwr.proto.runtime_pb2 import (
    AcquireTaskRequest,
    PullTaskInputRequest,
    PushTaskOutputRequest,
    SendTaskHeartbeatRequest,
)
from flwr.supercore.constant import TaskType
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supercore.runtime import RuntimeHttpClient

from tithe.engines.flower.calls import Address, Refused, Unreachable, told_apart

_ACQUIRE = "/flwr.proto.Runtime/AcquireTask"
_BEAT_SECONDS = 15.0  # the SuperLink gives a seat up that was silent for 60 s


@dataclass(frozen=True)
class Seat:
    """A run that this process serves.

    Attributes:
      run: its number at the SuperLink.
      client: speaks as the server of this run and as nothing else.
    """

    run: int
    client: RuntimeHttpClient


def take_seat(address: Address, *, run: int, secret: bytes) -> Seat:
    """Takes the server's task of a run that was started.

    No app is fetched, installed or run: whoever takes a task from a SuperLink in process isolation
    is expected to start the app that belongs to it, and we go on as we are.

    Args:
      address: of the SuperLink's own port on loopback.
      run: its number.
      secret: what the SuperLink was started with.
    Raises:
      Unreachable, Refused: from the SuperLink; status 404 if the run's task is taken.
    """
    signed = SuperExecAuthHttpInterceptor(master_secret=secret, protected_methods={_ACQUIRE})
    while True:
        with told_apart(address), _client(address, signed) as stranger:
            found = stranger.AcquireTask(
                AcquireTaskRequest(supported_task_types=[TaskType.SERVER_APP])
            )
        if not found.token:
            raise Refused(404, f"{address.text} has no free task for run {run}")
        seat = Seat(found.task.run_id, _client(address, RuntimeTokenHttpInterceptor(found.token)))
        if seat.run == run:
            with told_apart(address):
                seat.client.PullTaskInput(PullTaskInputRequest())
            return seat
        leave_seat(seat, address, is_complete=False)  # somebody else started a run here


def leave_seat(seat: Seat, address: Address, *, is_complete: bool) -> None:
    """Ends the run, if the SuperLink can be reached; else it ends by itself after 60 s."""
    status = SubStatus.COMPLETED if is_complete else SubStatus.STOPPED
    try:
        with told_apart(address):
            seat.client.PushTaskOutput(PushTaskOutputRequest(sub_status=status, details=""))
    except (Unreachable, Refused):
        pass
    finally:
        seat.client.close()


class SeatKeeper:
    """A thread that tells the SuperLink every 15 s that the server is there."""

    def __init__(self, seat: Seat, address: Address) -> None:
        self._seat = seat
        self._address = address
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="seat")
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._is_over.set()
        self._thread.join(timeout=10)

    def _beat(self) -> None:
        while not self._is_over.wait(_BEAT_SECONDS):
            try:
                with told_apart(self._address):
                    self._seat.client.SendTaskHeartbeat(SendTaskHeartbeatRequest())
            except (Unreachable, Refused, ValueError):
                continue  # whoever uses the seat next sees that it is lost, and takes another


def _client(address: Address, *interceptors: ProtobufClientInterceptor) -> RuntimeHttpClient:
    return RuntimeHttpClient.from_server_address(
        address.text,
        address.is_plaintext,
        address.root_certificates,
        [RuntimeVersionHttpInterceptor(component_name="tithe"), *interceptors],
    )
