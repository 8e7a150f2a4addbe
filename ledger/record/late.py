"""Adding to a run that is there already: to an open one through a shared journal, to a closed one by a late entry.

This is what `ledger log` and `led.run(R).log(...)` do; without a step a late row speaks of the run as a whole.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.errors import NoSuchRun, RunRetracted
from ledger.format import entries as form
from ledger.format import layout
from ledger.format.values import Undefined
from ledger.record import seal
from ledger.record.pictures import Picture
from ledger.store import blobs, entries, files, fold, journal
from ledger.store.tree import Tree

_LATE = 0  # the attempt of late rows: outside every attempt


class RowsCall(NamedTuple):
    """The rows of one call: names to float64 or Undefined, checked already."""

    values: dict[str, float | Undefined]
    step: int | None
    context: str | None


class ChartCall(NamedTuple):
    """A chart of one call, checked already."""

    name: str
    picture: Picture
    step: int | None
    context: str | None
    caption: str | None


def add(
    tree: Tree,
    run: str,
    rows: list[RowsCall],
    charts: list[ChartCall],
    author: Callable[[], str],
    reason: str | None = None,
) -> bool:
    """Add rows and charts to a run by its id; say whether they came late (the run is closed).

    Raises NoSuchRun, and RunRetracted for a run that was removed from view.
    """
    folder = layout.run_folder(run)
    names = tree.names(folder)
    if not names and not journal.paths(tree, run):
        raise NoSuchRun(f"there is no run {run}")
    refuse_retracted(tree, run, names)
    references = [(chart, _store(tree, chart)) for chart in charts]
    if not fold.is_closed(tree, run):
        _append(tree, run, names, rows, references)
        # It may have been closed between our look and our write; then nobody else will seal this journal.
        if not fold.is_closed(tree, run):
            return False
        found = journal.presence(tree, run)
        taken = [item for path in found.shared if (item := seal.take(tree, path)) is not None]
        seal.seal(tree, run, taken, author(), late=True)
        return True
    _write_late(tree, run, rows, references, author(), reason)
    return True


def refuse_retracted(tree: Tree, run: str, names: list[str] | None = None) -> None:
    """Raise RunRetracted for a run that was removed from view."""
    folder = layout.run_folder(run)
    names = tree.names(folder) if names is None else names
    if not any("-retract-" in name for name in names):
        return
    if run in entries.retracted(entries.read_all(tree, folder, run).read):
        raise RunRetracted(f"the run {run} was removed from view", hint=f"bring it back first: ledger restore {run}")


def _store(tree: Tree, chart: ChartCall) -> dict[str, Any]:
    return chart_fields(tree, chart.name, chart.picture, chart.step, chart.context, chart.caption)


def chart_fields(
    tree: Tree, name: str, picture: Picture, step: int | None, context: str | None, caption: str | None
) -> dict[str, Any]:
    """Store a chart's bytes and return what a journal or an entry says of it."""
    fields = {
        "name": name,
        "blob": blobs.put(tree, picture.data, picture.extension),
        "extension": picture.extension,
        "media_type": picture.media_type,
        "bytes": len(picture.data),
        "step": step,
        "context": context,
        "caption": caption,
    }
    return {key: value for key, value in fields.items() if value is not None}


def newest_time(tree: Tree, run: str) -> int:
    """Return the newest time that a run's entries and journals know (us), from names and tails alone."""
    stamps = [parts.stamp for name in tree.names(layout.run_folder(run)) if (parts := layout.parse_entry_name(name))]
    newest = 0
    if stamps:
        from ledger.format.ids import parse_rfc3339

        s = max(stamps)
        newest = parse_rfc3339(f"{s[:4]}-{s[4:6]}-{s[6:8]}T{s[9:11]}:{s[11:13]}:{s[13:15]}.{s[16:]}Z")
    return max(newest, journal.last_time(tree, run))


def attempt_of(tree: Tree, run: str) -> int:
    """Return the number of a run's current attempt."""
    folder = layout.run_folder(run)
    if not any("-resume-" in name for name in tree.names(folder)):
        return 1
    found = entries.read_all(tree, folder, run).read
    numbers = [a.number for a in fold.attempts(found, entries.retracted(found))]
    return max(numbers, default=1)


def _append(
    tree: Tree, run: str, names: list[str], rows: list[RowsCall], charts: list[tuple[ChartCall, dict[str, Any]]]
) -> None:
    with journal.SharedWriter(tree, run, attempt_of(tree, run), since=newest_time(tree, run)) as writer:
        for call in rows:
            writer.rows(call.step, call.context, plain(call.values))
        for _, fields in charts:
            writer.chart(fields)


def plain(values: dict[str, float | Undefined]) -> dict[str, Any]:
    """Return values as a journal holds them: an undefined one is its reason."""
    return {name: value.reason if isinstance(value, Undefined) else value for name, value in values.items()}


def _write_late(
    tree: Tree,
    run: str,
    calls: list[RowsCall],
    charts: list[tuple[ChartCall, dict[str, Any]]],
    author: str,
    reason: str | None,
) -> None:
    from ledger.format.rows import NO_STEP, Rows

    found = entries.read_all(tree, layout.run_folder(run), run).read
    time = max(journal.now_us(), newest_time(tree, run) + 1)
    writer = os.urandom(6).hex()
    flat = [(name, call.context, call.step, value) for call in calls for name, value in call.values.items()]
    keys = list(dict.fromkeys((name, context) for name, context, _, _ in flat))
    rows = Rows(keys, [writer], len(flat))
    undefined = []
    for seq, (name, context, step, value) in enumerate(flat):
        rows.key[seq] = keys.index((name, context))
        rows.step[seq] = NO_STEP if step is None else step
        rows.time[seq], rows.seq[seq], rows.attempt[seq] = time, seq, _LATE
        if isinstance(value, Undefined):
            rows.undefined[seq], rows.value[seq] = True, float("nan")
            undefined.append(form.UndefinedValue(writer, seq, value.reason))
        else:
            rows.value[seq] = value
    refs = [
        form.ChartRef(**fields, time=time, writer=writer, seq=len(flat) + i, attempt=_LATE)
        for i, (_, fields) in enumerate(charts)
    ]
    total = len(flat) + len(refs)
    if not total:
        return
    with files.faults(f"add to run {run}"):
        entry = seal.rows_entry(
            tree,
            run,
            time,
            author,
            entries.heads(found),
            rows=rows.sorted() if flat else None,
            charts=refs,
            ranges=[form.Range(writer, 0, total - 1)],
            undefined=undefined,
            late=True,
            reason=reason,
        )
        entries.write(tree, entry)
