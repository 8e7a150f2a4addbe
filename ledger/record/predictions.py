"""What one call of `log_predictions` asks to be kept: its arrays checked, made into columns, stored as blobs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ledger.errors import InvalidValue, warn
from ledger.format import names, values
from ledger.format import predictions as form
from ledger.record import arrays, pictures
from ledger.store import blobs
from ledger.store.tree import Tree

_NUMBERS = ("float32", "float64", "int64", "uint64", "bool")
_WIDE = ("y_true", "y_pred", "y_score")  # which may have several values a row
_ANY = ("y_true", "y_pred", "y_score")  # one of which must be there


class Packed(NamedTuple):
    """A column ready to be stored: its bytes, the digest of its values, their type."""

    data: bytes
    digest: str
    dtype: str


class PredictionsCall(NamedTuple):
    """Predictions of one call, checked already."""

    split: str | None
    step: int | None
    context: str | None
    rows: int
    labels: list[Any] | None
    columns: dict[str, Packed]


def check(
    given: Mapping[str, Any],
    *,
    split: Any = None,
    step: Any = None,
    context: Mapping[str, Any] | None = None,
    slices: Any = None,
    labels: Any = None,
) -> PredictionsCall:
    """Return the predictions of a call: y_true, y_pred, y_score, ids, timestamp, sample_weight, those that are there.

    Raises InvalidName or InvalidValue; nothing is written. Warns of ids that repeat.
    """
    if split is not None:
        names.check_metric(split)
    place = values.to_step(step), names.canonical_context(context)
    if slices is not None and not isinstance(slices, Mapping):
        raise InvalidValue(f"slices must be a mapping of names to arrays, not {type(slices).__name__}")
    there = {name: array for name, array in given.items() if array is not None}
    there |= {f"slice.{names.check_metric(names.check_text('slice', name))}": a for name, a in (slices or {}).items()}
    if not any(name in there for name in _ANY):
        raise InvalidValue("there are no predictions", hint="give y_true, y_pred or y_score")
    columns = {name: arrays.to_column(name, array) for name, array in there.items()}
    for name, column in columns.items():
        _check_column(name, column)
    first, *others = columns
    rows = len(columns[first].values)
    for name in others:
        if len(columns[name].values) != rows:
            raise InvalidValue(
                f"{first} has {rows} rows, and {name} has {len(columns[name].values)}",
                hint="each is one value, or one row of values, for the same rows in the same order",
            )
    packed = {name: Packed(form.encode(c), form.digest(c), c.dtype) for name, c in columns.items()}
    call = PredictionsCall(split, *place, rows, _check_labels(labels, columns), packed)
    if "ids" in columns:
        _warn_of_repeated(columns["ids"])
    return call


def _warn_of_repeated(ids: form.Column) -> None:
    """Say so where rows of one batch share an id: they count as rows of their own, and a newer batch replaces all."""
    listed = ids.values.tolist()
    if more := len(listed) - len(set(listed)):
        warn(f"{more} of the {len(listed)} ids are there already: rows of one id are kept as rows of their own")


def _check_column(name: str, column: form.Column) -> None:
    """Raise InvalidValue for a column that is not what its name asks for."""
    if column.values.ndim == 2 and name not in _WIDE:
        raise InvalidValue(f"{name} has {column.values.shape[1]} values a row; it must have one")
    if name in ("y_score", "sample_weight") and column.kind not in _NUMBERS:
        example = column.values.ravel()[:1].tolist()
        raise InvalidValue(f"{name} must hold numbers, not {column.kind}: {str(example)[1:-1][:60]}")
    if name == "timestamp" and not column.kind.startswith("timestamp"):
        raise InvalidValue(
            f"timestamp must hold datetimes, not {column.kind}",
            hint='for instance pandas.to_datetime(x, unit="s")',
        )
    if name == "ids" and column.null is not None:
        raise InvalidValue(f"{int(column.null.sum())} of the {len(column.null)} ids are missing")


def _check_labels(labels: Any, columns: Mapping[str, form.Column]) -> list[Any] | None:
    if labels is None:
        return None
    if isinstance(labels, (str, bytes, Mapping)) or not (isinstance(labels, Iterable) or hasattr(labels, "tolist")):
        raise InvalidValue(f"labels must be a list of classes, not {type(labels).__name__}: {labels!r}")
    listed = labels.tolist() if hasattr(labels, "tolist") else [v.item() if hasattr(v, "item") else v for v in labels]
    for label in listed:
        whole = isinstance(label, int) and -(2**63) <= label < 2**63
        if not (whole or isinstance(label, str) or (isinstance(label, float) and math.isfinite(label))):
            raise InvalidValue(f"labels must be texts, whole numbers or bools, and one is {label!r}")
    if len({(type(label), label) for label in listed}) != len(listed):
        raise InvalidValue(f"a label is there twice: {listed[:20]!r}")
    for name in _WIDE:
        width = columns[name].values.shape[1] if name in columns and columns[name].values.ndim == 2 else None
        if width is not None and width != len(listed):
            raise InvalidValue(f"{name} has {width} values a row, and the labels are {len(listed)}")
    return listed


def refuse_large(tree: Tree, calls: Iterable[PredictionsCall]) -> None:
    """Raise InvalidValue for a column above `max_blob` of `.ledger-schema`."""
    sizes = {
        f"the column {name!r} of the predictions": len(column.data)
        for call in calls
        for name, column in call.columns.items()
    }
    pictures.refuse_sizes(tree, sizes)


def small_enough(tree: Tree, calls: Iterable[PredictionsCall]) -> list[PredictionsCall]:
    """Return the predictions that `max_blob` allows; the others are lost, with a warning that names them."""
    kept = []
    for call in calls:
        try:
            refuse_large(tree, [call])
            kept.append(call)
        except InvalidValue as error:
            of = "" if call.split is None else f" of {call.split!r}"
            warn(f"predictions{of} are lost: {error.message}")
    return kept


def store(tree: Tree, call: PredictionsCall) -> dict[str, Any]:
    """Store the columns of a call, equal ones once, and return what a journal or an entry says of them."""
    fields, named = described(call)
    for blob in named:
        blobs.write(tree, blob)
    return fields


def described(call: PredictionsCall) -> tuple[dict[str, Any], list[blobs.Blob]]:
    """Return what a journal or an entry says of predictions, and the blobs that are to be stored before."""
    named = {name: blobs.of(column.data, "parquet") for name, column in call.columns.items()}
    columns = {
        name: {"blob": named[name].sha256, "digest": column.digest, "dtype": column.dtype}
        for name, column in call.columns.items()
    }
    fields = {**call._asdict(), "columns": columns}
    return {key: value for key, value in fields.items() if value is not None}, list(named.values())
