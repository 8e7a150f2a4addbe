"""Journals being written: a `Writer` holds one and appends a frame a call, or what belongs together in one write.

A writer holds the lock of its journal (flock) while it lives, so a free lock means that nobody will write there again.
What the disk refuses waits in memory, in its order: frames, and with them the blobs that they name.
"""

from __future__ import annotations

import os
import time as clock
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

from ledger.errors import LedgerError, StorageFault, warn
from ledger.format import frame, layout
from ledger.format.frame import HEAD, MAGIC, ROWS, Header, encode_payload
from ledger.store import blobs, files, journal
from ledger.store.blobs import Blob
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.entries import Encoded

SYNC_US = 5_000_000  # a power cut takes at most the rows of the last 5 s (and of a pause after them)
# Bytes of rows kept in memory while the disk refuses them: about a million calls, and twice that in memory.
# What comes when it is full is given up and counted; what came before is kept, so that the rows up to there are whole.
PENDING_MAX = 64 << 20
BLOBS_MAX = 256 << 20  # the same for bytes of charts and predictions, which wait with the frame that names them
RETRY_S = 1.0  # how often blobs are tried again: a large one costs time even where the disk refuses it
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


class Bundle:
    """Frames that are to be written at once, and the blobs that have to be stored before; `what` are their names."""

    __slots__ = ("blobs", "data", "size", "what")

    def __init__(self, data: bytes, named: Sequence[Blob], what: Sequence[str]) -> None:
        self.data, self.what, self.size = data, what, sum(len(blob.data) for blob in named)
        self.blobs = deque(named)

    def store(self, tree: Tree) -> None:
        """Store the blobs; raises StorageFault, and goes on with the one that was refused when called again."""
        for _ in range(len(self.blobs)):
            blobs.write(tree, self.blobs[0])
            self.blobs.rotate(-1)


class Writer:
    """One journal being written. When `rows` returns, the bytes are with the kernel: SIGKILL cannot take them.

    When the disk refuses, frames stay in memory in their order, and the blobs that they name with them: one warning is
    given, and later calls try again. A bundle is written whole or, where memory is full, given up whole.
    When somebody removes the journal, it is written again from the open file, which keeps every byte.
    """

    def __init__(self, tree: Tree, header: Header, *, since: int) -> None:
        """Create the journal of `header`; times of its rows lie after `since` (us)."""
        self.run, self.writer, self.attempt = header.run, header.writer, header.attempt
        self.tree, self.path = tree, tree.path(layout.journal_path(header.run, header.writer))
        self.seq = 0
        self.time = since + 1
        self.pending: deque[bytes | Bundle] = deque()
        self.pending_bytes = self.pending_blobs = 0
        self.given_up = 0  # calls that came when memory was full
        self._to_say = 0  # of these, what `flush` has not raised for
        self._fault: OSError | LedgerError | None = None
        self._retry_at = 0.0  # of blobs, by the monotonic clock
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

    def bundle(self, rows: Rows, charts: Fields = (), predictions: Fields = (), named: Sequence[Blob] = ()) -> None:
        """Append rows (step, context, values), charts and predictions that belong together, in one write.

        Charts and predictions are the fields of an `entries.ChartRef` or `PredictionsRef` but for time, writer, seq
        and attempt. `named` are their blobs where these are still to be stored.
        """
        self.time = max(now_us(), self.time)
        data, self.seq = frame.encode_bundle(rows, charts, predictions, self.seq, self.time, self._salt)
        if not named:
            self._append_late(data)
            return
        what = [f"chart {fields['name']!r}" for fields in charts]
        what += [
            f"predictions of {fields['split']!r}" if "split" in fields else "predictions" for fields in predictions
        ]
        self._append_late(Bundle(data, named, what + [f"{len(rows)} calls of rows"] * bool(rows)))

    def _append_late(self, late: bytes | Bundle) -> None:
        """Append behind what is still pending."""
        self.pending.append(late)
        self._count(late, 1)
        self._retry()
        if not self.pending or (self.pending_bytes <= PENDING_MAX and self.pending_blobs <= BLOBS_MAX):
            return
        self._count(self.pending.pop(), -1)
        self.given_up += 1
        self._to_say += 1
        if isinstance(late, Bundle):
            warn(
                f"{_listed(late.what)} of run {self.run}: given up, all of it, since the disk refuses it, and memory "
                f"for what waits is full ({BLOBS_MAX >> 20} MiB of charts and predictions, {PENDING_MAX >> 20} of rows)"
            )
        elif self._to_say == 1:
            warn(
                f"{PENDING_MAX >> 20} MiB of rows of run {self.run} wait for the disk: what is logged from now on "
                "is given up until it takes them. finish() will say how many calls that were."
            )

    def _count(self, late: bytes | Bundle, sign: int) -> None:
        self.pending_bytes += sign * len(late if isinstance(late, bytes) else late.data)
        self.pending_blobs += 0 if isinstance(late, bytes) else sign * late.size

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

    def _warn(self, error: OSError | LedgerError) -> None:
        first, self._fault = self._fault is None, error
        if first:
            refused = error.message if isinstance(error, LedgerError) else f"cannot write to {self.path}: {_why(error)}"
            warn(
                f"{refused}. The training goes on; what is logged is kept in memory and written when it becomes "
                "possible."
            )

    def _retry(self, *, now: bool = False) -> None:
        while self.pending:
            data = self.pending[0]
            if isinstance(data, Bundle):
                if not now and clock.monotonic() < self._retry_at:
                    return
                try:
                    data.store(self.tree)
                except LedgerError as error:
                    self._retry_at = clock.monotonic() + RETRY_S
                    self._warn(error)
                    return
                data = data.data
            try:
                written = files.append(self.fd, data)
            except OSError as error:
                self._warn(error)
                return
            if written != len(data):
                self._warn(self._cut(written))
                return
            self.end += written
            self._count(self.pending.popleft(), -1)
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
        self._retry(now=True)
        if self.pending:
            bundles = [name for late in self.pending if isinstance(late, Bundle) for name in late.what]
            raise StorageFault(
                f"{len(self.pending) + self._to_say} calls of run {self.run} could not be written"
                f"{f' ({_listed(bundles)})' if bundles else ''}: {self._fault}",
                hint=f"what was written is in {self.path}; free the disk, then: ledger finish {self.run}",
            ) from self._fault
        if self._to_say:
            count, self._to_say = self._to_say, 0
            raise StorageFault(
                f"{count} calls of run {self.run} were given up: the disk refused them, and memory for them was full",
                hint="all others are written; call finish() again to close the run without them",
            )

    def let_rows_through(self) -> list[str]:
        """Before the process ends, write what waits behind bundles that cannot be stored; return what these held."""
        lost: list[str] = []
        while self.pending:
            self._retry(now=True)
            if not self.pending or not isinstance(self.pending[0], Bundle):
                break
            lost += self.pending[0].what
            self._count(self.pending.popleft(), -1)
            self.given_up += 1
        return lost

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


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


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
