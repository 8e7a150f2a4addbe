"""Folding: the files of one run (entries, segments, journals) become rows and a `RunState`. A pure function of the set.

Journals are looked at before the folder, so that rows being sealed meanwhile are seen twice, and counted once, rather
than not at all; a file that has gone since it was listed makes the whole look start over.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.errors import RESTORE, Damage, DamagedFile, LedgerError, NoSuchRun, counted, warn
from ledger.format import computed, layout
from ledger.format import entries as form
from ledger.format.names import metric_key
from ledger.store import attached, blobs, entries, journal, segments, state
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.rows import Rows

_TRIES = 5


class Gathered(NamedTuple):
    """What the files of one run hold, retracted entries left out of rows and charts but kept in `found`."""

    run: str
    folder: str
    found: list[entries.Read]
    retracted: set[str]
    parts: "list[Rows]"
    charts: list[form.ChartRef]
    predictions: list[form.PredictionsRef]
    reasons: dict[tuple[str, int], str]
    notices: list[str]
    opened: form.Open | None
    newest: int


def gather(tree: Tree, run: str, *, with_rows: bool = True) -> Gathered:
    """Read everything of one run; raises NoSuchRun, and Damage where a file cannot be trusted."""
    for attempt in range(_TRIES):
        try:
            return _gather(tree, run, with_rows)
        except (FileNotFoundError, DamagedFile):
            # A sealer may have moved a journal, or a copy may still be under way: look again before saying so.
            if attempt == _TRIES - 1:
                raise
        except LedgerError:
            raise
        except Exception as error:
            raise unreadable(run, error) from error
    raise AssertionError


def unreadable(run: str, error: Exception) -> DamagedFile:
    """Return what to raise where the files of a run made its reader fail in a way that nobody foresaw."""
    text = (str(error).splitlines() or ["nothing more is known"])[0][:200]
    return DamagedFile(f"run {run} cannot be read: {type(error).__name__}: {text}", hint=RESTORE)


def _gather(tree: Tree, run: str, with_rows: bool) -> Gathered:
    loaded = [item for path in journal.paths(tree, run) if (item := journal.load(tree, path)) is not None]
    folder = tree.folder_of(run)
    found, notices = entries.read_all(tree, folder, run)
    if not found and not loaded:
        raise NoSuchRun(f"there is no run {run}")
    if missing := {id for read in found for id in read.entry.after} - {read.id for read in found}:
        followed = counted(len(missing), "entry", "entries")
        notices.append(f"history is incomplete: it lacks {followed} that others followed")
    retracted = entries.retracted(found)
    parts, charts = [], []
    predictions: list[form.PredictionsRef] = []
    reasons: dict[tuple[str, int], str] = {}
    brought: set[str] = set()  # by an entry before: few bytes of entries that name a file often must not cost much
    newest = max((read.entry.time_us for read in found), default=0)
    for read in found:
        entry = read.entry
        if not isinstance(entry, form.Rows) or read.id in retracted:
            continue
        charts += entry.charts
        if entry.more_charts is not None and entry.more_charts.blob not in brought:
            brought.add(entry.more_charts.blob)
            charts += form.decode_charts(blobs.get(tree, entry.more_charts.blob, "json"))
        predictions += entry.predictions
        reasons.update({(u.writer, u.seq): u.reason for u in entry.undefined})
        if with_rows:
            for segment in entry.segments:
                if segment.sha256 in brought:
                    continue
                brought.add(segment.sha256)
                if segments.is_here(tree, folder, segment):
                    parts.append(segments.read(tree, folder, segment, run))
                else:
                    rows = counted(segment.rows, "row", "rows")
                    notices.append(f"the ledger is copied in part: it lacks {rows} of {read.name}")
    for item in loaded:
        content, header = item.content, item.header
        parts.append(content.rows)
        reasons.update({(header.writer, seq): reason for seq, reason in content.reasons.items()})
        charts += [chart_ref(chart, header) for chart in content.charts]
        predictions += [predictions_ref(item, header) for item in content.predictions]
        newest = max(newest, content.last_time)
        notices += [f"{item.path}: {end - start} bytes at {start} are damaged" for start, end in content.gaps]
    return Gathered(
        run, folder, found, retracted, parts, charts, predictions, reasons, notices, _opened(found, loaded), newest
    )


def chart_ref(chart: Any, header: Any) -> form.ChartRef:
    """Return a chart of a journal as an entry would hold it."""
    try:
        return form.ChartRef(
            **chart.fields, time=chart.time, writer=header.writer, seq=chart.seq, attempt=header.attempt
        )
    except TypeError as error:
        raise DamagedFile(f"a journal of run {header.run} holds a chart that cannot be read: {error}") from None


def predictions_ref(found: Any, header: Any) -> form.PredictionsRef:
    """Return predictions of a journal, whose frame was found sound, as an entry would hold them."""
    ours = {"time": found.time, "writer": header.writer, "seq": found.seq, "attempt": header.attempt}
    return msgspec.convert({**found.fields, **ours}, form.PredictionsRef)


def _opened(found: list[entries.Read], loaded: list[journal.Loaded]) -> form.Open | None:
    for read in found:
        if isinstance(read.entry, form.Open):
            return read.entry
    for item in loaded:
        if item.header.open_data and item.header.open_name:
            entry = form.decode(item.header.open_data, item.header.open_name)
            if isinstance(entry, form.Open):
                return entry
    return None


def opened_name(tree: Tree, run: str) -> str:
    """Return what a run was called when it was opened, though it cannot be read; a part of its id if need be."""
    folder = tree.folder_of(run)
    for name in tree.names(folder):
        try:
            entry = form.decode(tree.read(f"{folder}/{name}"), name) if "-open-" in name else None
        except (Damage, OSError):
            continue
        if isinstance(entry, form.Open):
            return entry.name
    return run[16:-13]


def attempts(found: list[entries.Read], retracted: set[str]) -> list[Any]:
    """Return the resumed attempts of a run in order."""
    from ledger.store.shown import Attempt

    resumes = [
        Attempt(read.entry.attempt, read.entry.time_us, read.entry.step)
        for read in found
        if isinstance(read.entry, form.Resume) and read.id not in retracted
    ]
    return sorted(resumes, key=lambda a: (a.number, a.time))  # two copies may resume at one time, one without a step


def rows(tree: Tree, run: str, which: str = "shown") -> "tuple[Rows, dict[tuple[str, int], str]]":
    """Return the rows of a run, `stored`, `valid` or `shown`, and the reasons of undefined ones by (writer, seq)."""
    gathered = gather(tree, run)
    for notice in gathered.notices:
        warn(f"run {run}: {notice}")
    return choose(gathered, which), gathered.reasons


def choose(gathered: Gathered, which: str) -> "Rows":
    """Return the stored, valid or shown rows of what was gathered."""
    from ledger.store import shown

    result = shown.stored(gathered.parts)
    if which != "stored":
        result = shown.valid(result, attempts(gathered.found, gathered.retracted))
    return shown.shown(result) if which == "shown" else result.sorted()


def greatest_steps(tree: Tree, run: str) -> dict[str, int]:
    """Return the greatest step of each metric key among the shown rows; rows without a step count for nothing."""
    from ledger.format.rows import NO_STEP

    shown, _ = rows(tree, run)
    stepped = shown.take(shown.step != NO_STEP)  # sorted by key and step: the last one of a key is its greatest
    return {metric_key(*stepped.keys[key]): step for key, step in zip(stepped.key, stepped.step.tolist(), strict=True)}


def fold(tree: Tree, run: str) -> state.RunState:
    """Return the state of a run. Its status is what the entries say; an unclosed run is `open` (see `status_of`)."""
    gathered = gather(tree, run)
    found, retracted = gathered.found, gathered.retracted
    opened = gathered.opened
    notices = list(gathered.notices)
    if opened is None:
        notices.insert(0, "its open entry is not here: the ledger is copied in part")
    annotations, conflicts = _annotations(found, retracted)
    close = _close(found, retracted)
    params = copied(opened.params) if opened else {}
    tags = list(opened.tags) if opened else []
    for key, value in annotations.items():
        if key.startswith("tag:"):
            _set_tag(tags, key[4:], value)
        elif key.startswith("params."):
            _set_param(params, key[7:], value)
    metrics: dict[str, state.Summary] = {}
    if any(len(part) for part in gathered.parts):
        from ledger.store import shown

        metrics = shown.summaries(choose(gathered, "shown"), gathered.reasons)
    resumes = attempts(found, retracted)
    return state.RunState(
        id=run,
        name=annotations.get("name", opened.name if opened else run[16:-13]),
        status=close.status if close else "open",
        created=opened.time_us if opened else _first_time(found, run),
        finished=close.time_us if close else None,
        author=opened.author if opened else "",
        group=annotations.get("group", opened.group if opened else None),
        parent=annotations.get("parent", opened.parent if opened else None),
        seed=annotations.get("seed", opened.seed if opened else None),
        note=annotations.get("note", opened.note if opened else None),
        tags=sorted(set(tags)),
        params=params,
        git=opened.git if opened else None,
        program=opened.program if opened else {},
        metrics=metrics,
        charts=attached.charts(gathered.charts, resumes),
        predictions=attached.predictions(gathered.predictions, resumes),
        entries=[_note(read, retracted) for read in found],
        attempts=max((a.number for a in resumes), default=1),
        exit_status=close.exit_status if close else None,
        error=close.error if close else None,
        retracted=run in retracted,
        conflicts=conflicts,
        notices=notices,
        computed=_computed(found, retracted),
    )


def _computed(found: list[entries.Read], retracted: set[str]) -> list[computed.Computed]:
    """Return what entries say they computed, by time: the newest in view of each place, and of each key in none."""
    newest: dict[tuple[computed.Place, str | None], computed.Computed] = {}
    for read in found:
        if isinstance(read.entry, form.Rows) and read.entry.source:
            writer = read.entry.writers[0].writer if read.entry.writers else ""
            for each in computed.read(read.entry.source, writer, retracted=read.id in retracted):
                at = each.place, each.key if each.retracted else None
                newest.pop(at, None)
                newest[at] = each
    return list(newest.values())


def status_of(tree: Tree, folded: state.RunState) -> str:
    """Return the status of a run here and now: an unclosed one is running, interrupted or open by its journals."""
    if folded.status != "open":
        return folded.status
    found = journal.presence(tree, folded.id)
    if found.held:
        return "running"
    return "interrupted" if found.left else "open"


def _close(found: list[entries.Read], retracted: set[str]) -> form.Close | None:
    """Return the close that counts: the newest after the last resume, the owner's before a sealer's."""
    live = [read for read in found if read.id not in retracted]
    resumed = max((read.entry.time_us for read in live if isinstance(read.entry, form.Resume)), default=0)
    closes = [read.entry for read in live if isinstance(read.entry, form.Close) and read.entry.time_us > resumed]
    return max(closes, key=lambda c: (not c.sealer, c.time_us, c.status), default=None)


def is_closed(tree: Tree, run: str, *, by_owner: bool = False) -> bool:
    """Say whether a run is closed (by its owner, not by a sealer), from the names of its entries where they suffice."""
    folder = layout.run_folder(run)
    parts = [p for name in tree.names(folder) if (p := layout.parse_entry_name(name)) is not None]
    if not any(p.kind == "close" for p in parts):
        return False
    found = entries.read_all(tree, folder, run).read
    close = _close(found, entries.retracted(found))
    return close is not None and not (by_owner and close.sealer)


def _annotations(found: list[entries.Read], retracted: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the latest value of each annotation key, and the keys that were set differently at once."""
    latest: dict[str, tuple[entries.Read, Any]] = {}
    rivals: dict[str, list[tuple[str, Any]]] = {}
    for read in found:
        if not isinstance(read.entry, form.Annotate) or read.id in retracted:
            continue
        for operation in read.entry.operations:
            tag = operation.op in ("add", "remove")
            key = f"tag:{operation.key}" if tag else operation.key
            value = operation.op == "add" if tag else operation.value
            latest.pop(key, None)  # so that `params.a` and `params.a.b` are set in the order they were said
            latest[key] = (read, value)
            rivals.setdefault(key, []).append((read.id, value))
    conflicts = []
    earlier: dict[str, set[str]] = {}  # the entries that one had seen
    for key, values in rivals.items():
        if len(values) > 1:
            if values[-1][0] not in earlier:
                earlier[values[-1][0]] = _ancestors(found, values[-1][0]) | {values[-1][0]}
            seen = earlier[values[-1][0]]
            others = {repr(v) for id, v in values[:-1] if id not in seen and v != values[-1][1]}
            if others:
                conflicts.append(
                    f"{key} was set at once to {', '.join(sorted(others))} and to {values[-1][1]!r}, which counts"
                )
    return {key: value for key, (_, value) in latest.items()}, conflicts


