"""Journals that calls of the shell append to one after the other: a `SharedWriter` is one such call.

They are locked for the length of a call only, unlike those that a process holds while it lives (`store/writer.py`).
"""

from __future__ import annotations

from typing import Any

from ledger.errors import DamagedFile
from ledger.format import frame
from ledger.format.frame import CHART, PREDICTIONS, ROWS
from ledger.store import files, journal
from ledger.store.tree import Tree
from ledger.store.writer import Fields, Rows, Writer, new_header, now_us

_TAIL = 1 << 16
_PLACED = (ROWS, CHART, PREDICTIONS)  # frames that have seqs


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
