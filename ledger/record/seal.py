"""Sealing: journals become committed files (segments, one `rows` entry, perhaps a `close`), by whoever finds them free.

The order is fixed: the `open` entry if it is missing, segments, the entry that names them, the close, and only then is
the journal put aside. A sealer that dies on the way leaves work that the next one completes: what the entries already
hold, the same row by writer, seq and content, is skipped.
"""

import contextlib
import time as clock
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from ledger.errors import DamagedFile, InvalidValue, LedgerError, NoSuchRun
from ledger.format import entries as form
from ledger.format import frame, layout
from ledger.store import blobs, entries, files, fold, journal, segments
from ledger.store.tree import Tree
from ledger.store.writer import now_us

if TYPE_CHECKING:
    from ledger.format.rows import Rows

_Ref = TypeVar("_Ref", form.ChartRef, form.PredictionsRef)
SEALED = "journal/sealed"
STATUSES = ("finished", "failed", "interrupted")
_PATIENCE_S = 5.0  # how long `finish` waits for a call of the shell that is in a journal
_KEEP_NS = 86_400 * 1_000_000_000
_SWEEP_S = 1.0  # for which a sealer looks into journals that may go; the next one goes on
_swept: set[str] = set()


class Taken(NamedTuple):
    """A journal that we hold: its open file, and what was read of it."""

    fd: int
    path: str
    loaded: journal.Loaded | None


class Sealed(NamedTuple):
    """What a sealer did: rows and charts written, the entries, the journals taken up, the bytes found damaged.

    `predictions` counts the sets of predictions.
    """

    rows: int
    charts: int
    entries: list[str]
    journals: int
    gaps: list[str]
    predictions: int = 0


class Closing(NamedTuple):
    """How a run is to be closed after sealing."""

    status: str
    sealer: bool = False
    exit_status: int | None = None
    error: str | None = None


def take(tree: Tree, path: str, fd: int | None = None, *, patience_s: float = 0.05) -> Taken | None:
    """Take up a journal whose writer is gone (or the one that `fd` holds already); None if somebody holds it.

    A reader may be asking whether it is held, and a call of the shell may be in it: wait `patience_s` for them.
    """
    full = tree.path(path)
    if fd is None:
        try:
            fd = files.open_append(full, create=False)
        except FileNotFoundError:
            return None
        until = clock.monotonic() + patience_s
        while not files.lock(fd, wait=False):
            if clock.monotonic() > until:
                files.close(fd)
                return None
            clock.sleep(0.005)
    if not files.is_same(fd, full):
        files.close(fd)
        return None
    try:
        return Taken(fd, path, journal.load(tree, path))
    except BaseException:
        files.close(fd)
        raise


def seal(
    tree: Tree, run: str, taken: list[Taken], author: str, closing: Closing | None = None, *, late: bool = False
) -> Sealed:
    """Seal journals that are held, close the run if asked to, put the journals aside and let them go."""
    try:
        with files.faults(f"seal run {run}"):
            sealed = _seal(tree, run, taken, author, closing, late)
            for item in taken:
                _put_aside(tree, run, item.path)
            files.remove_folder_if_empty(tree.path(layout.journal_folder(run)))
            _sweep(tree)
            return sealed
    finally:
        for item in taken:
            files.close(item.fd)


def _aside(run: str, path: str) -> str:
    return f"{SEALED}/{run}-{path.rpartition('/')[2]}"


def _put_aside(tree: Tree, run: str, path: str) -> None:
    """Move a journal that was sealed out of the way, never over one of which entries lack anything."""
    target = _aside(run, path)
    if not tree.exists(target) or _is_in_entries(tree, target):
        files.move(tree.path(path), tree.path(target))
    elif _is_in_entries(tree, path):
        files.remove(tree.path(path))


def is_aside(tree: Tree, run: str, path: str, fd: int) -> bool:
    """Say whether an open journal was sealed already, and put aside."""
    return files.is_same(fd, tree.path(_aside(run, path)))


