"""Which kind and which labels rows have that come in chunks: told from few of them, which stand for all.

Kept are rows with a label that no row before had, of those that count and of the others, and of each chunk the rows
with the least and the greatest value, with a fraction, and without a value: `guess` and `check` look at nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.evaluate.arrays import Array, as_array, as_numbers, missing_in
from ledger.evaluate.inputs import check
from ledger.evaluate.kinds import guess

LABELS_MAX = 10_000
NAMES = ("y_true", "y_pred", "y_score", "sample_weight")


class Survey:
    """What is known of the rows so far; `update` takes them as `evaluate` does.

    `complete` says whether the rows kept stand for all: not where there are more than 10,000 labels.
    """

    def __init__(self) -> None:
        self.complete = True
        self._known = 0  # rows with a truth
        self._seen: dict[tuple[str, bool], set[Any]] = {}
        self._kept: dict[str, list[Array]] = {}

    def update(self, y_true: Any, y_pred: Any = None, y_score: Any = None, sample_weight: Any = None) -> None:
        """Take in one chunk."""
        given = zip(NAMES, (y_true, y_pred, y_score, sample_weight), strict=True)
        arrays = {name: as_array(name, values) for name, values in given if values is not None}
        counts = _counting(arrays)
        missing = missing_in(arrays["y_true"])
        self._known += len(counts) - (0 if missing is None or missing.ndim > 1 else int(missing.sum()))
        picked: set[int] = set(range(min(1, len(counts))))
        for name in ("y_true", "y_pred"):
            array = arrays.get(name)
            if array is None or array.ndim > 1:
                continue
            missing = missing_in(array)
            there = np.ones(len(array), bool) if missing is None else ~missing
            picked |= set(np.flatnonzero(~there)[:1].tolist()) | _extremes(array)
            for which in (True, False):
                rows = np.flatnonzero(there & (counts == which))
                picked |= self._new((name, which), array, rows)
        rows = np.array(sorted(picked), np.int64)
        for name, array in arrays.items():
            self._kept.setdefault(name, []).append(array[rows])

    def _new(self, which: tuple[str, bool], array: Array, rows: Array) -> set[int]:
        """Return the rows, of those given, with a value that was not there before."""
        seen = self._seen.setdefault(which, set())
        found = array[rows]
        if found.dtype.kind in "OU":
            first = dict(zip(reversed(found.tolist()), reversed(rows.tolist()), strict=True))
        else:
            values, at = np.unique(found, return_index=True)
            first = dict(zip(values[: LABELS_MAX + 1].tolist(), rows[at].tolist(), strict=False))
        new = [(value, row) for value, row in first.items() if value not in seen]
        room = LABELS_MAX - len(seen)
        if len(new) > room:
            self.complete = False
        seen |= {value for value, _ in new[:room]}
        return {row for _, row in new[:room]}

    def kind(self) -> str:
        """Return the kind that all rows stand for."""
        rows = self._rows()
        return guess(rows["y_true"], rows.get("y_pred"), rows.get("y_score"), self._known)

    def labels(self, kind: str, threshold: float, names: Sequence[str] = NAMES) -> tuple[Any, ...]:
        """Return the labels of all rows, by the arrays of these names, in order.

        Raises InvalidValue for rows that are no such evaluation.
        """
        rows = {name: array for name, array in self._rows().items() if name in names}
        return check(kind, **rows, threshold=threshold).labels

    def _rows(self) -> dict[str, Array]:
        return {name: np.concatenate(parts) for name, parts in self._kept.items()}


def _counting(arrays: dict[str, Array]) -> Array:
    """Return which rows have a truth and a weight."""
    truth = arrays["y_true"]
    missing = missing_in(truth)
    counts: Array = np.ones(len(truth), bool)
    if missing is not None:
        counts &= ~missing.reshape(len(truth), -1).any(axis=1)
    if "sample_weight" in arrays:
        counts &= as_numbers("sample_weight", arrays["sample_weight"]).reshape(len(truth), -1)[:, 0] > 0
    return counts


def _extremes(array: Array) -> set[int]:
    """Return the rows of the least and the greatest finite value and of a fraction, of an array of floats."""
    if array.dtype.kind != "f":
        return set()
    rows = np.flatnonzero(np.isfinite(array))
    if not rows.size:
        return set()
    found = array[rows]
    fractions = np.flatnonzero(found != np.rint(found))[:1]
    return {int(rows[at]) for at in (found.argmin(), found.argmax(), *fractions)}
