"""The rows of one run, checked: each segment decoded and held against what its entry says, all of them against each
other. The part of a check that needs arrays; `verify` does the rest.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ledger.errors import DamagedFile
from ledger.format import columns, layout, predictions
from ledger.format import entries as form
from ledger.format.rows import COLUMNS, Rows, concat
from ledger.store import shown
from ledger.store.audit.findings import Finding, finding
from ledger.store.entries import Read
from ledger.store.tree import Tree

_STATED = ("count", "last", "last_step", "min", "max", "undefined")


class RowCheck:
    """Checks the rows of one run; `findings` and `count` (rows in its segments) are what comes of it."""

    def __init__(self, tree: Tree, folder: str, run: str, latest: int) -> None:
        self.tree, self.folder, self.run, self.latest = tree, folder, run, latest  # us: what is later is the future
        self.findings: list[Finding] = []
        self.count = 0

    def note(self, kind: str, path: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(finding(kind, path, message, self.run))

    def check(self, found: list[Read], journals: list[Rows]) -> None:
        """Check the segments that entries name, then all rows, those of journals too, against each other."""
        parts = list(journals)
        seen: set[str] = set()
        for read in found:
            if isinstance(read.entry, form.Rows) and read.entry.segments:
                parts += [rows for name, rows in self._entry(read, read.entry) if name not in seen]
                seen.update(segment.sha256 for segment in read.entry.segments)
        if parts:
            self._repeated(concat(parts))

    def predictions(self, found: list[Read], known: set[tuple[str, str, str, int]]) -> None:
        """Check that columns of predictions and labels hold what entries say; `known` were looked at before."""
        for read in found:
            sets: list[form.PredictionsRef] | list[form.Labels] = []
            if isinstance(read.entry, (form.Rows, form.Labels)):
                sets = read.entry.predictions if isinstance(read.entry, form.Rows) else [read.entry]
            for one in sets:
                for name, ref in one.columns.items():
                    said = (ref.blob, ref.dtype, ref.digest, one.rows)
                    if said not in known:
                        known.add(said)
                        self._column(f"{self.folder}/{read.name}", name, ref, one.rows)

    def _column(self, entry_path: str, name: str, ref: form.ColumnRef, rows: int) -> None:
        try:
            path = layout.blob_path(ref.blob, "parquet")
            data = self.tree.read(path)
        except (OSError, DamagedFile):
            return  # `verify` has said so
        if hashlib.sha256(data).hexdigest() != ref.blob:
            return
        try:
            predictions.decode(data, path, ref.dtype, ref.digest, rows)
        except DamagedFile as error:
            self.note("reference-mismatch", entry_path, f"of its column {name!r:.80}: {error.message}")

    def _entry(self, read: Read, entry: form.Rows) -> list[tuple[str, Rows]]:
        """Check what one entry brings; return its segments' rows, those of a damaged or absent one left out."""
        decoded = []
        path = f"{self.folder}/{read.name}"
        for segment in entry.segments:
            rows = self._segment(segment, path)
            if rows is not None:
                decoded.append((segment.sha256, rows))
                self.count += len(rows)
        if decoded and len(decoded) == len(entry.segments):
            together = concat([rows for _, rows in decoded])
            self._ranges(together, entry, path)
            self._summary(together, entry, path)
        return decoded

    def _segment(self, segment: form.Segment, entry_path: str) -> Rows | None:
        try:
            path = f"{self.folder}/{layout.segment_name(segment.sha256)}"
            data = self.tree.read(path)
        except (OSError, DamagedFile):
            return None  # `verify` has said so
        if hashlib.sha256(data).hexdigest() != segment.sha256:
            return None
        try:
            runs, rows = columns.decode(data, path)
            _check_indices(rows)
        except DamagedFile as error:
            self.note("invalid-segment", path, error.message)
            return None
        except (MemoryError, ArithmeticError, AttributeError, LookupError) as error:
            self.note("invalid-segment", path, f"it cannot be decoded: {error or type(error).__name__}")
            return None
        if len(rows) != segment.rows:
            self.note("reference-mismatch", entry_path, f"it says {segment.rows} rows of {path}, which has {len(rows)}")
        if runs and runs != [self.run]:
            self.note("reference-mismatch", path, f"it has rows of {', '.join(map(repr, runs[:3]))}")
        self._order(rows, path)
        if len(rows) and int(rows.time.max()) > self.latest:
            self.note("future-time", path, "it has rows from more than a day ahead of now")
        return rows

    def _order(self, rows: Rows, path: str) -> None:
        ranked = rows.ranked()
        ordered = ranked.sorted()
        if not all(np.array_equal(_bits(ranked, name), _bits(ordered, name)) for name in COLUMNS):
            self.note("unsorted-rows", path, "its rows are not in the order of metric, context, step, time")

    def _ranges(self, rows: Rows, entry: form.Rows, path: str) -> None:
        covered = np.zeros(len(rows), np.bool_)
        for stated in entry.writers:
            if stated.writer in rows.writers:
                own = rows.writer == rows.writers.index(stated.writer)
                covered |= own & (rows.seq >= stated.first) & (rows.seq <= stated.last)
        if not covered.all():
            at = int(np.argmin(covered))
            writer, seq = rows.writers[rows.writer[at]], int(rows.seq[at])
            outside = int(len(rows) - covered.sum())
            text = f"{outside} of its rows, such as {seq} of writer {writer}, lie outside the ranges it states"
            self.note("range-mismatch", path, text)

    def _summary(self, rows: Rows, entry: form.Rows, path: str) -> None:
        reasons = {(u.writer, u.seq): u.reason for u in entry.undefined}
        found = shown.summaries(shown.shown(rows), reasons, mean=False)
        for key, stated in entry.summary.items():
            if key == "..." and isinstance(stated, str):
                continue
            real = found.get(key)
            if real is None or not isinstance(stated, dict):
                self.note("summary-mismatch", path, f"its summary tells of {key!r}, of which it brings no rows")
                continue
            wrong = [name for name in _STATED if name in stated and not _same(stated[name], getattr(real, name))]
            if wrong:
                name, said, is_so = wrong[0], stated[wrong[0]], getattr(real, wrong[0])
                shown_as = repr(said) if isinstance(said, (int, float, str)) else f"a {type(said).__name__}"
                text = f"its summary says {name} {shown_as} of {key!r}; its rows say {is_so!r}"
                self.note("summary-mismatch", path, text)

    def _repeated(self, rows: Rows) -> None:
        """Look for rows of the same writer and seq: the same content twice is harmless, other content is not."""
        rows = rows.ranked()
        order = np.lexsort((rows.seq, rows.writer))
        rows = rows.take(order)
        twice = (rows.seq[1:] == rows.seq[:-1]) & (rows.writer[1:] == rows.writer[:-1])
        if not twice.any():
            return
        same = twice.copy()
        for name in COLUMNS:
            values = _bits(rows, name)
            same &= values[1:] == values[:-1]
        conflicts = np.flatnonzero(twice & ~same)
        if len(conflicts):
            at = int(conflicts[0])
            which = f"row {int(rows.seq[at])} of writer {rows.writers[rows.writer[at]]}"
            text = (
                f"{len(conflicts)} rows are there with two contents, such as {which}: a machine was copied as it ran?"
            )
            self.note("row-conflict", self.folder, text)
        if same.any():
            self.note("repeated-rows", self.folder, f"{int(same.sum())} rows are there twice")


def _check_indices(rows: Rows) -> None:
    """Raise LookupError where a row names a key or writer that is not there: Arrow takes indices as they come."""
    for indices, texts in ((rows.key, rows.keys), (rows.writer, rows.writers)):
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(texts):
            raise LookupError("a dictionary index is out of range")


def _bits(rows: Rows, name: str) -> Any:
    values = getattr(rows, name)
    return values.view(np.int64) if name == "value" else values


def _same(stated: Any, real: Any) -> bool:
    return bool(stated == real) or (stated != stated and real != real)
