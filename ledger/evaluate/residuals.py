"""State of what needs every row of a regression: medians, quantiles and the charts. The rows themselves are kept.

Exact up to `LIMIT` rows, 24 bytes each; beyond, nothing is kept, and what needs the rows is undefined and says so.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from ledger.evaluate.arrays import Array
from ledger.evaluate.losses import total
from ledger.evaluate.results import ChartData, Value, finite
from ledger.format.values import Undefined

LIMIT = 1 << 24
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_RANGE = "beyond the range of float64"
_HUGE = 1e150  # squares of larger values may be infinite
_POINTS_MAX = 5000  # beyond, a chart of points has the weight of each cell of a grid
_CELLS = 64
_BINS_MAX = 100
_GROUPS = 10


class Residuals(msgspec.Struct):
    """Rows kept: `parts` are arrays (3, n) of truth, prediction and weight; `ordered` says that one is left, sorted."""

    limit: int = LIMIT
    rows: int = 0
    parts: list[Array] = []
    ordered: bool = False

    def update(self, truth: Array, predicted: Array, weight: Array | None = None) -> None:
        """Add rows: truth and predictions (n,), finite; weights (n,) above 0, each 1 if None."""
        part = np.vstack((truth, predicted, np.ones(len(truth)) if weight is None else weight))
        self.merge(Residuals(self.limit, len(truth), [part]))

    def merge(self, other: Residuals) -> None:
        """Add the rows of another state; the smaller limit holds."""
        self.rows += other.rows
        self.limit = min(self.limit, other.limit)
        self.parts = [*self.parts, *other.parts] if self.rows <= self.limit else []
        self.ordered = False

    def _absent(self) -> Undefined | None:
        if self.rows > self.limit:
            return Undefined(f"needs every row, and at most {self.limit} are kept: there are {self.rows}")
        return None if self.rows else Undefined("no rows")

    def problem(self) -> Undefined | None:
        """Return why there are no rows to work on with squares, or None."""
        if problem := self._absent():
            return problem
        largest = max(float(np.abs(part[:2]).max()) for part in self.parts if part.size)
        return None if largest < _HUGE else Undefined(_RANGE)

    def kept(self) -> Array:
        """Return the rows (3, n) in an order that does not depend on how they came: truth, prediction, weight."""
        if not self.ordered:
            rows = self._rows()
            order = np.argsort(rows[0])
            if (np.diff(rows[0][order]) == 0).any():
                order = np.lexsort(rows[::-1])
            self.parts, self.ordered = [np.ascontiguousarray(rows[:, order])], True
        return self.parts[0]

    def _rows(self) -> Array:
        return np.concatenate(self.parts, axis=1) if self.parts else np.zeros((3, 0))

    def median_absolute_error(self) -> Value:
        """Return the weighted median of |prediction - truth|, the middle of the two where half the weight divides."""
        if problem := self._absent():
            return problem
        truth, predicted, weight = self._rows()
        with np.errstate(over="ignore"):  # where a single error is beyond float64, the median need not be
            median = quantiles(np.abs(predicted - truth), weight, (0.5,))[0]
        return finite(median, _RANGE)

    def mean_distance_from_median(self) -> Value:
        """Return the weighted mean of |truth - its weighted median|."""
        if problem := self.problem():
            return problem
        truth, _, weight = self._rows()
        middle = quantiles(truth, weight, (0.5,))[0]
        return total(np.abs(truth - middle) * weight)[0] / total(weight)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values and arrays; `from_dict` gives it back."""
        truth, predicted, weight = self.kept()
        return {"limit": self.limit, "rows": self.rows, "truth": truth, "predicted": predicted, "weight": weight}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Residuals:
        """Return the state that `to_dict` described."""
        part = np.vstack([np.asarray(data[name], np.float64) for name in ("truth", "predicted", "weight")])
        return cls(data["limit"], data["rows"], [part] if part.size else [])


def quantiles(values: Array, weight: Array, shares: tuple[float, ...]) -> list[float]:
    """Return weighted quantiles of values (n,), n > 0, as scikit-learn does: the inverse of the distribution,
    averaged with the next value where a share falls on a step. With equal weights 0.5 is the median.
    """
    if (weight == weight[0]).all():
        ordered, below = np.sort(values), np.arange(1.0, len(values) + 1)
    else:
        order = np.lexsort((weight, values))
        ordered, below = values[order], np.cumsum(weight[order])
    result = []
    for share in shares:
        target = share * below[-1]
        slack = 1e-12 * below[-1]  # weights are added up with rounding
        first = min(int(np.searchsorted(below, target - slack)), len(ordered) - 1)
        on_step = first + 1 < len(ordered) and abs(below[first] - target) <= slack
        low, high = ordered[first], ordered[first + 1 if on_step else first]
        result.append(float(low + (high - low) / 2))
    return result


