"""Journals being written: a `Writer` holds one and appends a frame a call; a `SharedWriter` is one call of the shell.

A writer holds the lock of its journal (flock) while it lives, so a free lock means that nobody will write there again.
Shared journals, which shell commands append to one after the other, are locked for the length of a call only.
"""

from __future__ import annotations

import os
import time as clock
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

from ledger.errors import DamagedFile, StorageFault, warn
from ledger.format import frame, layout
from ledger.format.frame import CHART, HEAD, MAGIC, PREDICTIONS, ROWS, Header, encode_payload
from ledger.store import files, journal
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.entries import Encoded

SYNC_US = 5_000_000  # a power cut takes at most the rows of the last 5 s (and of a pause after them)
# Bytes of rows kept in memory while the disk refuses them: about a million calls, and twice that in memory.
# What comes when it is full is given up and counted; what came before is kept, so that the rows up to there are whole.
PENDING_MAX = 64 << 20
_TAIL = 1 << 16
_PLACED = (ROWS, CHART, PREDICTIONS)  # frames that have seqs
_pack = HEAD.pack
Rows: TypeAlias = Sequence[tuple[int | None, str | None, dict[str, Any]]]
Fields: TypeAlias = Sequence[dict[str, Any]]
_now = clock.time_ns


def now_us() -> int:
    """Return the wall clock in microseconds since 1970 UTC."""
    return clock.time_ns() // 1000


@cache
def boot_id() -> str:
    """Return what tells one start of this machine from the next, or nothing where the system does not say."""
    try:
        return files.read("/proc/sys/kernel/random/boot_id").decode("ascii", "replace").strip()
    except OSError:
        return ""


