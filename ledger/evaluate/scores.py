"""A state: each distinct score with the weight of the positive and of the negative rows that have it.

Exact and mergeable; one sort, and every threshold, every curve and every metric of scores follows from it. Rows with
one score are never told apart, so their order cannot matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ledger.evaluate.arrays import Array
from ledger.evaluate.results import EPSILON, Value, ratio
from ledger.format.values import Undefined

_NORMAL_975 = 1.959963984540054  # the normal distribution's 97.5 % point


class ScoreCounts:
    """Distinct scores in ascending order, and two weights for each."""

    def __init__(self) -> None:
        self.scores: Array = np.zeros(0)
        self.positive: Array = np.zeros(0)
        self.negative: Array = np.zeros(0)
        self.weighted = False

    def update(self, scores: Array, truth: Array, weight: Array | None = None) -> None:
        """Take in rows: finite scores, truth as 0 and 1 (or bools), weights or None for 1 each."""
        if not scores.size:
            return
        is_positive = np.asarray(truth, dtype=bool)
        if weight is None:
            self._take(*_counted(scores, is_positive))
        else:
            self.weighted = True
            order = np.argsort(scores)
            heavy, flags = weight[order], is_positive[order]
            self._take(*_summed(scores[order], np.where(flags, heavy, 0.0), np.where(flags, 0.0, heavy)))

    def merge(self, other: ScoreCounts) -> None:
        """Take in what another one has seen."""
        self._take(other.scores, other.positive, other.negative)
        self.weighted |= other.weighted

    def _take(self, scores: Array, positive: Array, negative: Array) -> None:
        if not self.scores.size:
            self.scores, self.positive, self.negative = scores, positive, negative
            return
        joined = np.concatenate([self.scores, scores])
        order = np.argsort(joined, kind="stable")
        self.scores, self.positive, self.negative = _summed(
            joined[order],
            np.concatenate([self.positive, positive])[order],
            np.concatenate([self.negative, negative])[order],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain arrays."""
        arrays = {"scores": self.scores, "positive": self.positive, "negative": self.negative}
        return {**arrays, "weighted": self.weighted}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ScoreCounts:
        """Return what `to_dict` was given."""
        state = cls()
        for name in ("scores", "positive", "negative"):
            setattr(state, name, np.array(plain[name], dtype=np.float64))
        state.weighted = bool(plain["weighted"])
        return state

    def outside(self) -> Undefined | None:
        """Return why the scores are no probabilities, or None if all are in 0 to 1."""
        if not self.scores.size or (self.scores[0] >= 0 and self.scores[-1] <= 1):
            return None
        return Undefined(f"scores are outside 0 to 1: {self.scores[0]:g} to {self.scores[-1]:g}")

    def one_class(self) -> Undefined | None:
        """Return that there is one class only, or None if both have weight."""
        if self.positive.any() and self.negative.any():
            return None
        return Undefined("one class in y_true" if self.scores.size else "no rows")

    def sweep(self) -> Sweep:
        """Return what a threshold that goes down past every score lets through."""
        return Sweep(
            threshold=np.append(self.scores[::-1], -math.inf),
            tp=np.append(0.0, np.cumsum(self.positive[::-1])),
            fp=np.append(0.0, np.cumsum(self.negative[::-1])),
        )

    def cuts(self) -> tuple[Array, Array, Array, Array]:
        """Return tn, fp, fn, tp where none, one, ... all of the distinct scores, the least first, are not above."""
        fn, tn = (np.append(0.0, np.cumsum(weight)) for weight in (self.positive, self.negative))
        # Summed from the other end, not subtracted: where nothing is above, it is 0 and not a rounding error.
        tp, fp = (np.append(np.cumsum(weight[::-1])[::-1], 0.0) for weight in (self.positive, self.negative))
        return tn, fp, fn, tp

    def above(self, thresholds: Array) -> tuple[Array, Array, Array, Array]:
        """Return tn, fp, fn, tp of the rule score > threshold at each of these thresholds."""
        below = np.searchsorted(self.scores, thresholds, side="right")
        tn, fp, fn, tp = self.cuts()
        return tn[below], fp[below], fn[below], tp[below]


class Sweep(NamedTuple):
    """The weights with score > threshold, for thresholds from the greatest score down to minus infinity."""

    threshold: Array
    tp: Array
    fp: Array


def _counted(scores: Array, is_positive: Array) -> tuple[Array, Array, Array]:
    """Return distinct scores with the numbers of positive and negative rows."""
    ordered = np.sort(scores)
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    distinct = ordered[ends]
    up_to = np.searchsorted(np.sort(scores[is_positive]), distinct, side="right")
    positive = np.diff(up_to, prepend=0)
    return distinct, positive.astype(np.float64), (np.diff(ends, prepend=-1) - positive).astype(np.float64)


def _summed(ordered: Array, positive: Array, negative: Array) -> tuple[Array, Array, Array]:
    """Return ascending scores made distinct, the weights of equal ones added."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    if len(starts) == len(ordered):
        return ordered, positive, negative
    return ordered[starts], np.add.reduceat(positive, starts), np.add.reduceat(negative, starts)


def roc_auc(state: ScoreCounts) -> Value:
    """Return the chance that a positive row scores above a negative one, ties counting half."""
    if (problem := state.one_class()) is not None:
        return problem
    below = np.cumsum(state.negative)
    wins = _sum(state.positive * (below - 0.5 * state.negative))
    return wins / (_sum(state.positive) * float(below[-1]))


def roc_auc_interval(state: ScoreCounts) -> tuple[float, float] | Undefined:
    """Return the 95 % interval of `roc_auc` by DeLong's variance, cut to 0 to 1; rows with weights have none."""
    area = roc_auc(state)
    if isinstance(area, Undefined):
        return area
    if state.weighted:
        return Undefined("rows have weights")
    positives, negatives = _sum(state.positive), _sum(state.negative)
    if min(positives, negatives) < 2:
        return Undefined("fewer than two rows of a class")
    # The share of the other class that each row is on the right side of.
    of_positive = (np.cumsum(state.negative) - 0.5 * state.negative) / negatives
    of_negative = (np.cumsum(state.positive[::-1])[::-1] - 0.5 * state.positive) / positives
    spread = [
        _sum(weight * np.square(share - area)) / (size - 1) / size
        for weight, share, size in ((state.positive, of_positive, positives), (state.negative, of_negative, negatives))
    ]
    half = _NORMAL_975 * math.sqrt(spread[0] + spread[1])
    return max(0.0, area - half), min(1.0, area + half)


def average_precision(state: ScoreCounts) -> Value:
    """Return the sum of precision times the step in recall, down the distinct scores."""
    if not state.positive.any():
        return Undefined("no positive row" if state.scores.size else "no rows")
    _, tp, fp = state.sweep()
    let_through = tp[1:] + fp[1:]
    with np.errstate(invalid="ignore"):
        precision = np.where(let_through > 0, tp[1:] / let_through, 0.0)
    return _sum(precision * state.positive[::-1]) / _sum(state.positive)


def pr_auc(state: ScoreCounts) -> Value:
    """Return the area under straight lines from point to point of precision over recall, from (0, 1) on."""
    if not state.positive.any():
        return Undefined("no positive row" if state.scores.size else "no rows")
    _, tp, fp = state.sweep()
    some = tp + fp > 0
    precision = np.append(1.0, tp[some] / (tp[some] + fp[some]))
    recall = np.append(0.0, tp[some] / tp[-1])
    return _sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2)


def bias(state: ScoreCounts) -> Value:
    """Return how much the mean score is above the share of positive rows."""
    if (problem := state.outside()) is not None:
        return problem
    over = _sum((state.positive + state.negative) * state.scores) - _sum(state.positive)
    return ratio(over, _weight(state), "no rows")


