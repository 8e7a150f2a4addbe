"""State of multiclass scores: for each column, how much weight each distinct pair of score and true class has.

Exact and mergeable. From it come `ScoreCounts` of one class against the rest, and the AUC of each pair of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.losses import total
from ledger.evaluate.results import Value
from ledger.evaluate.scores import ScoreCounts
from ledger.format.values import Undefined

Column = tuple[Array, Array, Array]


class ClassScores:
    """K columns, each of scores ascending, the true codes, and weights; rows are sorted when first asked for."""

    def __init__(self, labels: Sequence[Any]) -> None:
        self.labels = tuple(labels)
        self._columns: list[Column] = [(np.zeros(0), np.zeros(0, np.int64), np.zeros(0)) for _ in self.labels]
        self._new: list[list[Column]] = [[] for _ in self.labels]
        self._pairs: Array | None = None
        self._counts: dict[int, ScoreCounts] = {}

    def update(self, scores: Array, truth: Array, weight: Array | None = None) -> None:
        """Take in rows: finite scores (n, K), codes of the truth (n,), weights (n,) or None for 1 each."""
        heavy = np.ones(len(truth)) if weight is None else weight
        self._add([(scores[:, code], truth, heavy) for code in range(len(self.labels))])

    def merge(self, other: ClassScores) -> None:
        """Take in what another one has seen; raises InvalidValue where the labels differ."""
        if self.labels != other.labels:
            raise InvalidValue(f"the labels differ: {self.labels!r} and {other.labels!r}")
        self._add([other.column(code) for code in range(len(self.labels))])

    def _add(self, columns: Sequence[Column]) -> None:
        for code, column in enumerate(columns):
            self._new[code].append(column)
        self._pairs, self._counts = None, {}

    def column(self, code: int) -> Column:
        """Return scores, true codes and weights of a column, ascending, each pair of score and code once."""
        if self._new[code]:
            parts = zip(self._columns[code], *self._new[code], strict=True)
            scores, truth, weight = (np.concatenate(part) for part in parts)
            order = np.lexsort((truth, scores))
            scores, truth, weight = scores[order], truth[order], weight[order]
            differs = (scores[1:] != scores[:-1]) | (truth[1:] != truth[:-1])
            starts = np.flatnonzero(np.append(True, differs)) if scores.size else np.zeros(0, np.int64)
            if starts.size < scores.size:
                scores, truth, weight = scores[starts], truth[starts], np.add.reduceat(weight, starts)
            self._columns[code], self._new[code] = (scores, truth, weight), []
        return self._columns[code]

    def counts(self, code: int) -> ScoreCounts:
        """Return a column's scores as those of its class against the rest; not to be changed."""
        if code not in self._counts:
            self._counts[code] = self._counted(code)
        return self._counts[code]

    def _counted(self, code: int) -> ScoreCounts:
        scores, truth, weight = self.column(code)
        result = ScoreCounts()
        if scores.size:
            starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
            own = np.where(truth == code, weight, 0.0)
            result.scores = scores[starts]
            result.positive = np.add.reduceat(own, starts)
            result.negative = np.add.reduceat(np.where(truth == code, 0.0, weight), starts)
        return result

    def mass(self) -> Array:
        """Return the weight of each true class (K,)."""
        _, truth, weight = self.column(0) if self.labels else (None, np.zeros(0, np.int64), np.zeros(0))
        return np.array([total(weight[truth == code])[0] for code in range(len(self.labels))])

    def pairs(self) -> Array:
        """Return (K, K): by the scores of column j, the chance that a row of class j is above one of class k, ties
        counting half; NaN where one of the two has no rows, and for j = k.
        """
        if self._pairs is None:
            size, mass = len(self.labels), self.mass()
            self._pairs = np.full((size, size), np.nan)
            for j in np.flatnonzero(mass).tolist():
                wins = self._wins(j)
                others = [k for k in np.flatnonzero(mass).tolist() if k != j]
                self._pairs[j, others] = wins[others] / (mass[j] * mass[others])
        return self._pairs

    def _wins(self, j: int) -> Array:
        """Return, for each class k, the weight of pairs (a row of class j above one of class k), ties by half."""
        scores, truth, weight = self.column(j)
        own = truth == j
        above = np.append(0.0, np.cumsum(weight[own]))
        low, high = (np.searchsorted(scores[own], scores, side=side) for side in ("left", "right"))
        won = weight * (above[-1] - (above[low] + above[high]) / 2)
        order = np.argsort(truth, kind="stable")
        ends = np.searchsorted(truth[order], np.arange(len(self.labels) + 1))
        parts = (won[order][start:stop] for start, stop in pairwise(ends.tolist()))
        return np.array([total(part)[0] for part in parts])

    def one_vs_rest(self) -> list[Value]:
        """Return each class's AUC against all others; undefined where one of the two sides has no rows."""
        mass, result = self.mass(), list[Value]()
        for code, label in enumerate(self.labels):
            rest = [k for k in range(len(self.labels)) if k != code and mass[k] > 0]
            if mass[code] == 0 or not rest:
                side = "is truly" if mass[code] == 0 else "is other than"
                result.append(Undefined(f"no row {side} {label!r}"))
            else:
                shares = self.pairs()[code, rest] * mass[rest]
                result.append(total(shares)[0] / total(mass[rest])[0])
        return result

    def one_vs_one(self, *, weighted: bool) -> Value:
        """Return the mean over pairs of classes of their AUC (Hand and Till), by the weight of a pair's rows or not."""
        mass, pairs = self.mass(), self.pairs()
        there = np.flatnonzero(mass).tolist()
        both = [(j, k) for i, j in enumerate(there) for k in there[i + 1 :]]
        if not both:
            return Undefined("one class in y_true" if there else "no rows")
        values = np.array([(pairs[j, k] + pairs[k, j]) / 2 for j, k in both])
        weights = np.array([mass[j] + mass[k] for j, k in both]) if weighted else np.ones(len(both))
        return total(values * weights)[0] / total(weights)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain arrays."""
        columns = [self.column(code) for code in range(len(self.labels))]
        return {"labels": list(self.labels), "columns": [list(column) for column in columns]}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ClassScores:
        """Return what `to_dict` was given."""
        state = cls(plain["labels"])
        state._columns = [
            (np.array(s, np.float64), np.array(t, np.int64), np.array(w, np.float64)) for s, t, w in plain["columns"]
        ]
        return state
