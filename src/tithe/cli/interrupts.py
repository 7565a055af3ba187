"""Ctrl-C: the first asks a run to stop where it can be resumed, the second stops it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While entered, turns SIGINT and SIGTERM into a request that a run reads between turns.

    Before ``under_way`` there is nothing to resume, so the first signal already raises
    KeyboardInterrupt, as the second always does. A third ends the process the system's way.

    Args:
      announce: called from the signal handler at the first signal; must not write to a buffered
        stream, which the signal may have interrupted.
    """

    def __init__(self, announce: Callable[[], None]) -> None:
        self._announce = announce
        self._is_under_way = False
        self._is_requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # only it may set handlers
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def under_way(self) -> None:
        """From now on the first signal is a request only."""
        self._is_under_way = True

    def is_requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self._is_requested

    def _handle(self, _: int, __: FrameType | None) -> None:
        if self._is_under_way and not self._is_requested:
            self._is_requested = True
            self._announce()
            return
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt
