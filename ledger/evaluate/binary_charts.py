"""Chart data for two classes: every curve from one sweep down the distinct scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ledger.evaluate import quotients, scores
from ledger.evaluate.arrays import Array
from ledger.evaluate.binary_states import BinaryStates
from ledger.evaluate.confusion import confusion_chart, report_chart
from ledger.evaluate.registry import Chart
from ledger.evaluate.results import ChartData
from ledger.format.values import Undefined

RULE = "score > threshold"

# The class metrics over thresholds, and those of them that are better when smaller.
SHEET = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "npv"),
    *("fpr", "fnr", "fdr", "f1", "f2", "mcc", "cohen_kappa"),
)
_SMALLER = frozenset({"fpr", "fnr", "fdr"})
_BARS = 50

Draw: TypeAlias = Callable[[BinaryStates], ChartData]


def _of_scores(draw: Draw, both_classes: bool = True) -> Chart:
    """Return a chart of scores that says why there is none: no usable scores, or one class."""

    def chart(states: BinaryStates) -> ChartData | Undefined:
        problem = states.rows.problem("scores")
        if problem is None and both_classes:
            problem = states.scores.one_class()
        return draw(states) if problem is None else problem

    return chart


def _of_labels(draw: Draw) -> Chart:
    return lambda states: states.rows.problem("labels") or draw(states)


def _facts(states: BinaryStates, **more: Any) -> dict[str, Any]:
    positive, negative = float(states.scores.positive.sum()), float(states.scores.negative.sum())
    return {"labels": list(states.labels), "positive": positive, "negative": negative, **more}


def roc(states: BinaryStates) -> ChartData:
    """Return false and true positive rates for each threshold, without the points inside a straight line."""
    threshold, tp, fp = states.scores.sweep()
    keep = _corners(fp, tp)
    columns = {"fpr": fp[keep] / fp[-1], "tpr": tp[keep] / tp[-1], "threshold": threshold[keep]}
    found = scores.roc_auc_interval(states.scores)
    interval = found if isinstance(found, Undefined) else list(found)
    facts = {"auc": scores.roc_auc(states.scores), "auc_interval": interval, "level": 0.95, "method": "DeLong"}
    return ChartData("roc", columns, _facts(states, rule=RULE, **facts))


def _corners(x: Array, y: Array) -> Array:
    """Return where a monotonous path bends: a point in a straight line between its neighbours is left out."""
    across, up = np.diff(x), np.diff(y)
    bends = across[:-1] * up[1:] != across[1:] * up[:-1]
    return np.flatnonzero(np.concatenate([[True], bends, [True]]))


def pr(states: BinaryStates) -> ChartData:
    """Return precision and recall for each threshold; where nothing is predicted positive, precision is drawn as 1."""
    threshold, tp, fp = states.scores.sweep()
    through = tp + fp
    precision = np.divide(tp, through, out=np.ones_like(tp), where=through > 0)
    columns = {"recall": tp / tp[-1], "precision": precision, "threshold": threshold}
    facts = _facts(states, rule=RULE, average_precision=scores.average_precision(states.scores))
    return ChartData("pr", columns, facts | {"prevalence": facts["positive"] / float(through[-1])})


def ks(states: BinaryStates) -> ChartData:
    """Return the share of each class with a score up to each distinct score, and where they are farthest apart."""
    state = states.scores
    positive, negative = np.cumsum(state.positive), np.cumsum(state.negative)
    columns = {"score": state.scores, "positive": positive / positive[-1], "negative": negative / negative[-1]}
    return ChartData("ks", columns, _facts(states, ks=scores.ks(state), at=scores.ks_at(state)))


def gain(states: BinaryStates) -> ChartData:
    """Return the share of a class found in the rows of the greatest scores (positive) or least scores (negative).

    `share` of the rows gives `gain` of the positives; `share_negative` of the rows from below `gain_negative`.
    """
    threshold, tp, fp = states.scores.sweep()
    rows = tp + fp
    from_below = np.append(0.0, np.cumsum(states.scores.positive + states.scores.negative))
    tn = np.append(0.0, np.cumsum(states.scores.negative))
    columns = {
        "share": rows / rows[-1], "gain": tp / tp[-1],
        "share_negative": from_below / from_below[-1], "gain_negative": tn / tn[-1], "threshold": threshold,
    }  # fmt: skip
    return ChartData("gain", columns, _facts(states, rule=RULE))


def lift(states: BinaryStates) -> ChartData:
    """Return gain over share of rows: how many times better than chance; as `gain`, without the point of no rows."""
    found = gain(states).columns
    shares = {name: np.asarray(found[name])[1:] for name in found}
    columns = {
        "share": shares["share"], "lift": shares["gain"] / shares["share"],
        "share_negative": shares["share_negative"],
        "lift_negative": shares["gain_negative"] / shares["share_negative"], "threshold": shares["threshold"],
    }  # fmt: skip
    return ChartData("lift", columns, _facts(states, rule=RULE))


def calibration(states: BinaryStates) -> ChartData | Undefined:
    """Return mean score, share of positives and weight of bins (low, high] of equal width over 0 to 1."""
    if (problem := states.rows.problem("scores")) is not None:
        return problem
    found = scores.calibration(states.scores, states.bins)
    if isinstance(found, Undefined):
        return found
    facts = _facts(states, ece=scores.ece(states.scores, states.bins), bins=states.bins, edges="(low, high]")
    return ChartData("calibration", dict(found._asdict()), facts)


def threshold(states: BinaryStates) -> ChartData:
    """Return each class metric over thresholds, and its best threshold: the middle one of those that tie.

    Thresholds are 0.01, 0.02 to 0.99 for scores in 0 to 1, else 99 at equal steps between least and greatest score.
    """
    grid = np.arange(1, 100) / 100
    if states.scores.outside() is not None:
        grid = _evenly(float(states.scores.scores[0]), float(states.scores.scores[-1]), 101)[1:-1]
    counts = states.scores.above(grid)
    columns: dict[str, Any] = {"threshold": grid}
    best: dict[str, Any] = {}
    for name in SHEET:
        columns[name] = quotients.column(name, counts)
        best[name] = _best(grid, columns[name], name in _SMALLER)
    return ChartData("threshold", columns, _facts(states, rule=RULE, threshold=states.threshold, best=best))


def _best(grid: Array, values: Array, smaller: bool) -> dict[str, float] | None:
    """Return threshold and value of the best, None where the metric is undefined all along."""
    if not np.isfinite(values).any():
        return None
    value = np.nanmin(values) if smaller else np.nanmax(values)
    tied = np.flatnonzero(values == value)
    return {"threshold": float(grid[tied[len(tied) // 2]]), "value": float(value)}


def _edges(low: float, high: float) -> Array:
    """Return edges that ascend, of 50 bars unless float64 has too few numbers between the ends for that."""
    if low == high:
        half = max(0.5, abs(low) * 1e-9)
        return np.array([low - half, low + half])
    edges = _evenly(low, high, _BARS + 1)
    return edges if (edges[1:] > edges[:-1]).all() else np.array([low, high])


def _evenly(low: float, high: float, count: int) -> Array:
    """Return values from low to high, evenly apart; their distance may be beyond float64."""
    found = np.linspace(low / 2, high / 2, count) * 2
    found[0], found[-1] = low, high
    return found


def histogram(states: BinaryStates) -> ChartData:
    """Return the weight of each class in 50 bins of equal width, over 0 to 1 or from least to greatest score."""
    state = states.scores
    low, high = (0.0, 1.0) if state.outside() is None else (float(state.scores[0]), float(state.scores[-1]))
    edges = _edges(low, high)
    columns: dict[str, Any] = {"low": edges[:-1], "high": edges[1:]}
    for name, weight in (("negative", state.negative), ("positive", state.positive)):
        columns[name] = np.histogram(state.scores, edges, weights=weight)[0]
    return ChartData("histogram", columns, _facts(states, edges="[low, high), the last with its high edge"))


CHARTS: dict[str, Chart] = {
    "confusion": _of_labels(lambda states: confusion_chart(states.confusion)),
    "report": _of_labels(lambda states: report_chart(states.confusion)),
    "roc": _of_scores(roc),
    "pr": _of_scores(pr),
    "ks": _of_scores(ks),
    "gain": _of_scores(gain),
    "lift": _of_scores(lift),
    "calibration": calibration,
    "threshold": _of_scores(threshold, both_classes=False),
    "histogram": _of_scores(histogram, both_classes=False),
}
