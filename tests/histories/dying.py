"""A process that dies in the middle of something, played in this one: from one call on, nothing reaches a file."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.record.run import _open_runs
from ledger.store import files

CHANGES = {"makedirs", "mkdir", "posix_fadvise", "fsync", "rename", "rmdir", "unlink", "utime"}


class Died(BaseException):
    """The process is gone."""


def ledger_files() -> set[int]:
    """Return the files of ledgers that this process has open."""
    names = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return {int(Path(name).name) for name in names if os.path.lexists(name) and "/.ledger/" in os.readlink(name)}


class Dying:
    """Stands in front of the system: from the n-th call that changes a file on, nothing happens any more."""

    def __init__(self, last: int, part: float) -> None:
        self.last, self.part, self.calls = last, part, 0

    def __getattr__(self, name: str) -> Any:
        """Return what `os` has of this name, watched if it changes a file."""
        return self.watched(getattr(os, name)) if name in CHANGES else getattr(os, name)

    @property
    def died(self) -> bool:
        """Say whether the process is gone."""
        return self.calls >= self.last

    def watched(self, real: Callable[..., Any], undo: Callable[[Any], None] = lambda _: None) -> Callable[..., Any]:
        """Return a call that may be the last."""

        def call(*given: Any, **more: Any) -> Any:
            self.calls += 1
            if not self.died:
                return real(*given, **more)
            if self.calls == self.last and self.part == 1.0:
                undo(real(*given, **more))
            raise Died

        return call

    def write(self, fd: int, data: Any) -> int:
        """Write, or write a part and die."""
        self.calls += 1
        if self.calls == self.last:
            os.write(fd, bytes(data)[: int(len(data) * self.part)])
        if self.died:
            raise Died
        return os.write(fd, data)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file; one that this makes counts."""
        return int((self.watched(os.open, os.close) if flags & os.O_CREAT else os.open)(path, flags, mode))

    def ends(self, process: Callable[[], Any]) -> bool:
        """Run a process, which may die; say whether it came to its end."""
        open_files, open_runs = ledger_files(), set(_open_runs)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda _: None)
            patch.setattr(files, "os", self)
            patch.setattr(files, "append", self.write)
            patch.setattr(files, "truncate", self.watched(os.ftruncate))
            patch.setattr(files, "sync_data", self.watched(os.fdatasync))
            try:
                process()
                return True
            except Died:
                for fd in ledger_files() - open_files:
                    os.close(fd)
                for key in set(_open_runs) - open_runs:
                    del _open_runs[key]
                return False
