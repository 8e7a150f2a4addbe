"""Values given for closed runs, entries taken back and brought back: what of it is of the ledger as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.derive.outcome import Backfilled, CellChange, Reverted
from ledger.errors import InvalidValue, NoSuchRun, UsageError
from ledger.format import names, values
from ledger.record import reverting
from ledger.record.calls import check_prose
from ledger.store import labels
from ledger.store.entries import retracted
from ledger.store.state import EntryNote, RunState
from ledger.table import select

if TYPE_CHECKING:
    from ledger.api.ledger import Ledger


def backfill_values(
    ledger: Ledger,
    metrics: Mapping[str, Any],
    *,
    run: str | Sequence[str] = (),
    where: str | None = None,
    all: bool = False,
    step: int | None = None,
    context: Mapping[str, Any] | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> Backfilled:
    """Write values to runs that are closed; see `Ledger.backfill_values`."""
    from ledger.api.backfilling import chosen
    from ledger.derive import given
    from ledger.table.values_file import Given

    if not isinstance(metrics, Mapping) or not metrics:
        raise InvalidValue("no values are given", hint='for instance {"test/auc": 0.62}')
    checked = {_key(name, context): values.to_float(str(name), value) for name, value in metrics.items()}
    if len(checked) < len(metrics):
        raise InvalidValue(f"a metric is given twice: {', '.join(map(str, metrics))}")
    at, why = values.to_step(step), check_prose("reason", reason)
    states, damaged = chosen(ledger, run, where, all)
    cells = [Given(state.id, key, at, value) for state in states for key, value in checked.items()]
    by_id = {state.id: state for state in states}
    origin = given.Origin(ledger.author, why)
    found = given.backfill(ledger.tree, by_id, ledger.schema, cells, given.ALWAYS, origin, dry_run=dry_run)
    if states and not damaged and len(found.left_out) == len(states):
        raise given.refusal(found.left_out)
    notices = [*_namesakes(ledger, run, found), *found.notices]
    return msgspec.structs.replace(found, left_out=[*found.left_out, *damaged], notices=notices)


def _namesakes(ledger: Ledger, run: str | Sequence[str], found: Backfilled) -> list[str]:
    """Say which runs are not corrected, though they have the name of one that is."""
    texts = []
    corrected = {cell.run for cell in found.cells}
    for word in [run] if isinstance(run, str) else run:
        named = ledger.catalog.by_name(word)
        others = [id for id in named if id not in corrected]
        if others and named[0] in corrected:
            listed = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
            texts.append(f"{len(named)} runs are called {word}; {named[0]}, the newest, is meant, and not {listed}")
    return texts


def _key(name: Any, context: Mapping[str, Any] | None) -> str:
    """Return the canonical key of a metric that may have its context in its name."""
    bare, own = names.parse_key(names.check_text("metric", name))
    if context and own is not None:
        raise UsageError(f"{name!r} has a context already", hint="give one of the two")
    return names.metric_key(names.check_metric(bare), names.canonical_context(context) if context else own)


def backfill_table(
    ledger: Ledger,
    source: Any,
    match: str | None = None,
    metrics: str | Sequence[str] = (),
    *,
    reason: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Backfilled:
    """Write the values of a table to the runs that it names; see `Ledger.backfill_table`."""
    from ledger.derive import given
    from ledger.table import values_file

    why = check_prose("reason", reason)
    wanted = [metrics] if isinstance(metrics, str) else list(metrics)
    table = values_file.read(source, match, wanted, ledger.catalog, ledger.schema)
    states = _states(ledger, {cell.run for cell in table.cells})
    policy, origin = given.REPLACE if force else given.MISSING, given.Origin(ledger.author, why, table.file)
    found = given.backfill(ledger.tree, states, ledger.schema, table.cells, policy, origin, dry_run=dry_run)
    return msgspec.structs.replace(
        found, other=len(found.kept), notices=list(dict.fromkeys([*table.notices, *found.notices]))
    )


def _states(ledger: Ledger, runs: set[str]) -> dict[str, RunState]:
    """Return the states of runs by id, read together where there are many."""
    if len(runs) < 100:
        return {run: select.one(ledger.remembered, run, ledger.schema) for run in runs}
    return {state.id: state for state in ledger.remembered.states() if state.id in runs}


def revert(
    ledger: Ledger, entries: Sequence[str], reason: str | None = None, *, dry_run: bool = False
) -> list[Reverted]:
    """Take entries out of view; see `Ledger.revert`."""
    if not entries:
        raise UsageError("which entry?", hint="the entries of a value: ledger history RUN METRIC")
    why = check_prose("reason", reason)
    named = select.entries(ledger.catalog, entries, _log(ledger))
    found = list({note.id: (state, note) for state, note in named}.values())
    for state, note in found:  # all of them, before the first is taken back
        reverting.check(ledger.tree, "" if state is None else state.id, note.id)
    return [_revert(ledger, state, note, why, dry_run) for state, note in found]


def _log(ledger: Ledger) -> list[EntryNote]:
    """Return the entries that are of no single run."""
    read = labels.read(ledger.tree).read
    gone = retracted(read)
    return [EntryNote(one.id, one.entry.kind, one.entry.time_us, one.entry.author, one.id in gone) for one in read]


def _revert(ledger: Ledger, state: RunState | None, note: EntryNote, reason: str | None, dry_run: bool) -> Reverted:
    from ledger.table import reverted

    run, name = ("", "") if state is None else (state.id, state.name)
    changes = [] if state is None else reverted.changes(ledger.tree, run, note.id)
    by = None if dry_run else reverting.revert(ledger.tree, run, note.id, ledger.author(), reason)
    cells = [CellChange(run, name, *change, written=by is not None) for change in changes]
    return Reverted(note.id, note.kind, run, name, by, cells)


def restore(ledger: Ledger, words: Sequence[str], reason: str | None = None, *, dry_run: bool = False) -> list[str]:
    """Bring removed runs back, or entries that were reverted; returns their ids.

    A word is a removed run if there is one, else an entry. Raises NoSuchRun, AmbiguousRun, and UsageError for what is
    in view; then none was brought back.
    """
    found = {note.id if note else run: (run, note) for run, note in _to_restore(ledger, words)}
    if dry_run:
        return list(found)
    author = ledger.author()
    for run, note in found.values():
        reverting.restore(ledger.tree, run, None if note is None else note.id, author, reason)
    return list(found)


def _to_restore(ledger: Ledger, words: Sequence[str]) -> list[tuple[str, EntryNote | None]]:
    """Return the run (empty: the log) and the entry that each word means, None for a whole run."""
    found: list[tuple[str, EntryNote | None]] = []
    others: list[str] = []
    for word in words:
        try:
            state = ledger.state(word, retracted=True)
        except NoSuchRun:
            if not select.is_entry_word(word):
                raise
            others.append(word)
            continue
        if state.retracted:
            found.append((state.id, None))
        elif select.is_entry_word(word):
            others.append(word)
        else:
            raise UsageError(f"the run {state.id} is in view; there is nothing to restore")
    for of, entry in select.entries(ledger.catalog, others, _log(ledger)) if others else ():
        if not entry.retracted:
            raise UsageError(f"the entry {entry.id} is in view; there is nothing to restore")
        found.append(("" if of is None else of.id, entry))
    return found
