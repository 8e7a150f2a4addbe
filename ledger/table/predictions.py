"""Predictions read back: which are meant, their columns as arrays or as one table, batches one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import DamagedFile, NoSuchPredictions, Undecided
from ledger.format.names import canonical_context
from ledger.store import blobs
from ledger.store.state import Predictions, RunState
from ledger.store.tree import Tree

if TYPE_CHECKING:
    import pandas as pd

    from ledger.format.predictions import Column

_DEFAULT_SPLITS = ("test", "val")


class Predicted(NamedTuple):
    """The predictions of one place: columns by name, all of `rows` rows; `labels` in the order of the scores.

    `counted` says how many rows of each batch are among them, `replaced` how many are not, a newer batch having their
    id.
    """

    split: str | None
    step: int | None
    context: str | None
    rows: int
    labels: list[Any] | None
    columns: dict[str, Column]
    counted: tuple[int, ...] = ()
    replaced: int = 0


def choose_split(state: RunState, split: str | None) -> str | None:
    """Return the split that is meant: as asked, else `test`, else `val`, else the only one; or NoSuchPredictions."""
    found = state.predictions
    if not found:
        raise NoSuchPredictions(f"the run {state.id} has no predictions", hint="they are kept by run.log_predictions")
    splits = list(dict.fromkeys(p.split for p in found))
    if split is not None:
        if split not in splits:
            has = _listed(splits)
            raise NoSuchPredictions(f"the run {state.id} has no predictions of {split!r}; it has those of {has}")
        return split
    wanted = next((word for word in _DEFAULT_SPLITS if word in splits), splits[0])
    if len(splits) > 1 and wanted not in _DEFAULT_SPLITS:
        raise NoSuchPredictions(f"the run {state.id} has predictions of {_listed(splits)}", hint="say which split")
    return wanted


def choose(
    state: RunState, split: str | None = None, step: int | None = None, context: Mapping[str, Any] | None = None
) -> list[Predictions]:
    """Return the shown predictions of one split, context and step of a run: one set, or several batches.

    Without `split` those of `test`, else of `val`, else of the only one there is; without `context` those that have
    none, or the only ones; without `step` those that have none, else the last. Raises NoSuchPredictions.
    """
    wanted = choose_split(state, split)
    found = state.predictions
    of = "" if wanted is None else f" of {wanted!r}"
    found = [p for p in found if p.split == wanted]
    found = _in_context(state.id, of, found, canonical_context(context))
    steps = list(dict.fromkeys(p.step for p in found))
    if step is None:
        step = None if None in steps else max(s for s in steps if s is not None)
    elif step not in steps:
        known = ", ".join("one without a step" if s is None else str(s) for s in steps[-20:])
        raise NoSuchPredictions(f"the predictions{of} of {state.id} have no step {step}; they have {known}")
    return [p for p in found if p.step == step]


def _in_context(run: str, of: str, found: list[Predictions], context: str | None) -> list[Predictions]:
    contexts = list(dict.fromkeys(p.context for p in found))
    if context is None and None not in contexts and len(contexts) == 1:
        return found
    if context in contexts:
        return [p for p in found if p.context == context]
    known = ", ".join("none" if c is None else c for c in contexts[:20])
    raise NoSuchPredictions(
        f"the predictions{of} of {run} have the contexts {known}", hint='say which: context={"fold": 1}'
    )


def _listed(splits: Sequence[str | None]) -> str:
    return ", ".join("no split" if split is None else repr(split) for split in splits)


Known = MutableMapping[tuple[str, str, str, int], "Column"]  # columns by blob, digest, dtype and rows


def read(tree: Tree, run: str, chosen: Sequence[Predictions], known: Known | None = None) -> Predicted:
    """Return the columns of predictions, batches one behind the other; each blob is read once, none that is `known`.

    Of the rows of one id those of the newest batch count, see `newest`. A column that some batches lack has no values
    there. Raises DamagedFile for a blob that is absent or damaged, and Undecided where a column is of two types that no
    third can hold exactly.
    """
    known = {} if known is None else known
    kept = newest(tree, run, chosen, known)
    names = list(dict.fromkeys(name for found in chosen for name in found.columns))
    parts: dict[str, list[Column | int]] = {name: [] for name in names}
    for found in chosen:
        for name in names:
            ref = found.columns.get(name)
            parts[name].append(found.rows if ref is None else _column(tree, run, found, name, known))
    first = chosen[0]
    labels = first.labels if all(found.labels == first.labels for found in chosen) else None
    columns = {name: _joined(run, name, found) for name, found in parts.items()}
    rows, counted = sum(p.rows for p in chosen), tuple(p.rows for p in chosen)
    if kept is not None:
        import numpy as np

        whole = np.concatenate(kept)
        columns = {name: picked(found, whole) for name, found in columns.items()}
        counted = tuple(int(one.sum()) for one in kept)
    place = first.split, first.step, first.context
    return Predicted(*place, sum(counted), labels, columns, counted, rows - sum(counted))


def newest(tree: Tree, run: str, chosen: Sequence[Predictions], known: Known | None = None) -> list[Any] | None:
    """Return of each batch which rows count, as masks: all but those whose id is in a newer batch of the same place.

    An id that a batch has several times stands for several rows. None where all rows count; raises as `read`.
    """
    import numpy as np

    known = {} if known is None else known
    places: dict[Any, list[int]] = {}
    for number, one in enumerate(chosen):
        if "ids" in one.columns:
            places.setdefault((one.split, one.context, one.step), []).append(number)
    kept = [np.ones(one.rows, np.bool_) for one in chosen]
    for numbers in places.values():
        if len(numbers) > 1:
            ids = _joined(run, "ids", [_column(tree, run, chosen[n], "ids", known) for n in numbers])
            sizes = [chosen[n].rows for n in numbers]
            for n, mask in zip(numbers, np.split(_is_newest(ids, sizes), np.cumsum(sizes)[:-1]), strict=True):
                kept[n] = mask
    return None if all(mask.all() for mask in kept) else kept


def _is_newest(ids: Column, sizes: Sequence[int]) -> Any:
    """Return which rows have an id that is in no later batch; `sizes` are the rows of each. NaN is no id."""
    import numpy as np

    batch = np.repeat(np.arange(len(sizes)), sizes)
    if ids.values.dtype.kind == "O":
        last = dict(zip(ids.values.tolist(), batch.tolist(), strict=True))
        found = np.fromiter((last[id] for id in ids.values.tolist()), np.int64, len(batch)) == batch
    else:
        values, where = np.unique(ids.values, return_inverse=True)
        newest_of = np.zeros(len(values), np.int64)
        np.maximum.at(newest_of, where, batch)
        found = newest_of[where] == batch
    if ids.null is not None:
        found |= ids.null
    return found | np.isnan(ids.values) if ids.values.dtype.kind == "f" else found


def said_replaced(found: Predicted) -> str:
    """Return what is said where rows of older batches do not count."""
    return f"{found.replaced} of {found.rows + found.replaced} rows do not count: a newer batch has their ids"


def picked(found: Column, rows: Any) -> Column:
    """Return those rows of a column, by a mask or a slice."""
    return found._replace(values=found.values[rows], null=None if found.null is None else found.null[rows])


def _column(tree: Tree, run: str, found: Predictions, name: str, known: Known) -> Column:
    from ledger.format import predictions as form

    ref = found.columns[name]
    key = (ref.blob, ref.digest, ref.dtype, found.rows)
    column = known.get(key)
    if column is None:
        with read_blob(tree, run, found, name) as (data, called):
            column = form.decode(data, called, ref.dtype, ref.digest, found.rows)
        known[key] = column
    return column


@contextmanager
def read_blob(tree: Tree, run: str, found: Predictions, name: str) -> Iterator[tuple[bytes, str]]:
    """Provide the bytes of a column, and what they are called; a DamagedFile that comes of them says whose they are."""
    ref = found.columns[name]
    try:
        yield blobs.get(tree, ref.blob, "parquet"), f"the blob {ref.blob[:16]}"
    except DamagedFile as error:
        of = "" if found.split is None else f" of {found.split!r}"
        raise DamagedFile(
            f"the column {name!r} of the predictions{of} of {run} cannot be read: {error.message}", hint=error.hint
        ) from None


def _joined(run: str, name: str, parts: Sequence[Column | int]) -> Column:
    """Return the parts of a column as one; a number stands for so many rows without a value."""
    from ledger.format import predictions as form

    if len(parts) == 1 and not isinstance(parts[0], int):
        return parts[0]
    import numpy as np

    there = [part for part in parts if not isinstance(part, int)]
    kind, shapes = _common(there), {part.values.shape[1:] for part in there}
    if kind is None or len(shapes) > 1:
        types = ", ".join(sorted({part.dtype for part in there}))
        raise Undecided(
            f"the batches of {run} do not add up: the column {name!r} is there as {types}",
            hint="give each batch columns of one type",
        )
    (shape,) = shapes
    values, null = [], []
    for part in parts:
        if isinstance(part, int):
            values.append(np.zeros((part, *shape), there[0].values.dtype))
            null.append(np.ones((part, *shape), np.bool_))
        else:
            values.append(part.values * (1000 if (part.kind, kind) == ("timestamp_us", "timestamp_ns") else 1))
            null.append(np.zeros(part.values.shape, np.bool_) if part.null is None else part.null)
    return form.column(kind, np.concatenate(values), np.concatenate(null))


def _common(parts: Sequence[Column]) -> str | None:
    """Return the kind that can hold the values of all parts exactly, or None."""
    kinds = {part.kind for part in parts}
    if len(kinds) == 1:
        return parts[0].kind
    if kinds <= {"float32", "float64", "int64"}:
        return "float64" if all(_within(part, 2**53) for part in parts if part.kind == "int64") else None
    if kinds == {"timestamp_us", "timestamp_ns"}:
        fits = all(_within(part, (2**63 - 1) // 1000) for part in parts if part.kind == "timestamp_us")
        return "timestamp_ns" if fits else None
    return None


def _within(part: Column, limit: int) -> bool:
    return not len(part.values) or (int(part.values.min()) >= -limit and int(part.values.max()) <= limit)


def frame(found: Predicted) -> pd.DataFrame:
    """Return predictions as a DataFrame, one row a row: y_true, y_pred, y_score, ids, timestamp, sample_weight, slice.*

    A column with K values a row becomes NAME_0 to NAME_{K-1}. `attrs` has split, step, context and labels, and how many
    rows a newer batch replaced.
    """
    import pandas as pd

    series: dict[str, Any] = {}
    for name, column in found.columns.items():
        if column.values.ndim == 1:
            series[name] = _series(column.kind, column.values, column.null)
            continue
        for i in range(column.values.shape[1]):
            null = None if column.null is None else column.null[:, i]
            series[f"{name}_{i}"] = _series(column.kind, column.values[:, i], null)
    result = pd.DataFrame(series, index=pd.RangeIndex(found.rows))
    result.attrs = {name: getattr(found, name) for name in ("split", "step", "context", "labels", "replaced")}
    return result


def _series(kind: str, values: Any, null: Any) -> Any:
    """Return a column as pandas has it; NaN and a missing value stay two things."""
    import numpy as np
    import pandas as pd

    if kind == "text":
        texts: Any = values if null is None else np.where(null, None, values)
        return pd.array(texts, dtype="str")
    if kind.startswith("timestamp"):
        moments = values.astype(np.dtype(f"datetime64[{kind[-2:]}]"))
        if null is not None:
            moments[null] = np.datetime64("NaT")
        return pd.DatetimeIndex(moments).tz_localize("UTC")
    if null is None or not null.any():
        return values.copy()
    kinds = {"f": pd.arrays.FloatingArray, "i": pd.arrays.IntegerArray, "u": pd.arrays.IntegerArray}
    return kinds.get(values.dtype.kind, pd.arrays.BooleanArray)(values.copy(), null.copy())
