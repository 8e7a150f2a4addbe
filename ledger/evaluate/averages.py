"""One value from those of the labels: macro, weighted, micro; labels without a value are left out, not taken as 0."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.confusion import Confusion
from ledger.evaluate.results import Value, ratio
from ledger.format.values import Undefined


def averaged(
    values: Sequence[Value], weights: Iterable[float] | None = None, reason: str = "it is 0/0 for every label"
) -> Value:
    """Return the mean, weighted or not, of the values that are defined; undefined, with this reason, where none is."""
    heavy = [1.0] * len(values) if weights is None else [float(weight) for weight in weights]
    known = [(v, w) for v, w in zip(values, heavy, strict=True) if not isinstance(v, Undefined) and w > 0]
    if not known:
        return Undefined(reason)
    return math.fsum(v * w for v, w in known) / math.fsum(w for _, w in known)


def as_stand_in(given: Any) -> float | None:
    """Return what 0/0 stands for in averages: None (it is left out) or a number; raises InvalidValue."""
    if given is None:
        return None
    if isinstance(given, bool) or given not in (0, 1):
        raise InvalidValue(f"zero_division must be None, 0 or 1, not {given!r}")
    return float(given)


def filled(values: Sequence[Value], stand_in: float | None, present: Sequence[bool]) -> list[Value]:
    """Return the values of the labels that are present, 0/0 replaced by a number where one is asked for."""
    return [
        stand_in if stand_in is not None and isinstance(value, Undefined) else value
        for value, there in zip(values, present, strict=True)
        if there
    ]


def of_each_label(counts: Array, labels: Sequence[Any]) -> dict[str, list[Value]]:
    """Return precision, recall, f1 and jaccard of each label from counts (K, 3) of tp, fp, fn."""
    result: dict[str, list[Value]] = {"precision": [], "recall": [], "f1": [], "jaccard": []}
    for (tp, fp, fn), label in zip(counts.tolist(), labels, strict=True):
        result["precision"].append(ratio(tp, tp + fp, f"no row was predicted to be {label!r}"))
        result["recall"].append(ratio(tp, tp + fn, f"no row is truly {label!r}"))
        neither = f"neither truth nor predictions have {label!r}"
        result["f1"].append(ratio(2 * tp, 2 * tp + fp + fn, neither))
        result["jaccard"].append(ratio(tp, tp + fp + fn, neither))
    return result


def of_confusion(state: Confusion) -> Array:
    """Return tp, fp, fn of each label against the rest (K, 3)."""
    off = state.counts.copy()
    np.fill_diagonal(off, 0.0)
    return np.stack((state.hits(), off.sum(axis=0), off.sum(axis=1)), axis=1)
