"""What cells hold now: the shown value of a metric of a run at a step, and the name it is stored under there."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from ledger.format import names
from ledger.format.values import Undefined
from ledger.store import fold
from ledger.store.state import RunState
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.schema import Schema

Cell = tuple[str, int | None]  # a key, a step


def stored_key(state: RunState, key: str, schema: "Schema") -> str:
    """Return the key whose value is shown for a metric of a run: its canonical name, else an alias; else this one.

    A correction has to be stored where the value is that tables show, or both would be there.
    """
    return next((spelling for spelling in spellings(key, schema) if spelling in state.metrics), key)


def spellings(key: str, schema: "Schema") -> list[str]:
    """Return the keys under which a metric may be stored: the one that is shown first."""
    if not schema.aliases:
        return [key]
    canonical = schema.canonical(key)
    name, context = names.parse_key(canonical)
    return [canonical, *(names.metric_key(alias, context) for alias in sorted(schema.metric(name).alias))]


def values(tree: Tree, state: RunState, cells: Collection[Cell]) -> dict[Cell, float | Undefined]:
    """Return the shown values of those cells that have one; rows are read only where a step is asked for."""
    found: dict[Cell, float | Undefined] = {}
    stepped: set[Cell] = set()
    for key, step in cells:
        summary = state.metrics.get(key)
        if summary is None:
            continue
        if step is not None:
            stepped.add((key, step))
        elif summary.last_step is None:  # a value without a step ranks above every step
            if summary.undefined is not None:
                found[key, None] = Undefined(summary.undefined)
            elif summary.last is not None:
                found[key, None] = summary.last
    if stepped:
        found |= _at_steps(tree, state.id, stepped)
    return found


def _at_steps(tree: Tree, run: str, wanted: set[Cell]) -> dict[Cell, float | Undefined]:
    import numpy as np

    rows, reasons = fold.rows(tree, run)
    steps = np.fromiter({step for _, step in wanted if step is not None}, np.int64)
    rows = rows.take(np.isin(rows.step, steps))
    keys = [names.metric_key(*key) for key in rows.keys]
    found: dict[Cell, float | Undefined] = {}
    for i in range(len(rows)):
        cell = (keys[rows.key[i]], int(rows.step[i]))
        if cell in wanted and rows.undefined[i]:
            who = rows.writers[rows.writer[i]], int(rows.seq[i])
            found[cell] = Undefined(reasons.get(who, "undefined"))
        elif cell in wanted:
            found[cell] = float(rows.value[i])
    return found


def same(one: float | Undefined | None, other: float | Undefined | None) -> bool:
    """Say whether two values are the same, NaN and NaN too, 0.0 and -0.0 not; reasons of undefined ones count."""
    if isinstance(one, float) and isinstance(other, float):
        return (one != one and other != other) or one.hex() == other.hex()
    return one == other