class Writer:
    """One journal being written. When `rows` returns, the bytes are with the kernel: SIGKILL cannot take them.

    When the disk refuses, frames stay in memory in their order, one warning is given, and each later call tries again.
    When somebody removes the journal, it is written again from the open file, which keeps every byte.
    """

    def __init__(self, tree: Tree, header: Header, *, since: int) -> None:
        """Create the journal of `header`; times of its rows lie after `since` (us)."""
        self.run, self.writer, self.attempt = header.run, header.writer, header.attempt
        self.tree, self.path = tree, tree.path(layout.journal_path(header.run, header.writer))
        self.seq = 0
        self.time = since + 1
        self.pending: deque[bytes] = deque()
        self.pending_bytes = 0
        self.given_up = 0  # calls that came when memory was full
        self._to_say = 0  # of these, what `flush` has not raised for
        self._fault: OSError | None = None
        self._unsynced = False
        self._salt = int.from_bytes(os.urandom(4), "little")
        data = frame.encode_prefix(self._salt) + frame.encode_header(header, self._salt)
        with files.faults(f"begin a journal of run {header.run}"):
            self.fd = self._create(data)
        self.end = len(data)
        self._synced = now_us()
        self._settled = False

    def _create(self, data: bytes) -> int:
        """Make the journal, locked and with its header, before it gets its name: a sealer takes what it finds free."""
        folder, name = os.path.split(self.path)
        temporary = os.path.join(folder, f"{files.TEMPORARY}{name}")
        journal.protect(self.tree)
        fd = files.open_append(temporary, create=True)
        try:
            files.lock(fd, wait=True)
            if files.append(fd, data) != len(data):
                raise OSError(28, "No space left on device", self.path)
            files.move(temporary, self.path)
        except BaseException:
            files.close(fd)
            files.remove(temporary)
            raise
        return fd

    def rows(self, step: int | None, context: str | None, values: dict[str, Any]) -> None:
        """Append the rows of one call: metric names to float64, or to text, the reason of an undefined one."""
        time = _now() // 1000
        if time < self.time:
            time = self.time
        else:
            self.time = time
        payload = encode_payload((ROWS, self.seq, time, step, context, values))
        self.seq += len(values)
        size = len(payload)
        data = _pack(MAGIC, size, crc32(payload, self._salt ^ size)) + payload
        if self.pending:
            self._append_late(data)
            return
        try:
            written = files.append(self.fd, data)
        except OSError as error:
            self._refused(error, data)
            return
        if written != size + 12:
            self._refused(self._cut(written), data)
            return
        self.end += written
        if time - self._synced > SYNC_US:
            self._sync(time)

    def chart(self, fields: dict[str, Any]) -> None:
        """Append a chart: the fields of an `entries.ChartRef` but for time, writer, seq and attempt."""
        self._place(CHART, fields)

    def predictions(self, fields: dict[str, Any]) -> None:
        """Append predictions: the fields of an `entries.PredictionsRef` but for time, writer, seq and attempt."""
        self._place(PREDICTIONS, fields)

    def bundle(self, rows: Rows, charts: Fields = (), predictions: Fields = ()) -> None:
        """Append rows (step, context, values), charts and predictions that belong together, in one write."""
        self.time = max(now_us(), self.time)
        data, self.seq = frame.encode_bundle(rows, charts, predictions, self.seq, self.time, self._salt)
        self._append_late(data)

    def _place(self, kind: int, fields: dict[str, Any]) -> None:
        self.time = max(now_us(), self.time)
        data = frame.encode_frame(encode_payload((kind, self.seq, self.time, fields)), self._salt)
        self.seq += 1
        self._append_late(data)

    def _append_late(self, data: bytes) -> None:
        """Append behind what is still pending."""
        self.pending.append(data)
        self.pending_bytes += len(data)
        self._retry()
        if self.pending_bytes > PENDING_MAX and self.pending:
            self.pending_bytes -= len(self.pending.pop())
            self.given_up += 1
            self._to_say += 1
            if self._to_say == 1:
                warn(
                    f"{PENDING_MAX >> 20} MiB of rows of run {self.run} wait for the disk: what is logged from now on "
                    "is given up until it takes them. finish() will say how many calls that were."
                )

    def _refused(self, error: OSError, data: bytes) -> None:
        self.pending.append(data)
        self.pending_bytes += len(data)
        self._warn(error)

    def _cut(self, written: int) -> OSError:
        """Take back what a short write left; by the file's size, since a call may have been interrupted before."""
        try:
            files.truncate(self.fd, files.size(self.fd) - written)
        except OSError:  # then a reader jumps over it
            pass
        return OSError(28, "the disk took a part of a row only")

    def _warn(self, error: OSError) -> None:
        first, self._fault = self._fault is None, error
        if first:
            warn(
                f"cannot write to {self.path}: {error.strerror or error}. The training goes on; rows are kept "
                "in memory and written when it becomes possible."
            )

    def _retry(self) -> None:
        while self.pending:
            data = self.pending[0]
            try:
                written = files.append(self.fd, data)
            except OSError as error:
                self._warn(error)
                return
            if written != len(data):
                self._warn(self._cut(written))
                return
            self.end += written
            self.pending_bytes -= len(self.pending.popleft())
        self._fault = None

    def _sync(self, time: int) -> None:
        self._synced = time
        try:
            self.mend()
            if not self._settled:  # the journal's own name, once; a run that is over sooner needs it never
                folder = os.path.dirname(self.path)
                files.sync_folder(folder)
                files.sync_folder(os.path.dirname(folder))
                self._settled = True
            files.sync_data(self.fd)
        except (OSError, StorageFault) as error:
            first, self._unsynced = not self._unsynced, True
            if first:
                warn(
                    f"cannot bring {self.path} to the disk: {error}. The training goes on; rows are with the system, "
                    "but a power cut would take them, and finish() will try again."
                )
        else:
            self._unsynced = False

    def mend(self) -> None:
        """Write the journal again if somebody removed it; raises StorageFault where that cannot be done."""
        if not files.is_removed(self.fd):
            return
        with files.faults(f"write {self.path} again, which was removed"):
            fd = self._create(files.read_at(self.fd, 0, files.size(self.fd)))
        files.close(self.fd)
        self.fd, self._settled = fd, False
        warn(f"{self.path} was removed while run {self.run} went on: it is written again, with all its rows.")

    def flush(self) -> None:
        """Write what is pending; raises StorageFault if something cannot be written, and once if rows were given up."""
        self.mend()
        self._retry()
        if self.pending:
            raise StorageFault(
                f"{len(self.pending) + self._to_say} calls of run {self.run} could not be written: {self._fault}",
                hint=f"what was written is in {self.path}; free the disk, then: ledger finish {self.run}",
            ) from self._fault
        if self._to_say:
            count, self._to_say = self._to_say, 0
            raise StorageFault(
                f"{count} calls of run {self.run} were given up: the disk refused them, and memory for them was full",
                hint="all others are written; call finish() again to close the run without them",
            )

    def carry_on(self, other: Writer) -> None:
        """Take over what the writer before this one has to say of calls that were given up."""
        self.given_up, self._to_say = other.given_up, other._to_say

    def gaps(self) -> str | None:
        """Return what is to be said of the run for good: how many calls were given up."""
        return f"{self.given_up} calls were given up while the disk refused them" if self.given_up else None

    def discard(self) -> None:
        """Remove the journal, which holds no row."""
        try:
            files.remove(self.path)
        except OSError:  # an empty journal says nothing
            pass
        self.close()

    def close(self) -> None:
        """Let the journal go; its lock with it."""
        if self.fd >= 0:
            files.close(self.fd)
            self.fd = -1


