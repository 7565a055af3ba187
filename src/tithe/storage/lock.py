"""One holder at a time: a lock file that the system lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from tithe.checks import BadInput

_POLL_SECONDS = 0.02


class FileLock:
    """An exclusive lock on a small file, which also keeps one line for the next holder.

    The system releases it when the holder ends, however it ends, so that a killed process leaves
    no lock behind. A process forked from the holder does not hold it. It keeps out those who ask
    for it and nobody else. Make one with ``take``.

    Attributes:
      note: the line that was kept last, by this holder or one before; "" if there was none.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self.note = _lines(file)[1]
        self.keep(self.note)
        _HELD.add(self)

    @classmethod
    def take(cls, path: Path, *, wait_seconds: float = 0.0) -> FileLock:
        """Takes the lock; makes the file, for its owner alone, where there is none.

        Args:
          path: of the lock file; its folder exists.
          wait_seconds: how long to wait for another holder to let go.
        Raises:
          BadInput: another holds it still, or the file cannot be opened or locked.
        """
        deadline = time.monotonic() + wait_seconds
        while True:
            file = _opened(path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(path, file):
                    return cls(path, file)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    holder = _holder(file)
                    file.close()
                    raise BadInput(f"{path} is held by {holder}; wait for its end") from error
                time.sleep(_POLL_SECONDS)
            except OSError as error:
                file.close()
                raise BadInput(f"{path} cannot be locked: {error.strerror}") from error
            file.close()

    def keep(self, note: str) -> None:
        """Puts one line down for the next holder; it reaches the system, not yet the disk."""
        self.note = note
        content = f"{os.getpid()}\n{note}\n".encode()
        os.pwrite(self._file.fileno(), content, 0)
        os.ftruncate(self._file.fileno(), len(content))

    def release(self) -> None:
        """Lets go; the file and its line stay."""
        _HELD.discard(self)
        self._file.close()


_HELD: weakref.WeakSet[FileLock] = weakref.WeakSet()


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Holds the lock and takes its file away afterwards; refuses at once if another holds it.

    Raises:
      BadInput: another process holds it, or the file cannot be opened or locked.
    """
    lock = FileLock.take(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held, so that nobody's newer file is removed
        lock.release()


def _let_go_in_child() -> None:
    """Closes a forked process's copies: a lock lasts while any copy of its file is open."""
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_let_go_in_child)


def _opened(path: Path) -> FileIO:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadInput(f"{path} cannot be opened: {error.strerror}") from error
    return FileIO(descriptor, "r+")


def _is_at(path: Path, file: FileIO) -> bool:
    """Whether the locked file is still the one of that name; else the lock keeps nobody out."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lines(file: FileIO) -> tuple[str, str]:
    """The holder's process id and the line it kept, as far as they are there."""
    lines = os.pread(file.fileno(), 4096, 0).decode(errors="replace").split("\n")
    return lines[0], lines[1] if len(lines) > 1 else ""


def _holder(file: FileIO) -> str:
    process_id = _lines(file)[0]
    return f"process {process_id}" if process_id.isdecimal() else "another process"