def _seal(tree: Tree, run: str, taken: list[Taken], author: str, closing: Closing | None, late: bool) -> Sealed:
    loaded = [item.loaded for item in taken if item.loaded is not None]
    folder = layout.run_folder(run)
    names = tree.names(folder)
    if not any("-open-" in name for name in names):
        for item in loaded:
            if item.header.open_data is not None and item.header.open_name is not None:
                entries.write_encoded(tree, run, item.header.open_name, item.header.open_data)
    found = entries.read_all(tree, folder, run).read
    written: list[str] = []
    batch: list[tuple[str, bytes]] = []
    gaps = [f"{item.path}: bytes {start} to {end}" for item in loaded for start, end in item.content.gaps]
    newest = max([read.entry.time_us for read in found] + [item.content.last_time for item in loaded], default=0)
    after = entries.heads(found)
    rows = _lacking(tree, folder, loaded, found)
    if rows.ranges:
        newest = max(newest + 1, now_us())
        entry = add_rows(batch, tree, form.header("rows", run, newest, author, after), rows, late=late)
        written.append(add_entry(batch, entry))
        after = [written[-1]]
    # Where nothing is known of a run, its process was killed before it had said anything: no run comes of it.
    if closing is not None and (found or loaded):
        time = max(newest + 1, now_us())
        entry_header = form.header("close", run, time, author, after)
        written.append(add_entry(batch, form.Close(**entry_header, **closing._asdict())))
    files.write_all(tree.path(folder), batch)
    count = 0 if rows.rows is None else len(rows.rows)
    return Sealed(count, len(rows.charts), written, len(taken), gaps, len(rows.predictions))


class Arrived(NamedTuple):
    """What a `rows` entry is to bring: rows (sorted), charts, ranges of seq a writer, reasons of undefined rows.

    And predictions.
    """

    rows: "Rows | None"
    charts: list[form.ChartRef]
    ranges: list[form.Range]
    undefined: list[form.UndefinedValue]
    predictions: Sequence[form.PredictionsRef] = ()


def _lacking(tree: Tree, folder: str, loaded: list[journal.Loaded], found: list[entries.Read]) -> Arrived:
    """Return the rows, charts, predictions and reasons of journals that no entry holds yet."""
    covering: dict[str, list[tuple[form.Range, form.Rows]]] = {}
    for read in found:
        if isinstance(read.entry, form.Rows):
            for known in read.entry.writers:
                covering.setdefault(known.writer, []).append((known, read.entry))
    parts, charts, ranges, undefined = [], [], [], []
    predictions: list[form.PredictionsRef] = []
    for item in loaded:
        rows, header = item.content.rows, item.header
        own = [fold.chart_ref(chart, header) for chart in item.content.charts]
        predicted = [fold.predictions_ref(each, header) for each in item.content.predictions]
        if known_ranges := covering.get(header.writer):
            rows = _without_rows(tree, folder, known_ranges, rows, item.content.reasons)
            near = _near(known_ranges, [chart.seq for chart in own] + [each.seq for each in predicted])
            own = _without(own, _charts(tree, near))
            predicted = _without(predicted, [each for entry in near for each in entry.predictions])
        seqs = [chart.seq for chart in own] + [each.seq for each in predicted]
        if len(rows):
            parts.append(rows)
            seqs += [int(rows.seq.min()), int(rows.seq.max())]
            if rows.undefined.any():
                reasons, bare = item.content.reasons, sorted(set(rows.seq[rows.undefined].tolist()))
                undefined += [form.UndefinedValue(item.header.writer, seq, reasons[seq]) for seq in bare]
        if seqs:
            ranges.append(form.Range(item.header.writer, min(seqs), max(seqs)))
        charts += own
        predictions += predicted
    if not parts:
        return Arrived(None, charts, ranges, undefined, predictions)
    from ledger.format.rows import concat

    return Arrived(concat(parts).sorted(), charts, ranges, undefined, predictions)


# That a seq is covered does not say that its row is held: two copies of a machine go on with the same writer and seqs.


