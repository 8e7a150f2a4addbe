"""The y_true of predictions, made of what was logged with them and of labels that came late, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import Undecided
from ledger.format.predictions import TEXT, Column
from ledger.format.predictions import column as make
from ledger.store.labels import LabelSet
from ledger.store.tree import Tree
from ledger.table.label_index import Index, index, of_one_kind
from ledger.table.predictions import Predicted

_CLASSES = ("bool", "int64", "uint64", TEXT)  # kinds of y_pred that labels are made alike to


def join(
    tree: Tree,
    run: str,
    found: Predicted,
    used: Sequence[LabelSet],
    times: Sequence[tuple[int, int]],
    as_of: int | None,
) -> tuple[int, int, Column | None]:
    """Return how many rows have a label, how many ids have different ones, and y_true.

    Without any value where none is known yet; None where there are neither sets nor a y_true.
    """
    own = found.columns.get("y_true")
    logged = np.repeat([time for _, time in times], [rows for rows, _ in times]).astype(np.int64)
    there = np.zeros(found.rows, np.bool_) if own is None else _there(own)
    if as_of is not None:
        there &= logged <= as_of
    at = _found(tree, found, used)
    if own is not None and own.values.ndim == 2:
        if (at >= 0).any():
            width = own.values.shape[1]
            raise Undecided(
                f"labels are one value an id, and the predictions of {run} have {width} values of y_true a row",
                hint="give --split to `ledger labels add`; take labels out of view with: ledger revert ENTRY",
            )
        return int(there.sum()), 0, own if there.all() else _masked(own, there)
    if not (at >= 0).any():
        own = Column("float64", np.zeros(found.rows)) if own is None and used else own
        return int(there.sum()), 0, own if own is None or there.all() else _masked(own, there)
    labels = index(tree, used)
    parts, rows = _parts(labels, at)
    logged_truth = [] if own is None or not there.any() else [Column(own.kind, own.values[there])]
    made = of_one_kind(parts + logged_truth, _preferred(found, there))
    if made is None:
        raise _mixture(run, found, labels, at, used)
    kind, values = made
    truth = np.full(found.rows, "", object) if kind == TEXT else np.zeros(found.rows, values[0].dtype)
    for where, part in zip(rows, values[: len(parts)], strict=True):
        truth[where] = part
    has, disputed = at >= 0, at[(at >= 0) & _at(labels.disputed, at)]
    if logged_truth:
        differs = _put_in(truth, values[-1], there, has, _is_newer(labels, at, used, logged))
        disputed = np.concatenate([disputed, at[differs]])
    known = there | has
    return int(known.sum()), len(np.unique(disputed)), make(kind, truth, ~known)


def _there(own: Column) -> Any:
    """Return which rows have a value; NaN is none."""
    there = np.ones(own.values.shape, np.bool_) if own.null is None else ~own.null
    if own.values.dtype.kind == "f":
        there &= ~np.isnan(own.values)
    return there if there.ndim == 1 else there.all(axis=1)


def _masked(own: Column, there: Any) -> Column:
    hidden = ~there if own.values.ndim == 1 else np.repeat(~there[:, None], own.values.shape[1], axis=1)
    return make(own.kind, own.values, hidden)


def _found(tree: Tree, found: Predicted, used: Sequence[LabelSet]) -> Any:
    """Return the position in the index of each row's label, -1 where none has come."""
    column = found.columns.get("ids")
    if column is None or not used:
        return np.full(found.rows, -1, np.int64)
    at = index(tree, used).find(column)
    return at if column.null is None else np.where(column.null, -1, at)


def _at(values: Any, at: Any) -> Any:
    """Return values by position; what stands where there is no position does not matter."""
    return values[np.maximum(at, 0)]


def _parts(labels: Index, at: Any) -> tuple[list[Column], list[Any]]:
    """Return the labels that each set gives, and the rows that they are of."""
    chosen = np.where(at >= 0, _at(labels.sets, at), -1)
    parts, rows = [], []
    for number in np.unique(chosen[chosen >= 0]).tolist():
        where = np.flatnonzero(chosen == number)
        label = labels.labels[number]
        parts.append(Column(label.kind, label.values[labels.rows[at[where]]]))
        rows.append(where)
    return parts, rows


def _preferred(found: Predicted, there: Any) -> str | None:
    own, said = found.columns.get("y_true"), found.columns.get("y_pred")
    if own is not None and there.any():
        return own.kind
    return said.kind if said is not None and said.kind in _CLASSES else None


def _is_newer(labels: Index, at: Any, used: Sequence[LabelSet], logged: Any) -> Any:
    """Return which rows have a label that outranks a truth logged with them."""
    since = np.array([one.entry.at_us for one in used], np.int64)
    written = np.array([one.entry.time_us for one in used], np.int64)
    number = _at(labels.sets, at)
    return (since[number] > logged) | ((since[number] == logged) & (written[number] >= logged))


def _put_in(truth: Any, own: Any, there: Any, has: Any, is_newer: Any) -> Any:
    """Put what was logged where no label outranks it; return the rows where label and logged truth differ."""
    logged = np.zeros(len(truth), truth.dtype)
    logged[there] = own
    differs = there & has & (logged != truth)
    takes = there & ~(has & is_newer)
    truth[takes] = logged[takes]
    return differs


def _mixture(run: str, found: Predicted, labels: Index, at: Any, used: Sequence[LabelSet]) -> Undecided:
    numbers = np.unique(_at(labels.sets, at)[at >= 0]).tolist()
    said = [f"{used[n].id} has {labels.labels[n].kind}" for n in numbers[:5]]
    own = found.columns.get("y_true")
    said += [] if own is None else [f"the predictions have {own.kind}"]
    return Undecided(
        f"the labels of {run} are of kinds that do not go together: {', '.join(said)}",
        hint="take one out of view: ledger revert ENTRY",
    )
