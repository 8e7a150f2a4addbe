"""The sheet of thresholds of two classes: each class metric over thresholds, and the exact best threshold of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ledger.evaluate import quotients
from ledger.evaluate.arrays import Array
from ledger.evaluate.scores import ScoreCounts

# The class metrics over thresholds, and those of them that are better when smaller.
SHEET = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "npv"),
    *("fpr", "fnr", "fdr", "f1", "f2", "mcc", "cohen_kappa"),
)
_SMALLER = frozenset({"fpr", "fnr", "fdr"})
_GRID = np.arange(1, 100) / 100
_QUANTILES = np.arange(1, 50) / 50  # of the scores of each class, where the grid is too coarse
_COARSE = 0.1  # the share of a class between two thresholds of the grid from which on it is,
_FEW = 10  # unless these are so few distinct scores
_SLACK = 1e-12  # relative; sums of weights are rounded


def sheet(state: ScoreCounts) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return columns (`threshold`, then one a metric), and the best threshold of each metric; see `best`."""
    counts = state.cuts()
    found = {name: best(state, quotients.column(name, counts), name in _SMALLER) for name in SHEET}
    chosen = [one["threshold"] for one in found.values() if one is not None]
    thresholds = np.unique(np.concatenate([_vertices(state), chosen]))
    above = state.above(thresholds)
    return {"threshold": thresholds} | {name: quotients.column(name, above) for name in SHEET}, found


def best(state: ScoreCounts, values: Array, smaller: bool) -> dict[str, float] | None:
    """Return threshold and value of the best of all distinct scores; None where the metric is undefined all along.

    `values` are those of `ScoreCounts.cuts`. Thresholds that lie between the same two scores tie always: of all that
    tie it is the middle of the widest stretch, of equally wide ones that of the lowest.
    """
    lows, highs = _stretches(state.scores)
    if not lows[0] < highs[0]:  # nothing is below the least number there is
        values = np.append(np.nan, values[1:])
    if not np.isfinite(values).any():
        return None
    value = float(np.nanmin(values) if smaller else np.nanmax(values))
    with np.errstate(invalid="ignore"):
        tied = np.abs(values - value) <= _SLACK * abs(value)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], tied, [False]])))
    low, high = lows[ends[::2]], highs[ends[1::2] - 1]
    at = int(np.argmax(high / 2 - low / 2))
    middle = float(low[at] / 2 + high[at] / 2)
    return {"threshold": middle if low[at] <= middle < high[at] else float(low[at]), "value": value}


def _stretches(scores: Array) -> tuple[Array, Array]:
    """Return for each cut between ascending scores, before the first and behind the last, the thresholds [low, high).

    All rows are positive from a hundredth of the scores' range below the least of them; of probabilities, from 0.
    """
    least, greatest = float(scores[0]), float(scores[-1])
    step = greatest / 100 - least / 100 or max(abs(least), 1.0) / 100
    low = min(least - step, math.nextafter(least, -math.inf))
    if least > 0 and low < 0:
        low = 0.0
    return np.append(low if math.isfinite(low) else least, scores), np.append(scores, greatest)


def _vertices(state: ScoreCounts) -> Array:
    """Return the thresholds of the sheet: a grid, and quantiles of the scores where the grid is too coarse for them."""
    low, high = float(state.scores[0]), float(state.scores[-1])
    if state.outside() is None:
        grid = _GRID[(low <= _GRID) & (high >= _GRID)]
    else:
        grid = evenly(low, high, 101)[1:-1]
    below = np.searchsorted(state.scores, grid, side="right")
    between = np.diff(below, prepend=0, append=len(state.scores))  # distinct scores, and below the weights of a class
    found = [grid]
    for weight in (state.positive, state.negative):
        up_to = np.append(0.0, np.cumsum(weight))
        share = np.diff(up_to[below], prepend=0.0, append=up_to[-1])
        if up_to[-1] and (not len(grid) or ((share > _COARSE * up_to[-1]) & (between > _FEW)).any()):
            found.append(state.scores[np.searchsorted(up_to[1:], _QUANTILES * up_to[-1] * (1 - _SLACK))])
    return np.concatenate(found)


def evenly(low: float, high: float, count: int) -> Array:
    """Return values from low to high, evenly apart; their distance may be beyond float64."""
    found = np.linspace(low / 2, high / 2, count) * 2
    found[0], found[-1] = low, high
    return found