class SharedWriter:
    """One call of the shell on a shared journal: locks it, goes on where the last call ended, and lets it go.

    Use as a context manager; `rows`, `chart` and `predictions` append within it.
    """

    def __init__(self, tree: Tree, run: str, attempt: int, *, since: int) -> None:
        self.tree, self.run, self.attempt, self.since = tree, run, attempt, since
        self.fd, self.salt, self.seq, self.time, self.path, self.writer = -1, 0, 0, since + 1, "", ""

    def __enter__(self) -> SharedWriter:
        with files.faults(f"append to a journal of run {self.run}"):
            while not (self._reopen() or self._create()):
                pass
        return self

    def __exit__(self, *exc: object) -> None:
        if self.fd >= 0:
            files.close(self.fd)

    def _reopen(self) -> bool:
        for path in journal.paths(self.tree, self.run):
            full = self.tree.path(path)
            try:
                fd = files.open_append(full, create=False)
            except FileNotFoundError:
                continue
            if self._continue(fd, full):
                self.fd, self.path = fd, full
                return True
            files.close(fd)
        return False

    def _continue(self, fd: int, path: str) -> bool:
        """Take the journal's lock and find its end; False if it is not one of ours to append to."""
        head = files.read_at(fd, 0, _TAIL)
        try:
            found = journal.read_header(head, path, opened=False)
        except DamagedFile:
            return False
        if (
            found is None
            or not found[1].shared
            or found[1].host != journal.this_host()
            or found[1].attempt != self.attempt
        ):
            return False
        files.lock(fd, wait=True)
        if not files.is_same(fd, path):  # sealed while we waited
            return False
        self.salt, header, _ = found
        self.writer = header.writer
        end = files.size(fd)
        last, base = None, end
        while last is None and base > 0:
            base = max(0, base - _TAIL if base == end else 0)
            last = frame.last_frame(files.read_at(fd, base, end - base), self.salt)
        if last is None or last.payload[0] not in (frame.HEADER, *_PLACED) or not frame.is_sound(last.payload):
            return False
        if last.payload[0] == frame.HEADER and base + last.start != frame.PREFIX_SIZE:
            return False
        if base + last.end < end:  # a call was killed half-way through its write
            files.truncate(fd, base + last.end)
        self.seq, self.time = _after(last)
        self.time = max(self.time, self.since + 1)
        return True

    def _create(self) -> bool:
        header = new_header(self.run, self.attempt, shared=True)
        writer = Writer(self.tree, header, since=self.since)
        self.fd, self.salt, self.path, self.writer = writer.fd, writer._salt, writer.path, header.writer
        self.seq, self.time = 0, writer.time
        return True

    def rows(self, step: int | None, context: str | None, values: dict[str, Any]) -> None:
        """Append the rows of one call."""
        self.bundle([(step, context, values)])

    def chart(self, fields: dict[str, Any]) -> None:
        """Append a chart."""
        self.bundle([], [fields])

    def predictions(self, fields: dict[str, Any]) -> None:
        """Append predictions."""
        self.bundle([], [], [fields])

    def bundle(self, rows: Rows, charts: Fields = (), predictions: Fields = ()) -> None:
        """Append rows (step, context, values), charts and predictions that belong together, in one write."""
        self.time = max(now_us(), self.time)
        data, self.seq = frame.encode_bundle(rows, charts, predictions, self.seq, self.time, self.salt)
        end = files.size(self.fd)
        with files.faults(f"append to a journal of run {self.run}"):
            if files.append(self.fd, data) != len(data):
                files.truncate(self.fd, end)
                raise OSError(28, "No space left on device", self.path)


def _after(last: frame.Frame) -> tuple[int, int]:
    """Return the next seq and the time of the last frame of a journal."""
    kind = last.payload[0]
    if kind == ROWS:
        return last.payload[1] + len(last.payload[5]), last.payload[2]
    if kind in (CHART, PREDICTIONS):
        return last.payload[1] + 1, last.payload[2]
    return 0, int(last.payload[1]["time"])


def new_header(
    run: str,
    attempt: int,
    *,
    owner: bool = False,
    shared: bool = False,
    opened: Encoded | None = None,
) -> Header:
    """Return the header of a new journal of this process, with a random writer id."""
    return Header(
        format=layout.FORMAT,
        run=run,
        writer=os.urandom(6).hex(),
        attempt=attempt,
        host=journal.this_host(),
        boot=boot_id(),
        pid=os.getpid(),
        time=now_us(),
        owner=owner,
        shared=shared,
        open_name=opened.name if opened else None,
        open_data=opened.data if opened else None,
    )