def ks(state: ScoreCounts) -> Value:
    """Return the greatest distance between the two classes' distributions of scores, on either side."""
    if (problem := state.one_class()) is not None:
        return problem
    return float(np.abs(_gaps(state)).max())


def ks_at(state: ScoreCounts) -> float:
    """Return the threshold of that distance, the middle one of several."""
    gaps = np.abs(_gaps(state))
    at = np.flatnonzero(gaps >= gaps.max())
    return float(state.scores[at[len(at) // 2]])


def _gaps(state: ScoreCounts) -> Array:
    positive, negative = np.cumsum(state.positive), np.cumsum(state.negative)
    return np.asarray(negative / negative[-1] - positive / positive[-1])


def brier(state: ScoreCounts) -> Value:
    """Return the mean squared distance of scores from the truth as 0 and 1."""
    if (problem := state.outside()) is not None:
        return problem
    lost = state.positive * np.square(1 - state.scores) + state.negative * np.square(state.scores)
    return ratio(_sum(lost), _weight(state), "no rows")


def log_loss(state: ScoreCounts) -> Value:
    """Return the mean of -log(probability of the truth), probabilities clipped to 2.2e-16 from 0 and 1."""
    if (problem := state.outside()) is not None:
        return problem
    clipped = np.clip(state.scores, EPSILON, 1 - EPSILON)
    lost = state.positive * np.log(clipped) + state.negative * np.log1p(-clipped)
    value = ratio(-_sum(lost), _weight(state), "no rows")
    return value if isinstance(value, Undefined) else abs(value)


def d2(state: ScoreCounts, loss: Value, of_share: Callable[[float], float]) -> Value:
    """Return 1 less a loss over that of the share of positive rows as the score of every row."""
    if isinstance(loss, Undefined):
        return loss
    if (problem := state.one_class()) is not None:
        return problem
    return 1 - loss / of_share(_sum(state.positive) / _weight(state))


def clipped(state: ScoreCounts) -> float:
    """Return the weight of the rows whose probability of the truth had to be clipped."""
    low, high = state.scores < EPSILON, state.scores > 1 - EPSILON
    return _sum(state.positive[low]) + _sum(state.negative[high])


class Bins(NamedTuple):
    """Scores in bins (low, high], the lowest with its low edge: weight, mean score, share of positive rows."""

    low: Array
    high: Array
    weight: Array
    mean_score: Array
    positive_share: Array


def calibration(state: ScoreCounts, bins: int) -> Bins | Undefined:
    """Return the scores in so many bins of equal width over 0 to 1; NaN where a bin is empty."""
    if (problem := state.outside()) is not None:
        return problem
    edges = np.linspace(0.0, 1.0, bins + 1)
    cuts = np.searchsorted(state.scores, edges, side="right")
    cuts[0] = 0
    pieces = [slice(start, stop) for start, stop in pairwise(cuts)]
    positive = np.array([state.positive[piece].sum() for piece in pieces])
    weight = positive + [state.negative[piece].sum() for piece in pieces]
    score = [np.sum((state.positive[piece] + state.negative[piece]) * state.scores[piece]) for piece in pieces]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Bins(edges[:-1], edges[1:], weight, np.array(score) / weight, positive / weight)


def ece(state: ScoreCounts, bins: int) -> Value:
    """Return the mean over rows of the distance between mean score and share of positive rows in the row's bin."""
    found = calibration(state, bins)
    if isinstance(found, Undefined):
        return found
    some = found.weight > 0
    gaps = np.abs(found.mean_score[some] - found.positive_share[some])
    return ratio(math.fsum(gaps * found.weight[some]), math.fsum(found.weight[some]), "no rows")


def _sum(values: Array) -> float:
    return float(np.sum(values))


def _weight(state: ScoreCounts) -> float:
    return _sum(state.positive) + _sum(state.negative)
