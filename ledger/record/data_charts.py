"""Chart data made of what callers give without predictions: curves, matrices, histograms, tables, importances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate import compute
from ledger.evaluate.arrays import as_array, as_numbers
from ledger.evaluate.results import ChartData

Array: TypeAlias = np.ndarray[Any, Any]

_BINS_MAX = 10_000
_MISSING = frozenset({"NAType", "NaTType"})


def _numbers(name: str, given: Any) -> Array:
    """Return a column of numbers."""
    array = as_numbers(name, as_array(name, given))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidValue(f"{name} has the shape {array.shape}; it must be (n,)")
    return array


def _same_length(columns: Mapping[str, Any]) -> None:
    (first, n), *others = ((name, len(column)) for name, column in columns.items())
    for name, m in others:
        if m != n:
            raise InvalidValue(f"{first} has {n} values, and {name} has {m}")


def curve(x: Any, y: Any, x_label: str | None, y_label: str | None) -> ChartData:
    """Return a curve, or several over one x: columns x and y, or x and the names of the curves."""
    columns: dict[str, Any] = {"x": _numbers("x", x)}
    if isinstance(y, Mapping):
        if not y or "x" in y:
            raise InvalidValue("the curves are named by text other than 'x'", hint='for instance {"train": y}')
        columns |= {name: _numbers(f"the curve {name!r}", values) for name, values in y.items()}
    else:
        columns["y"] = _numbers("y", y)
    _same_length(columns)
    labels = {"x_label": x_label, "y_label": y_label}
    return ChartData("curve", columns, {name: str(label) for name, label in labels.items() if label is not None})


def confusion(y_true: Any, y_pred: Any, matrix: Any, labels: Sequence[Any] | None, sample_weight: Any) -> ChartData:
    """Return a confusion matrix, of labels or as it was counted elsewhere."""
    if matrix is None:
        if y_true is None or y_pred is None:
            raise InvalidValue("a confusion matrix needs y_true and y_pred, or matrix")
        found = compute(
            "confusion", y_true, y_pred, kind="multiclass", labels=labels, sample_weight=sample_weight,
        )  # fmt: skip
        if not isinstance(found, ChartData):
            raise InvalidValue(f"there is no confusion matrix: {getattr(found, 'reason', found)}")
        return found
    if y_true is not None or y_pred is not None or sample_weight is not None:
        raise InvalidValue("a confusion matrix is given by y_true and y_pred, or by matrix, not by both")
    counts = as_numbers("matrix", as_array("matrix", matrix))
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise InvalidValue(f"matrix has the shape {counts.shape}; it must be (K, K)")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise InvalidValue("matrix has a count that is negative, or no finite number")
    given = range(len(counts)) if labels is None else labels
    known = [label.item() if hasattr(label, "item") else label for label in given]
    if len(known) != len(counts):
        raise InvalidValue(f"matrix has {len(counts)} rows, and labels has {len(known)}")
    if len(set(known)) != len(known):
        raise InvalidValue(f"a label is there twice: {known[:20]!r}")
    columns: dict[str, Any] = {
        "true": [label for label in known for _ in known],
        "predicted": known * len(known),
        "count": counts.ravel(),
    }
    return ChartData("confusion", columns, {"labels": known, "n": float(counts.sum())})


def histogram(values: Any, bins: Any) -> ChartData:
    """Return how many values lie in each bin [low, high), the last one with its upper end."""
    array = as_numbers("values", as_array("values", values)).ravel()
    finite = array[np.isfinite(array)]
    facts: dict[str, Any] = {"n": len(finite), "edges": "[low, high), the last with its high edge"}
    if len(finite) < len(array):
        facts["not_finite"] = len(array) - len(finite)
    edges = _edges(finite, bins)
    counts = np.histogram(finite, edges)[0]
    if counts.sum() < len(finite):
        facts["outside"] = len(finite) - int(counts.sum())
    return ChartData("histogram", {"low": edges[:-1], "high": edges[1:], "count": counts}, facts)


def _edges(finite: Array, bins: Any) -> Array:
    count = bins.item() if hasattr(bins, "item") and np.ndim(bins) == 0 else bins
    if isinstance(count, int) and not isinstance(count, bool):
        if not 1 <= count <= _BINS_MAX:
            raise InvalidValue(f"bins={count}: it must be from 1 to {_BINS_MAX}")
        if not len(finite):
            raise InvalidValue("there are no values that are finite numbers", hint="give bins as a list of edges")
        low, high = float(finite.min()), float(finite.max())
        if low == high:
            low, high = low - 0.5, high + 0.5
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.linspace(low, high, count + 1)
        if not np.isfinite(edges).all():  # high - low is beyond float64, which they are not
            share = np.linspace(0.0, 1.0, count + 1)
            edges = low * (1 - share) + high * share
        if not (edges[1:] > edges[:-1]).all():
            raise InvalidValue(f"{count} bins from {low!r} to {high!r} are more than float64 can tell apart")
        return edges
    edges = _numbers("bins", bins)
    if not 2 <= len(edges) <= _BINS_MAX + 1 or not np.isfinite(edges).all() or (edges[1:] <= edges[:-1]).any():
        raise InvalidValue("the edges in bins must be two or more finite numbers that rise")
    return edges


def table(rows: Any, columns: Sequence[str] | None) -> ChartData:
    """Return a table: of a DataFrame or mapping of columns, of a list of mappings, or of lists under `columns`."""
    if (hasattr(rows, "columns") and hasattr(rows, "items")) or isinstance(rows, Mapping):
        if columns is not None:
            rows = {name: rows[name] for name in columns}
        found = {str(name): _cells(str(name), column) for name, column in rows.items()}
        if len(found) != len(list(rows.items())):
            raise InvalidValue("two columns of the table have one name")
    else:
        found = _of_rows(rows, columns)
    if not found:
        raise InvalidValue("the table has no columns", hint="give a DataFrame, a list of mappings, or columns=")
    _same_length(found)
    return ChartData("table", dict(found))


def _of_rows(rows: Any, columns: Sequence[str] | None) -> dict[str, list[Any]]:
    if isinstance(rows, (str, bytes)) or not hasattr(rows, "__iter__"):
        raise InvalidValue(f"a table is a DataFrame or a list of rows, not {type(rows).__name__}")
    listed = list(rows)
    if all(isinstance(row, Mapping) for row in listed):
        names = list(columns) if columns is not None else list(dict.fromkeys(name for row in listed for name in row))
        return {str(name): _cells(str(name), [row.get(name) for row in listed]) for name in names}
    if columns is None:
        raise InvalidValue("rows that are lists have no names of columns", hint='say columns=["name", "value"]')
    for row in listed:
        if isinstance(row, (str, bytes, Mapping)) or not hasattr(row, "__len__") or len(row) != len(columns):
            raise InvalidValue(f"a row of the table does not have {len(columns)} values: {str(row)[:60]}")
    return {str(name): _cells(str(name), [row[i] for row in listed]) for i, name in enumerate(columns)}


def _cells(name: str, column: Any) -> list[Any]:
    """Return a column as plain values: dates and times as text, what is missing as None."""
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if type(value).__name__ in _MISSING:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def importance(names: Any, values: Any, std: Any) -> ChartData:
    """Return names with how much they matter, in the order given; a mapping or a Series has both."""
    both = isinstance(names, Mapping) or (hasattr(names, "index") and hasattr(names, "to_numpy"))
    if both and values is None:
        values = list(names.values()) if isinstance(names, Mapping) else names
        names = list(names if isinstance(names, Mapping) else names.index)
    elif values is None:
        raise InvalidValue("values is not given", hint='give names and values, or both as a dict: {"age": 0.7}')
    elif isinstance(names, Mapping):
        raise InvalidValue("names is a mapping that has values, and values is given too", hint="give the mapping alone")
    listed = [str(name) for name in (names.tolist() if hasattr(names, "tolist") else names)]
    columns: dict[str, Any] = {"name": listed, "value": _numbers("values", values)}
    if std is not None:
        columns["std"] = _numbers("std", std)
    _same_length(columns)
    return ChartData("importance", columns)