def _ancestors(found: list[entries.Read], id: str) -> set[str]:
    after = {read.id: read.entry.after for read in found}
    seen: set[str] = set()
    queue = [id]
    while queue:
        for before in after.get(queue.pop(), ()):
            if before not in seen:
                seen.add(before)
                queue.append(before)
    return seen


def _set_tag(tags: list[str], tag: str, there: bool) -> None:
    if there and tag not in tags:
        tags.append(tag)
    elif not there and tag in tags:
        tags.remove(tag)


def _set_param(params: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted param in place; a step of the path that holds no mapping is replaced by one."""
    while path not in params:
        first, _, rest = path.partition(".")
        if not rest:
            break
        inner = params.get(first)
        if not isinstance(inner, dict):
            inner = params[first] = {}
        params, path = inner, rest
    params[path] = copied(value)


def copied(value: Any) -> Any:
    """Return a JSON value that may be changed in place."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def _note(read: entries.Read, retracted: set[str]) -> state.EntryNote:
    entry = read.entry
    return state.EntryNote(
        read.id,
        entry.kind,
        entry.time_us,
        entry.author,
        read.id in retracted,
        getattr(entry, "late", False),
        getattr(entry, "reason", None),
    )


def _first_time(found: list[entries.Read], run: str) -> int:
    if found:
        return found[0].entry.time_us
    from ledger.format.ids import parse_rfc3339

    day = f"{run[:4]}-{run[4:6]}-{run[6:8]}T{run[9:11]}:{run[11:13]}:{run[13:15]}.000000Z"
    return parse_rfc3339(day)
