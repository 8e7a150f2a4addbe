"""What the shown values of a run become when one of its entries is taken out of view."""

from collections.abc import Collection
from typing import Any

from ledger.format import entries as form
from ledger.format import names
from ledger.format.rows import NO_STEP, Rows
from ledger.format.values import Undefined
from ledger.store import fold, origins, segments, shown
from ledger.store.origins import Brought
from ledger.store.tree import Tree
from ledger.table.current import Cell, same

Value = float | Undefined | None


def changes(tree: Tree, run: str, entry: str) -> list[tuple[str, int | None, Value, Value]]:
    """Return (key, step, value now, value then) of the cells that change; None is no value.

    Those are the cells of an entry that brought rows; an entry of another kind changes none.
    """
    gathered = fold.gather(tree, run, with_rows=False)
    read = next((read for read in gathered.found if read.id == entry), None)
    if read is None or not isinstance(read.entry, form.Rows):
        return []
    keys = set()
    for segment in read.entry.segments:
        if segments.is_here(tree, gathered.folder, segment):
            rows = segments.read(tree, gathered.folder, segment, run)
            keys |= {rows.keys[key] for key in set(rows.key.tolist())}
    brought = origins.read(tree, run, keys)
    gone = brought.gathered.retracted
    before = _shown(brought, gone)
    after = _shown(brought, gone | {entry})
    cells = sorted({*before, *after}, key=lambda cell: (cell[0], cell[1] is None, cell[1] or 0))
    return [(*cell, before.get(cell), after.get(cell)) for cell in cells if not same(before.get(cell), after.get(cell))]


def _shown(brought: Brought, gone: Collection[str]) -> dict[Cell, Value]:
    """Return the shown values while these entries are out of view."""
    parts = [part.rows for part in brought.parts if part.entry is None or part.entry.id not in gone]
    attempts = fold.attempts(brought.gathered.found, set(gone))
    rows: Rows = shown.shown(shown.valid(shown.stored(parts), attempts)) if parts else Rows([], [], 0)
    keys = [names.metric_key(*key) for key in rows.keys]
    found: dict[Cell, Value] = {}
    columns: list[Any] = [
        getattr(rows, name).tolist() for name in ("key", "step", "value", "undefined", "writer", "seq")
    ]
    for key, step, value, undefined, writer, seq in zip(*columns, strict=True):
        reason = brought.reasons.get((rows.writers[writer], seq), "undefined") if undefined else None
        found[keys[key], None if step == NO_STEP else step] = value if reason is None else Undefined(reason)
    return found