def predicted_vs_true(state: Residuals) -> ChartData | Undefined:
    """Return predictions against truths: points, or beyond 5000 rows the weight of each cell of a grid."""
    if problem := state.problem():
        return problem
    truth, predicted, weight = state.kept()
    ends = (float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max())))
    return _points("predicted_vs_true", {"truth": truth, "predicted": predicted}, weight, (ends, ends))


def residuals(state: Residuals) -> ChartData | Undefined:
    """Return residuals (truth - prediction) against predictions, as points or cells, with their quantiles."""
    if problem := state.problem():
        return problem
    truth, predicted, weight = state.kept()
    residual = truth - predicted
    ends = [(float(column.min()), float(column.max())) for column in (predicted, residual)]
    chart = _points("residuals", {"predicted": predicted, "residual": residual}, weight, (ends[0], ends[1]))
    shares = quantiles(residual, weight, QUANTILES)
    chart.facts["quantiles"] = {f"{share:g}": value for share, value in zip(QUANTILES, shares, strict=True)}
    return chart


def residual_histogram(state: Residuals) -> ChartData | Undefined:
    """Return the weight of residuals (truth - prediction) in bins of equal width, by Freedman and Diaconis' rule."""
    if problem := state.problem():
        return problem
    truth, predicted, weight = state.kept()
    residual = truth - predicted
    low, high = float(residual.min()), float(residual.max())
    quarters = quantiles(residual, weight, (0.25, 0.75))
    width = 2 * (quarters[1] - quarters[0]) / len(residual) ** (1 / 3)
    least = math.ceil(math.log2(len(residual)) + 1)  # by Sturges' rule, where half the residuals are alike
    bins = min(_BINS_MAX, max(least, math.ceil((high - low) / width) if width * _BINS_MAX > high - low else _BINS_MAX))
    if low == high:  # such as 0 everywhere: one bin about it
        half = max(0.5, abs(low) * 1e-9)
        bins, low, high = 1, low - half, high + half
    edges = np.linspace(low, high, bins + 1)
    if not (edges[1:] > edges[:-1]).all():  # float64 has too few numbers between them
        bins, edges = 1, np.array([low, high])
    counts = np.bincount(_cells(residual, low, high, bins), weights=weight, minlength=bins)
    facts = {"n": state.rows, "mean": float(np.average(residual, weights=weight))}
    return ChartData("histogram", {"low": edges[:-1], "high": edges[1:], "count": counts}, facts)


def error_by_decile(state: Residuals) -> ChartData | Undefined:
    """Return the errors in tenths of the rows by prediction; equal predictions stay in one group, the lower one."""
    if problem := state.problem():
        return problem
    truth, predicted, weight = state.kept()
    shares = tuple(i / _GROUPS for i in range(1, _GROUPS))
    edges = np.unique([*quantiles(predicted, weight, shares), predicted.max()])
    group = np.searchsorted(edges, predicted)
    error = predicted - truth
    sums = [
        np.bincount(group, weights=of * weight, minlength=len(edges))
        for of in (np.ones_like(error), predicted, truth, error, np.abs(error), error * error)
    ]
    filled = np.flatnonzero(sums[0])
    mass, mean_predicted, mean_truth, bias, mae, mse = (of[filled] for of in sums)
    columns: dict[str, Array | list[Any]] = {
        "low": np.array([predicted[group == i].min() for i in filled.tolist()]),
        "high": np.array([predicted[group == i].max() for i in filled.tolist()]),
        "count": mass,
        "predicted": mean_predicted / mass,
        "truth": mean_truth / mass,
        "bias": bias / mass,
        "mae": mae / mass,
        "rmse": np.sqrt(mse / mass),
    }
    return ChartData("table", columns, {"n": state.rows, "title": "error by decile of the prediction"})


def _points(
    kind: str, axes: dict[str, Array], weight: Array, ends: tuple[tuple[float, float], tuple[float, float]]
) -> ChartData:
    """Return points and their weights; of many rows the middles of the cells of a grid that hold any."""
    if weight.size <= _POINTS_MAX:
        return ChartData(kind, {**axes, "weight": weight}, {"n": weight.size, "cells": None})
    places = [_cells(axis, *end, _CELLS) for axis, end in zip(axes.values(), ends, strict=True)]
    sums = np.bincount(places[0] * _CELLS + places[1], weights=weight, minlength=_CELLS * _CELLS)
    filled = np.flatnonzero(sums)
    middles = [
        low + (at + 0.5) * ((high - low) / _CELLS)
        for (low, high), at in zip(ends, (filled // _CELLS, filled % _CELLS), strict=True)
    ]
    columns: dict[str, Array | list[Any]] = {**dict(zip(axes, middles, strict=True)), "weight": sums[filled]}
    widths = [(high - low) / _CELLS for low, high in ends]
    return ChartData(kind, columns, {"n": weight.size, "cells": widths})


def _cells(values: Array, low: float, high: float, count: int) -> Array:
    """Return in which of `count` cells of equal width from low to high each value lies; the last has both ends."""
    if low == high:
        return np.zeros(values.size, np.int64)
    return np.minimum(((values - low) / (high - low) * count).astype(np.int64), count - 1)
