"""What the bundle for many classes keeps of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.averages import as_stand_in, of_confusion, of_each_label
from ledger.evaluate.class_scores import ClassScores
from ledger.evaluate.confusion import Confusion
from ledger.evaluate.inputs import Batch
from ledger.evaluate.losses import RowLoss
from ledger.evaluate.results import EPSILON, Value
from ledger.evaluate.rows import Rows
from ledger.evaluate.scores import average_precision
from ledger.format.values import Undefined

_SUM_TOLERANCE = 1e-3  # half precision adds up to no better


class MulticlassStates:
    """Counts of rows and of labels, the scores of each class, the rank of the truth, and the losses of rows.

    `zero_division` is what 0/0 stands for in means over classes: None leaves the class out, 0 does as scikit-learn.
    `k` is that of `top_k_accuracy`.
    """

    def __init__(self, labels: Sequence[Any], *, zero_division: Any = None, k: int = 5) -> None:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise InvalidValue(f"k must be a whole number above 0, not {k!r}")
        self.k = k
        self.labels = tuple(labels)
        self.zero_division = as_stand_in(zero_division)
        self.rule: dict[str, Any] = {}
        self.rows = Rows()
        self.confusion = Confusion(self.labels)
        self.scores = ClassScores(self.labels)
        self.ranks: Array = np.zeros(len(self.labels))
        self.log_loss, self.brier = RowLoss(), RowLoss()
        self.improper, self.clipped = 0, 0

    def update(self, batch: Batch) -> None:
        """Take in one chunk."""
        self.rows.update(batch)
        if batch.decided_by == "scores":
            self.rule = {"rule": "argmax, the first of ties"}
        self.confusion.update(batch)
        if batch.scores is None:
            return
        truth, scores, weight = batch.truth, batch.scores, batch.weight
        if batch.invalid:
            keep = np.isfinite(scores).all(axis=1)
            truth, scores, weight = truth[keep], scores[keep], None if weight is None else weight[keep]
        if truth.size:
            self.scores.update(scores, truth, weight)
            self._take_rows(truth, scores, weight)

    def _take_rows(self, truth: Array, scores: Array, weight: Array | None) -> None:
        own = scores[np.arange(len(truth)), truth][:, None]
        later = np.arange(scores.shape[1]) > truth[:, None]
        rank = np.count_nonzero((scores > own) | ((scores == own) & later), axis=1)
        self.ranks += np.bincount(rank, weights=weight, minlength=len(self.labels))
        outside = (scores < -_SUM_TOLERANCE) | (scores > 1 + _SUM_TOLERANCE)
        with np.errstate(over="ignore", invalid="ignore"):
            improper = outside.any(axis=1) | (np.abs(scores.sum(axis=1) - 1) > _SUM_TOLERANCE)
        self.improper += int(np.count_nonzero(improper))
        if improper.any():
            return
        likely = own[:, 0]
        self.clipped += int(np.count_nonzero(likely < EPSILON))
        self.log_loss.update(np.abs(np.log(np.clip(likely, EPSILON, 1 - EPSILON))), weight)
        missed = scores.copy()
        missed[np.arange(len(truth)), truth] -= 1
        self.brier.update(np.sum(missed * missed, axis=1), weight)

    def merge(self, other: MulticlassStates) -> None:
        """Take in what another one has seen; raises InvalidValue where labels or options differ."""
        mine, theirs = ((states.zero_division, states.k) for states in (self, other))
        if mine != theirs:
            raise InvalidValue(f"zero_division and k differ: {mine} and {theirs}")
        self.confusion.merge(other.confusion)
        self.rows.merge(other.rows)
        self.rule = self.rule or other.rule
        self.scores.merge(other.scores)
        self.ranks = self.ranks + other.ranks
        self.log_loss.merge(other.log_loss)
        self.brier.merge(other.brier)
        self.improper += other.improper
        self.clipped += other.clipped

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values and arrays."""
        return {
            "zero_division": self.zero_division,
            "k": self.k,
            "rule": dict(self.rule),
            "ranks": self.ranks.copy(),
            "improper": self.improper,
            "clipped": self.clipped,
        } | {name: getattr(self, name).to_dict() for name in ("rows", "confusion", "scores", "log_loss", "brier")}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> MulticlassStates:
        """Return what `to_dict` was given."""
        states = cls(plain["confusion"]["labels"], zero_division=plain["zero_division"], k=plain["k"])
        states.rule, states.rows = dict(plain["rule"]), Rows.from_dict(plain["rows"])
        states.confusion = Confusion.from_dict(plain["confusion"])
        states.scores = ClassScores.from_dict(plain["scores"])
        states.ranks = np.array(plain["ranks"], np.float64)
        states.log_loss, states.brier = (RowLoss.from_dict(plain[name]) for name in ("log_loss", "brier"))
        states.improper, states.clipped = plain["improper"], plain["clipped"]
        return states

    def per_class(self, name: str) -> list[Value]:
        """Return precision, recall, f1 or jaccard of each label."""
        return of_each_label(of_confusion(self.confusion), self.labels)[name]

    def average_precisions(self) -> list[Value]:
        """Return each label's average precision against the rest; undefined where the truth has none of it."""
        values = (average_precision(self.scores.counts(code)) for code in range(len(self.labels)))
        return [
            Undefined(f"no row is truly {label!r}") if isinstance(value, Undefined) else value
            for label, value in zip(self.labels, values, strict=True)
        ]

    def present(self) -> list[bool]:
        """Return which labels occur in truth or predictions."""
        there: list[bool] = ((self.confusion.true > 0) | (self.confusion.predicted > 0)).tolist()
        return there