def _without_rows(
    tree: Tree, folder: str, covering: list[tuple[form.Range, form.Rows]], rows: "Rows", reasons: dict[int, str]
) -> "Rows":
    """Return the rows of a writer less those that entries hold, of which each states a range of its seqs.

    A segment that is not here, or damaged, holds nothing: a row that is sealed again counts once.
    """
    seqs = rows.seq.copy()
    seqs.sort()
    wanted: dict[str, form.Segment] = {}  # once, however often entries name it
    stated: set[tuple[int, str]] = set()
    for known, entry in covering:
        first, last = (min(max(seq, -1), frame.SEQ_MAX) for seq in (known.first, known.last))
        if seqs.searchsorted(first) < seqs.searchsorted(last, "right"):
            wanted.update({segment.sha256: segment for segment in entry.segments})
            stated.update((u.seq, u.reason) for u in entry.undefined if u.writer == known.writer)
    for segment in wanted.values() if len(rows) else ():
        from ledger.store import shown

        try:
            held = shown.held(rows, segments.read(tree, folder, segment, covering[0][1].run))
        except (DamagedFile, OSError):
            continue
        for at in (held & rows.undefined).nonzero()[0].tolist():
            held[at] = (int(rows.seq[at]), reasons[int(rows.seq[at])]) in stated
        rows = rows.take(~held)
    return rows


def _near(covering: list[tuple[form.Range, form.Rows]], seqs: list[int]) -> list[form.Rows]:
    """Return the entries, each once, that state a range in which a seq may lie."""
    if not seqs:
        return []
    low, high = min(seqs), max(seqs)
    return list({id(entry): entry for known, entry in covering if known.first <= high and low <= known.last}.values())


def _charts(tree: Tree, brought: list[form.Rows]) -> list[form.ChartRef]:
    """Return the charts that entries hold; of a list that is not here, or damaged, none."""
    found: list[form.ChartRef] = []
    lists = {entry.more_charts.blob for entry in brought if entry.more_charts is not None}
    for blob in sorted(lists):
        with contextlib.suppress(DamagedFile, OSError):
            found += form.decode_charts(blobs.get(tree, blob, "json"))
    return found + [chart for entry in brought for chart in entry.charts]


def _without(refs: list[_Ref], held: list[Any]) -> list[_Ref]:
    """Return charts or predictions less those that are held, equal in every field."""
    known = {msgspec.json.encode(each) for each in held}
    return [ref for ref in refs if msgspec.json.encode(ref) not in known]


def add_rows(
    batch: list[tuple[str, bytes]],
    tree: Tree,
    header: dict[str, Any],
    arrived: Arrived,
    *,
    late: bool = False,
    reason: str | None = None,
    source: dict[str, Any] | None = None,
) -> form.Rows:
    """Add the segments of what arrived to the files to be written, and return the entry that names them."""
    more = None
    rows, charts = arrived.rows, arrived.charts
    charts = sorted(charts, key=lambda c: (c.name, c.context or "", 2**63 if c.step is None else c.step, c.time, c.seq))
    if len(charts) > form.CHARTS_MAX:
        rest = charts[form.CHARTS_MAX :]
        more = form.MoreCharts(blobs.put(tree, form.encode_charts(rest), "json"), len(rest))
    encoded = segments.encode(header["run"], rows) if rows is not None else []
    batch += [(layout.segment_name(segment.sha256), data) for segment, data in encoded]
    return form.Rows(
        **header,
        late=late,
        reason=reason,
        source=source,
        writers=sorted(arrived.ranges, key=lambda r: (r.writer, r.first)),
        segments=[segment for segment, _ in encoded],
        charts=charts[: form.CHARTS_MAX],
        more_charts=more,
        predictions=sorted(arrived.predictions, key=lambda p: (p.time, p.writer, p.seq)),
        undefined=arrived.undefined,
        summary=_summary(rows, arrived.undefined) if rows is not None else {},
    )


