"""Labels: which there are, in which order, and the rows as codes into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array, shown

_SHOWN = 6
_RANGE_MAX = 1 << 20  # integers within such a range are counted instead of sorted


def given(labels: Any) -> tuple[Any, ...]:
    """Return labels that the caller gave as a tuple of plain values, each once; raises InvalidValue."""
    if isinstance(labels, str | bytes) or not hasattr(labels, "__iter__"):
        raise InvalidValue(f"labels must be a list, not {type(labels).__name__}: {shown(labels)}")
    plain = tuple(label.item() if hasattr(label, "item") else label for label in labels)
    for i, label in enumerate(plain):
        if not isinstance(label, str | int | float) or label != label:
            raise InvalidValue(f"a label must be text, a number or a bool, not {shown(label)}")
        if label in plain[:i]:
            raise InvalidValue(f"labels has {shown(label)} twice")
    return tuple(_whole(label) for label in plain)


def found(arrays: Sequence[tuple[str, Array]]) -> list[Any]:
    """Return the distinct values of named arrays without missing ones, sorted; raises InvalidValue for mixed kinds."""
    values: set[Any] = set()
    text: tuple[str, Any] | None = None
    number: tuple[str, Any] | None = None
    for name, array in arrays:
        distinct = _distinct(name, array)
        words = sorted(value for value in distinct if isinstance(value, str))
        numbers = sorted(value for value in distinct if not isinstance(value, str))
        text = text or ((name, words[0]) if words else None)
        number = number or ((name, numbers[0]) if numbers else None)
        values |= {value for value in distinct if value not in values}
    if text and number:
        raise InvalidValue(
            f"labels are text in {text[0]} ({shown(text[1])}) and numbers in {number[0]} ({shown(number[1])})",
            hint="give both as text or both as numbers",
        )
    return sorted(values)


def check_predicted(arrays: Sequence[tuple[str, Array]]) -> None:
    """Raise InvalidValue where predictions have fractions that the truth has not: they are no labels."""
    (_, truth), *others = arrays
    for name, predicted in others:
        fractions = predicted[predicted != np.rint(predicted)] if predicted.dtype.kind == "f" else predicted[:0]
        if fractions.size and (strange := set(_distinct(name, fractions)) - set(_distinct("y_true", truth))):
            raise _stranger(name, min(strange), _distinct("y_true", truth))


def _distinct(name: str, array: Array) -> list[Any]:
    """Return the distinct values of an array as plain text, numbers and bools; raises InvalidValue for others."""
    flat = array.ravel()
    if flat.dtype.kind == "b":
        return [value for value, has in ((False, not flat.all()), (True, bool(flat.any()))) if has and flat.size]
    if flat.dtype.kind in "OU":
        plain = flat.tolist()
        for value in plain:
            if not isinstance(value, str | int | float):
                raise InvalidValue(f"{name} has {shown(value)}, which cannot be a label: give text, numbers or bools")
        return list(set(plain))
    if flat.size == 0:
        return []
    low, high = flat.min(), flat.max()
    if flat.dtype.kind == "f":
        if not np.isfinite(low) or not np.isfinite(high) or not np.array_equal(flat, np.rint(flat)):
            return [_whole(value) for value in np.unique(flat).tolist()]
        if abs(low) > _RANGE_MAX or abs(high) > _RANGE_MAX:
            return [_whole(value) for value in np.unique(flat).tolist()]
        flat, low, high = flat.astype(np.int64), int(low), int(high)
    if int(high) - int(low) < min(_RANGE_MAX, 16 * flat.size + 1000):
        return [int(low) + code for code in np.flatnonzero(np.bincount((flat - low).astype(np.int64))).tolist()]
    return list(np.unique(flat).tolist())


def _whole(label: Any) -> Any:
    return int(label) if isinstance(label, float) and label.is_integer() else label


def encode(name: str, array: Array, labels: Sequence[Any]) -> Array:
    """Return an array as int64 codes into labels; raises InvalidValue naming a value that is none of them."""
    if array.dtype.kind in "OU":
        table = {label: code for code, label in enumerate(labels)}
        try:
            flat = [table[value] for value in array.ravel().tolist()]
        except (KeyError, TypeError):
            flat = None
        if flat is None:
            raise _stranger(name, next(v for v in array.ravel().tolist() if v not in table), labels)
        return np.array(flat, dtype=np.int64).reshape(array.shape)
    if array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if any(isinstance(label, str) for label in labels):
        raise _stranger(name, array.ravel()[0].item(), labels)
    if list(labels) == list(range(len(labels))):  # the labels are their own codes
        with np.errstate(invalid="ignore"):  # an infinity, which is found below
            codes = array.astype(np.int64)
        wrong = (codes < 0) | (codes >= len(labels))
        if array.dtype.kind == "f":
            wrong |= codes != array
    else:
        known = np.array(labels, dtype=np.float64 if array.dtype.kind == "f" else None)
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known[order], array), len(labels) - 1)
        codes = order[place].astype(np.int64)
        wrong = known[codes] != array
    if wrong.any():
        raise _stranger(name, array[wrong].ravel()[0].item(), labels)
    return codes


def _stranger(name: str, value: Any, labels: Sequence[Any]) -> InvalidValue:
    hint = None
    if name == "y_pred" and isinstance(value, float) and not value.is_integer():
        hint = "scores are given as y_score="
    return InvalidValue(f"{name} has {shown(value)}, which is none of the labels {listed(labels)}", hint=hint)


def listed(labels: Sequence[Any]) -> str:
    """Write labels for a message, the first few of many."""
    few = ", ".join(shown(label) for label in labels[:_SHOWN])
    return few if len(labels) <= _SHOWN else f"{few}, ... ({len(labels)})"


def for_two(values: Sequence[Any]) -> tuple[Any, Any]:
    """Return (negative, positive) for the distinct values of a binary problem; raises InvalidValue if unclear."""
    if all(isinstance(value, bool) for value in values) and values:
        return (False, True)
    if set(values) <= {0, 1}:
        return (0, 1)
    if set(values) <= {-1, 1}:
        return (-1, 1)
    if len(values) == 2:
        return (values[0], values[1])
    if len(values) == 1:
        raise InvalidValue(
            f"only the label {shown(values[0])} occurs, and whether it is the positive one is not known",
            hint=f'say both, the positive one last: labels=("other", {values[0]!r})',
        )
    raise InvalidValue(
        f"kind is binary, and {len(values)} labels occur: {listed(values)}",
        hint='for more than two classes: kind="multiclass"; scores are given as y_score=',
    )
