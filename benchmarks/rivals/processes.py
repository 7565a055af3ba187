"""What a process and all below it take: processor time, and memory with shared pages counted once.

Read from ``/proc``, so for Linux alone.
"""

from __future__ import annotations

import os
from pathlib import Path


def family(root: int) -> list[int]:
    """A process and all below it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            parents[int(folder.name)] = int(fields[1])
    found = [root]
    for each in found:  # grows while it is read
        found += [child for child, parent in parents.items() if parent == each]
    return found


def processor_seconds(root: int) -> float:
    """Of a process and of all below it that live."""
    ticks = sum(sum(map(int, _fields(each)[11:13])) for each in family(root))
    return ticks / os.sysconf("SC_CLK_TCK")


def mebibytes(process: int) -> float:
    """Proportional set size; 0 of a process that ended meanwhile."""
    for line in _told(process, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def command(process: int) -> str:
    """How it was started, or what it calls itself since."""
    return _told(process, "cmdline")


def _fields(process: int) -> list[str]:
    """Of ``stat``, from the process's state on."""
    return _told(process, "stat").rsplit(")", 1)[-1].split()


def _told(process: int, name: str) -> str:
    try:
        return (Path("/proc") / str(process) / name).read_text(errors="replace")
    except OSError:
        return ""