def add_entry(batch: list[tuple[str, bytes]], entry: form.Entry) -> str:
    """Add an entry to the files to be written, behind what it names; return its id."""
    encoded = form.encode(entry)
    batch.append((encoded.name, encoded.data))
    return encoded.id


def _summary(rows: "Rows", undefined: list[form.UndefinedValue]) -> dict[str, Any]:
    """Return what a human reads in the diff: each metric's count, last, min and max; no reader depends on it."""
    from ledger.store import shown

    reasons = {(u.writer, u.seq): u.reason for u in undefined}
    found = shown.summaries(shown.shown(rows), reasons, mean=False)
    result: dict[str, Any] = {}
    for key in sorted(found)[: form.METRICS_MAX]:
        s = found[key]
        line: dict[str, Any] = {"count": s.count, "last": s.last, "last_step": s.last_step}
        if s.count > 1:
            line |= {"min": s.min, "max": s.max}
        if s.undefined is not None:
            line["undefined"] = s.undefined
        result[key] = {name: value for name, value in line.items() if value is not None}
    if len(found) > form.METRICS_MAX:
        result["..."] = f"{len(found) - form.METRICS_MAX} more metrics"
    return result


def finish(tree: Tree, run: str, author: str, closing: Closing | None, *, force: bool = False) -> Sealed:
    """Seal every journal of a run that is free, and close the run if it is not closed yet.

    A journal of another host is taken up only with `force`, or once it has been idle for a day. With no `closing`,
    a run that has none is closed as `interrupted`. Raises NoSuchRun.
    """
    if not tree.names(layout.run_folder(run)) and not journal.paths(tree, run):
        raise NoSuchRun(f"there is no run {run}")
    found = journal.presence(tree, run)
    wanted = [*found.left, *found.shared]
    wanted += [path for path in found.foreign if force or idle(tree, path)]
    taken = []
    for path in wanted:
        item = take(tree, path, patience_s=_PATIENCE_S)
        if item is not None:
            taken.append(item)
        elif tree.exists(path):  # else somebody sealed it meanwhile
            for other in taken:
                files.close(other.fd)
            raise InvalidValue(f"a process holds {path}, so the run {run} cannot be closed", hint="try again later")
    if fold.is_closed(tree, run):
        return seal(tree, run, taken, author, None)
    return seal(tree, run, taken, author, closing or Closing("interrupted", sealer=True))


def idle(tree: Tree, path: str) -> bool:
    """Say whether nothing was written to a journal for a day."""
    modified = files.modified(tree.path(path))
    return modified is not None and modified + _KEEP_NS < clock.time_ns()


def _sweep(tree: Tree) -> None:
    """Remove journals that were put aside more than a day ago, and are in entries wholly; once a process."""
    if tree.root in _swept:
        return
    _swept.add(tree.root)
    limit, until = clock.time_ns() - _KEEP_NS, clock.monotonic() + _SWEEP_S
    for item in files.scan(tree.path(SEALED)):
        if item.mtime < limit and item.name.endswith(".journal") and clock.monotonic() < until:
            path = f"{SEALED}/{item.name}"
            if _is_in_entries(tree, path):
                files.remove(tree.path(path))
            else:
                files.touch(tree.path(path))  # looked at again in a day


def _is_in_entries(tree: Tree, path: str) -> bool:
    """Say whether entries that are here hold all of a journal that was put aside: no damage, no row that they lack."""
    from ledger.format.rows import decode_journal

    try:
        data = tree.read(path)
        if (found := journal.read_header(data, path)) is None:
            return not data.strip(b"\0")
        salt, header, start = found
        content = decode_journal(data, salt, header.writer, header.attempt, start)
        folder = tree.folder_of(header.run)
        known = entries.read_all(tree, folder, header.run).read
        lacking = _lacking(tree, folder, [journal.Loaded(path, header, content)], known)
    except (LedgerError, OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return False
    torn = data[max(content.end, start) :].strip(b"\0")
    return bool(known) and not (torn or content.gaps or lacking.ranges)
