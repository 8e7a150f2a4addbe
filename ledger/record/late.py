"""Late rows: a closed run gets a `rows` entry at once, with its reason; without a step they speak of the whole run."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.errors import counted
from ledger.format import entries as form
from ledger.format import layout
from ledger.format.values import Undefined
from ledger.record import seal
from ledger.record.calls import RowsCall
from ledger.record.standing import newest_time
from ledger.store import entries, files
from ledger.store.tree import Tree
from ledger.store.writer import now_us

_LATE = 0  # the attempt of late rows: outside every attempt


class Late(NamedTuple):
    """A late entry that is ready to be written: its id, its run, its files (name, bytes), the entry last."""

    id: str
    run: str
    files: list[tuple[str, bytes]]


def write(
    tree: Tree,
    run: str,
    calls: list[RowsCall],
    charts: list[dict[str, Any]],
    author: str,
    reason: str | None,
    predictions: Sequence[dict[str, Any]] = (),
    source: dict[str, Any] | None = None,
) -> str | None:
    """Write rows, charts and predictions (fields as a journal holds them) as one late entry; return its id.

    `source` says how they came about where nobody logged them: which function, of which inputs, or which file.
    """
    late = prepare(tree, run, calls, charts, author, reason, predictions, source)
    if late is None:
        return None
    with files.faults(f"add to run {run}"):
        files.write_all(tree.path(layout.run_folder(run)), late.files)
    return late.id


def write_together(tree: Tree, ready: Sequence[Late]) -> None:
    """Write entries, each of another run, with what they name."""
    with files.faults(f"add to {counted(len(ready), 'run', 'runs')}"):
        files.write_each([(tree.path(layout.run_folder(late.run)), late.files) for late in ready])


def prepare(
    tree: Tree,
    run: str,
    calls: list[RowsCall],
    charts: list[dict[str, Any]],
    author: str,
    reason: str | None,
    predictions: Sequence[dict[str, Any]] = (),
    source: dict[str, Any] | None = None,
) -> Late | None:
    """Return what `write` is to write, None where it is nothing."""
    from ledger.format.rows import NO_STEP, Rows

    found = entries.read_all(tree, layout.run_folder(run), run).read
    time = max(now_us(), newest_time(tree, run) + 1)
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
        for i, fields in enumerate(charts)
    ]
    ours = {"time": time, "writer": writer, "attempt": _LATE}
    first = len(flat) + len(refs)
    predicted = [
        msgspec.convert({**fields, **ours, "seq": first + i}, form.PredictionsRef)
        for i, fields in enumerate(predictions)
    ]
    total = first + len(predicted)
    if not total:
        return None
    ranges = [form.Range(writer, 0, total - 1)]
    arrived = seal.Arrived(rows.sorted() if flat else None, refs, ranges, undefined, predicted)
    batch: list[tuple[str, bytes]] = []
    header = form.header("rows", run, time, author, entries.heads(found))
    id = seal.add_entry(batch, seal.add_rows(batch, tree, header, arrived, late=True, reason=reason, source=source))
    return Late(id, run, batch)
