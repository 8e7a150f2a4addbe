"""The entries of a run, checked: each by itself, then what they say of each other and of the files they name."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from ledger.errors import DamagedFile, NewerFormat, counted
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.store.audit import exposure
from ledger.store.audit.hashes import Hashes, Stated
from ledger.store.audit.inventory import Inventory, RunFolder, is_blob_name
from ledger.store.entries import Read
from ledger.store.files import Thing

_DAY_US = 86_400 * 1_000_000
_SETTLED_NS = 60 * 1_000_000_000  # a younger file may be of a writer that is about to name it
_ID = slice(-21, -5)  # where the id stands in an entry's file name


class Runs:
    """Checks the runs of a ledger one by one. `named` gathers what entries say of blobs, by sha256."""

    def __init__(self, there: Inventory, hashes: Hashes, redact: exposure.Redaction | None, opened: set[str]) -> None:
        self.there, self.hashes, self.redact, self.opened = there, hashes, redact, opened
        self.future = ids.rfc3339(there.now // 1000 + _DAY_US)
        self.named: dict[str, list[Stated]] = {}
        self.read: list[Read] = []  # the entries of the run that was checked last
        self.decoded: set[tuple[str, str, str, int]] = set()  # columns of predictions that were decoded, if asked for

    def check(self, folder: RunFolder) -> None:
        """Check the entries of a run, and hash its segments."""
        run, note = folder.run, self.there.note
        self.read = [read for name, thing in folder.entries.items() if (read := self.entry(folder, name, thing))]
        self._history(folder)
        self._charts(folder)
        stated: dict[str, list[Stated]] = {}
        for read in self.read:
            if isinstance(read.entry, form.Rows):
                self._references(folder, f"{folder.path}/{read.name}", read.entry, stated)
        for name, thing in folder.segments.items():
            path = f"{folder.path}/{name}"
            if name not in stated and is_settled(thing, self.there):
                note("unreferenced", path, "no entry names this segment: its rows do not count", run)
            self.hashes.check(path, thing.size, name[:16], stated.get(name, ()), run)

    def entry(self, folder: RunFolder, name: str, thing: Thing) -> Read | None:
        """Check one entry by itself; return it if readers take it."""
        path, run, note = f"{folder.path}/{name}", folder.run, self.there.note
        id = name[_ID]
        self.hashes.advance(thing.size)
        if thing.size > form.JSON_MAX:
            note("invalid-entry", path, f"it has {thing.size} bytes: no entry is that long", run)
            return None
        try:
            data = self.there.tree.read(path)
            if hashlib.sha256(data).hexdigest()[:16] != id:
                self.hashes.altered(path, len(data), id, run)
                return None
            entry = form.decode(data, path)
            content = self._content(data, path, run)
        except NewerFormat as error:
            note("newer-format", path, error.message, run)
            return None
        except DamagedFile as error:
            note("invalid-entry", path, error.message, run)
            return None
        except OSError as error:
            self.there.unreadable(path, error, run)
            return None
        if self.redact is not None:
            for where in exposure.in_entry(content, self.redact):
                note("secret", path, f"{where} looks like a credential", run)
        if entry is None:
            note("unknown-kind", path, f"of the kind {content.get('kind')!s:.40}, which this version passes over", run)
        self._against_name(content, entry is not None, path, name, run)
        if content.get("run", "") != run:
            whose = f"of run {content['run']!s:.80}" if content.get("run") else "of the log, which is of no run"
            note("misplaced", path, f"it is an entry {whose}", run)
            return None
        return None if entry is None else Read(id, entry, name)

    def _against_name(self, content: dict[str, Any], known: bool, path: str, name: str, run: str) -> None:
        """Hold what an entry says of its time and kind against its name; a `known` one has been decoded."""
        time, kind = str(content.get("time")), str(content.get("kind"))
        if not known:
            try:
                ids.parse_rfc3339(time)
            except ValueError:
                time = ""
        stamp = f"{time[:10].replace('-', '')}-{time[11:19].replace(':', '')}-{time[20:26]}"
        if f"{stamp}-{kind}-{name[_ID]}.json" != name:
            self.there.note(
                "misnamed", path, f"by its content it is a {kind:.40} entry of {content.get('time')!s:.40}", run
            )
        elif time > self.future:  # both have one form, so texts compare as times
            self.there.note("future-time", path, f"its time {time} is more than a day ahead of now", run)

    def _content(self, data: bytes, path: str, run: str) -> dict[str, Any]:
        """Return an entry as plain JSON; a key that is there twice is noted: programs differ in which they take."""
        try:
            content: dict[str, Any] = msgspec.json.decode(data)
            # Colons are counted, which is quick: as many in what was read as in what was written, and no key was lost.
            if b"\\u" in data or msgspec.json.encode(content).count(b":") != data.count(b":"):
                for key in _repeated_keys(data):
                    self.there.note("duplicate-key", path, f"the key {key!r:.80} is there twice in one object", run)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise DamagedFile(f"{path} cannot be read as JSON: {error}") from None
        return content

    def _history(self, folder: RunFolder) -> None:
        known = {name[_ID] for name in folder.entries}
        missing = sorted({id for read in self.read for id in read.entry.after} - known)
        if missing:
            followed = counted(len(missing), "entry", "entries")
            text = f"it lacks {followed} that others followed, such as {missing[0]!s:.40}"
            self.there.note("incomplete-history", folder.path, text, folder.run)
        if folder.entries and folder.run not in self.opened and not any("-open-" in name for name in folder.entries):
            self.there.note("incomplete-history", folder.path, "the run's open entry is not here", folder.run)
        for read in self.read:
            if isinstance(read.entry, form.Retract) and read.entry.target not in (folder.run, *known):
                text = f"it takes {read.entry.target!s:.80} out of view, which is not here"
                self.there.note("unknown-target", f"{folder.path}/{read.name}", text, folder.run)

    def _charts(self, folder: RunFolder) -> None:
        """Look for charts and predictions with the same writer and seq that are not the same."""
        seen: dict[tuple[str, int], form.ChartRef | form.PredictionsRef] = {}
        for read in self.read:
            for found in _attached(read.entry.charts, read.entry) if isinstance(read.entry, form.Rows) else ():
                if seen.setdefault((found.writer, found.seq), found) != found:
                    what = "the chart" if isinstance(found, form.ChartRef) else "the set of predictions"
                    text = f"{what} {found.seq} of writer {found.writer!r:.40} is there with two contents"
                    self.there.note("row-conflict", folder.path, text, folder.run)

    def _references(self, folder: RunFolder, path: str, entry: form.Rows, stated: dict[str, list[Stated]]) -> None:
        """Look for what a `rows` entry names; add what it says of segments to `stated`, of blobs to `named`."""
        run = folder.run
        for segment in entry.segments:
            try:
                name = layout.segment_name(segment.sha256)
            except DamagedFile as error:
                self.there.note("invalid-reference", path, error.message, run)
                continue
            stated.setdefault(name, []).append(Stated(segment.sha256, segment.bytes, path))
            if name not in folder.segments and not self._late(folder.path, name):
                text = f"it has {counted(segment.rows, 'row', 'rows')} of {path}"
                self.there.note("absent", f"{folder.path}/{name}", text, run)
        more = entry.more_charts
        listed = self.blob(path, more.blob, "json", None, run) if more is not None else None
        charts = entry.charts
        if more is not None and listed is not None:
            charts = charts + self._more_charts(path, listed, more, run)
        for found in _attached(charts, entry):
            if not any(r.writer == found.writer and r.first <= found.seq <= r.last for r in entry.writers):
                what = "the chart" if isinstance(found, form.ChartRef) else "the set of predictions"
                text = f"{what} {found.seq} of writer {found.writer!r:.40} lies outside the ranges it states"
                self.there.note("range-mismatch", path, text, run)
        for chart in charts:
            self.blob(path, chart.blob, chart.extension, chart.bytes, run)
        for predictions in entry.predictions:
            for column in predictions.columns.values():
                self.blob(path, column.blob, "parquet", None, run)

    def blob(self, entry: str, sha256: str, extension: str, size: int | None, run: str) -> str | None:
        """Look for a blob that an entry names; return its path if it is here."""
        if not is_blob_name(sha256, extension):
            text = f"it names a blob {sha256!r:.80} ({extension!r:.24}), which can be none"
            self.there.note("invalid-reference", entry, text, run)
            return None
        self.named.setdefault(sha256, []).append(Stated(sha256, size, entry))
        path = layout.blob_path(sha256, extension)
        folder, _, name = path.rpartition("/")
        if path in self.there.blobs or self._late(folder, name):
            return path
        self.there.note("absent", path, f"{entry} names it", run)
        return None

    def _late(self, folder: str, name: str) -> bool:
        """Say whether a file has come since the inventory: a writer may have been quicker."""
        try:
            items = self.there.tree.scan(folder)
        except DamagedFile:  # a link stands in the place of the folder, which was said
            return False
        return any(item.name == name and not item.is_folder for item in items)

    def _more_charts(self, entry: str, blob: str, more: form.MoreCharts, run: str) -> list[form.ChartRef]:
        try:
            thing = self.there.blobs.get(blob)
            if thing is not None and thing.size > form.JSON_MAX:
                raise DamagedFile("too long")
            data = self.there.tree.read(blob)
            if hashlib.sha256(data).hexdigest() != more.blob:
                return []  # which is said of the blob
            charts = form.decode_charts(data)
        except (OSError, DamagedFile, msgspec.MsgspecError, ValueError, RecursionError):
            self.there.note("reference-mismatch", entry, f"{blob} is not the list of charts it should be", run)
            return []
        if len(charts) != more.count:
            text = f"it says {more.count} charts of {blob}, which has {len(charts)}"
            self.there.note("reference-mismatch", entry, text, run)
        return charts


def _attached(charts: list[form.ChartRef], entry: form.Rows) -> list[form.ChartRef | form.PredictionsRef]:
    """Return what has a seq and is no row: charts, and the predictions of an entry."""
    return [*charts, *entry.predictions]


def is_settled(thing: Thing, there: Inventory) -> bool:
    """Say whether a file is old enough for its writer to have named it."""
    return thing.mtime + _SETTLED_NS < there.now


def _repeated_keys(data: bytes) -> list[str]:
    """Return the keys that stand twice in one object of a JSON text."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found

    json.loads(data, object_pairs_hook=look, parse_int=str, parse_float=str)
    return repeated
