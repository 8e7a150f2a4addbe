"""Curves with fewer vertices: what is left out changes the area under the curve by less than 1e-4 of its frame.

Stored charts are thinned, since a million rows give a million vertices and a picture shows a few hundred. End points
stay, and so do the vertices that people ask for: the best threshold, the greatest distance between two curves.
"""

from __future__ import annotations

import heapq
import math
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from ledger.evaluate.results import ChartData

Array: TypeAlias = np.ndarray[Any, Any]

VERTICES_MAX = 500  # of one curve
AREA_MAX = 1e-4  # by which the areas under it may change, in all
_TOTAL_MAX = 2_000  # of the curves of all classes
_LEAST = 64  # of one curve, however many classes there are
_COARSE = 8  # how many times as many vertices are weighed one by one
PAIRS_MAX = 2500  # of a confusion matrix; of larger ones, those with no row are left out

# The curves of a kind: which columns are x and y.
CURVES = {
    "roc": [("fpr", "tpr")],
    "pr": [("recall", "precision")],
    "ks": [("score", "positive"), ("score", "negative")],
    "gain": [("share", "gain"), ("share_negative", "gain_negative")],
    "lift": [("share", "lift"), ("share_negative", "lift_negative")],
}


def thinned(chart: ChartData) -> ChartData:
    """Return a chart as it is stored: long curves with fewer vertices, the fact `vertices` saying how many they had.

    Of a confusion matrix of more than 50 labels the pairs without a row are left out; the fact `labels` has all labels.
    """
    if chart.kind == "confusion" and "true" in chart.columns and len(chart.columns["true"]) > PAIRS_MAX:
        return _taken(chart, np.flatnonzero(np.asarray(chart.columns["count"])))
    if chart.kind not in CURVES:
        return chart
    size = len(next(iter(chart.columns.values())))
    starts = _starts(chart.columns.get("class"), size)
    limit = min(VERTICES_MAX, max(_LEAST, _TOTAL_MAX // max(len(starts) - 1, 1)))
    kept = [start + _kept(chart, slice(start, end), limit) for start, end in pairwise(starts)]
    keep = np.concatenate(kept) if kept else np.zeros(0, np.int64)
    if len(keep) == size:
        return chart
    found = _taken(chart, keep)
    found.facts["vertices"] = size
    return found


def _taken(chart: ChartData, keep: Array) -> ChartData:
    columns: dict[str, Any] = {
        name: column[keep] if isinstance(column, np.ndarray) else [column[i] for i in keep.tolist()]
        for name, column in chart.columns.items()
    }
    return ChartData(chart.kind, columns, dict(chart.facts))


def _starts(classes: Any, size: int) -> list[int]:
    """Return where the curves of the classes begin, and where the last one ends."""
    if classes is None:
        return [0, size]
    return [i for i in range(size) if not i or classes[i] != classes[i - 1]] + [size]


def _kept(chart: ChartData, part: slice, limit: int) -> Array:
    """Return which vertices of one curve stay."""
    columns = {name: np.asarray(chart.columns[name][part], np.float64) for pair in CURVES[chart.kind] for name in pair}
    size = part.stop - part.start
    if size <= limit:
        return np.arange(size)
    lines = [(_scaled(columns[x]), _scaled(columns[y])) for x, y in CURVES[chart.kind]]
    must = _must(chart.kind, columns, size)
    while True:
        keep = _weighed(lines, must, limit) if limit < size else np.arange(size)
        if limit >= size or _change(lines, keep) < AREA_MAX:
            return keep
        limit *= 2


def _scaled(values: Array) -> Array:
    """Return values from 0 to 1."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _must(kind: str, columns: dict[str, Array], size: int) -> list[int]:
    """Return the vertices that stay: both ends, and the one that is best by what the curve is read for."""
    if kind == "ks":
        best = np.abs(columns["positive"] - columns["negative"])
    elif kind == "pr":
        both = columns["recall"] + columns["precision"]
        best = np.divide(columns["recall"] * columns["precision"], both, out=np.zeros_like(both), where=both > 0)
    else:
        (x, y), *_ = CURVES[kind]
        best = columns[y] - columns[x]
    return sorted({0, size - 1, int(np.argmax(best))})


def _weighed(lines: list[tuple[Array, Array]], must: list[int], limit: int) -> Array:
    """Return `limit` vertices: those without which the area changes most, of some that lie evenly on the curves."""
    size = len(lines[0][0])
    rank = np.zeros(size)
    for x, y in lines:
        along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        rank += along / along[-1] if along[-1] > 0 else np.zeros(size)
    rank /= rank[-1] or 1.0
    cells = np.floor(rank * limit * _COARSE)
    coarse = np.union1d(np.flatnonzero(np.diff(cells, prepend=-1.0)), must)
    held = np.isin(coarse, must)
    picked = [(x[coarse], y[coarse]) for x, y in lines]
    return np.asarray(coarse[_reduced(picked, held, limit)])


def _reduced(lines: list[tuple[Array, Array]], held: Array, limit: int) -> Array:
    """Return which vertices stay when the one with the least triangle goes, again and again (Visvalingam)."""
    size = len(held)
    points = [(x.tolist(), y.tolist()) for x, y in lines]
    before, after = list(range(-1, size - 1)), list(range(1, size + 1))
    gone, free = [False] * size, ~held

    def area(i: int) -> float:
        a, b = before[i], after[i]
        return math.fsum(abs((x[b] - x[a]) * (y[i] - y[a]) - (x[i] - x[a]) * (y[b] - y[a])) for x, y in points)

    now = [area(i) if free[i] else 0.0 for i in range(size)]
    heap = [(now[i], i) for i in range(size) if free[i]]
    heapq.heapify(heap)
    left = size
    while left > limit and heap:
        least, i = heapq.heappop(heap)
        if gone[i] or least != now[i]:
            continue
        gone[i] = True
        left -= 1
        a, b = before[i], after[i]
        after[a], before[b] = b, a
        for neighbour in (a, b):
            if free[neighbour]:
                # Not less than what went before, or one vertex after the other of a flat bend would go.
                now[neighbour] = max(area(neighbour), least)
                heapq.heappush(heap, (now[neighbour], neighbour))
    return np.flatnonzero(~np.array(gone))


def _change(lines: list[tuple[Array, Array]], keep: Array) -> float:
    """Return by how much the areas under the curves change, all parts between two vertices added up."""
    total = 0.0
    for x, y in lines:
        below = np.concatenate([[0.0], np.cumsum(np.diff(x) * (y[1:] + y[:-1]) / 2)])
        exact = np.diff(below[keep])
        straight = np.diff(x[keep]) * (y[keep][1:] + y[keep][:-1]) / 2
        total += float(np.abs(exact - straight).sum())
    return total
