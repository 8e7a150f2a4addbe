"""Chart data for two classes: every curve from one sweep down the distinct scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ledger.evaluate import scores
from ledger.evaluate.arrays import Array
from ledger.evaluate.binary_states import BinaryStates
from ledger.evaluate.binary_thresholds import evenly, sheet
from ledger.evaluate.confusion import confusion_chart, report_chart
from ledger.evaluate.registry import Chart
from ledger.evaluate.results import ChartData
from ledger.format.values import Undefined

RULE = "score > threshold"

_BARS = 50
_SMALL_PART = 0.2  # of 0 to 1: scores within so little of it have bars over their own range

_HALF_OPEN = "[low, high), the last with its high edge"
_WHOLE, _RANGE = "0 to 1", "least to greatest score"

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
    """Return each class metric over thresholds, and its best threshold: exact, over all distinct scores.

    Thresholds are 0.01, 0.02 to 0.99, as far as there are scores, for scores in 0 to 1, else 99 at equal steps between
    least and greatest score; quantiles of a class where more than a tenth of it lies between two of these, in more
    than ten distinct scores; and the best ones.
    """
    columns, best = sheet(states.scores)
    return ChartData("threshold", dict(columns), _facts(states, rule=RULE, threshold=states.threshold, best=best))


def _edges(low: float, high: float) -> Array:
    """Return edges that ascend, of 50 bars unless float64 has too few numbers between the ends for that."""
    if low == high:
        half = max(0.5, abs(low) * 1e-9)
        return np.array([low - half, low + half])
    edges = evenly(low, high, _BARS + 1)
    return edges if (edges[1:] > edges[:-1]).all() else np.array([low, high])


def histogram(states: BinaryStates) -> ChartData:
    """Return the weight of each class in 50 bins of equal width, over 0 to 1 or from least to greatest score.

    The latter for scores outside 0 to 1, and for those that lie within less than a fifth of it.
    """
    state = states.scores
    low, high = float(state.scores[0]), float(state.scores[-1])
    whole = state.outside() is None and high - low >= _SMALL_PART
    edges = _edges(0.0, 1.0) if whole else _edges(low, high)
    columns: dict[str, Any] = {"low": edges[:-1], "high": edges[1:]}
    for name, weight in (("negative", state.negative), ("positive", state.positive)):
        columns[name] = np.histogram(state.scores, edges, weights=weight)[0]
    return ChartData("histogram", columns, _facts(states, edges=_HALF_OPEN, over=_WHOLE if whole else _RANGE))


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
