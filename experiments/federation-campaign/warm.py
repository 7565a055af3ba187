"""The command ``tithe`` without the seconds that Python takes to import it.

A process that has imported everything forks, and its child carries the command out: a process of
its own, with its own files, sockets and locks, that dies of a signal like any other. On a busy
machine most of a restart is importing; a campaign that skips it gets more kills into an hour.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import traceback
from typing import BinaryIO


class Forked:
    """A child process; the part of ``subprocess.Popen`` that a fleet needs.

    Args:
      arguments: of ``tithe``.
      log: takes its output.
    """

    def __init__(self, arguments: tuple[str, ...], log: BinaryIO) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _carry_out(arguments, log)

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """Ends it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """How it ended, once it has."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def preload() -> None:
    """Imports what the commands of a federation import when they are called."""
    import tithe.cli.app
    import tithe.engines.flower.daemon
    import tithe.engines.flower.node_post
    import tithe.engines.flower.relay
    import tithe.engines.flower.serving
    import tithe.federation.site
    import tithe.learning.evaluate  # noqa: F401


def _carry_out(arguments: tuple[str, ...], log: BinaryIO) -> None:
    """In the child: never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log.fileno(), 1), (log.fileno(), 2)):
            os.dup2(source, target)
        random.seed()  # else all children draw the same pauses
        sys.argv = ["tithe", *arguments]
        from tithe.cli.app import main

        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
