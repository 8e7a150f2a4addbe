"""The bytes of segments and blobs, held against their names and against the entries that name them.

Large files are hashed by threads, block by block; small ones at once, since handing them over would take longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ledger.errors import DamagedFile
from ledger.store import files
from ledger.store.audit.inventory import Inventory

Progress = Callable[[int, int], None]

_INLINE = 1 << 16  # bytes
_WAITING = 16  # files handed to threads and not looked after yet
_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_MAX = 1024  # bytes of a pointer file


class Stated(NamedTuple):
    """What an entry says of a file: its sha256, its size if it says so; and the entry's path."""

    sha256: str
    size: int | None
    entry: str


class _Task(NamedTuple):
    path: str
    size: int
    head: str
    stated: tuple[Stated, ...]
    run: str | None


class Hashes:
    """Checks hashes of files; `finish` waits for those that threads are at. Tells `progress` bytes done and in all."""

    def __init__(self, there: Inventory, threads: ThreadPoolExecutor, progress: Progress | None) -> None:
        self.there, self.threads, self.progress = there, threads, progress
        self.waiting: deque[tuple[Future[str], _Task]] = deque()
        self.done = 0

    def advance(self, size: int) -> None:
        """Count bytes as done."""
        self.done += size
        if self.progress is not None:
            self.progress(min(self.done, self.there.bytes), self.there.bytes)

    def check(self, path: str, size: int, head: str, stated: Iterable[Stated] = (), run: str | None = None) -> None:
        """Check a file of `size` bytes whose name says that its sha256 begins with `head`, now or in a while."""
        task = _Task(path, size, head, tuple(stated), run)
        full = self.there.tree.path(path)
        if size <= _INLINE:
            self._settle(lambda: files.sha256(full), task)
            return
        self.waiting.append((self.threads.submit(files.sha256, full), task))
        if len(self.waiting) > _WAITING:
            self._next()

    def finish(self) -> None:
        """Wait for all that is under way."""
        while self.waiting:
            self._next()

    def _next(self) -> None:
        future, task = self.waiting.popleft()
        self._settle(future.result, task)

    def _settle(self, result: Callable[[], str], task: _Task) -> None:
        try:
            found = result()
        except (OSError, DamagedFile) as error:
            self.there.unreadable(task.path, error, task.run)
            return
        finally:
            self.advance(task.size)
        if not found.startswith(task.head):
            self.altered(task.path, task.size, task.head, task.run)
            return
        for stated in sorted(set(task.stated)):
            if stated.sha256 != found:
                text = f"it names {task.path} with the sha256 {stated.sha256}, which has {found}"
                self.there.note("reference-mismatch", stated.entry, text, task.run)
            elif stated.size is not None and stated.size != task.size:
                text = f"it says {stated.size} bytes of {task.path}, which has {task.size}"
                self.there.note("reference-mismatch", stated.entry, text, task.run)

    def altered(self, path: str, size: int, head: str, run: str | None) -> None:
        """Note a file whose bytes are not those of its name: absent, where a pointer of git-LFS stands for it."""
        if size <= _LFS_MAX and self._is_pointer(path, head):
            self.there.note("lfs-pointer", path, "git-LFS has its bytes elsewhere; here is a pointer to them", run)
        else:
            text = "its bytes do not have the sha256 in its name" if size else "it is empty"
            self.there.note("hash-mismatch", path, text, run)

    def _is_pointer(self, path: str, head: str) -> bool:
        """Say whether a file is a pointer of git-LFS to the very bytes that belong there."""
        try:
            text = self.there.tree.read_head(path, _LFS_MAX)
        except OSError:
            return False
        return text.startswith(_LFS) and b"\noid sha256:" + head.encode() in text
