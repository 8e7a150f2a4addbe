"""What the bundle for many labels a row keeps of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.averages import as_stand_in, of_each_label
from ledger.evaluate.inputs import Batch
from ledger.evaluate.losses import RowLoss
from ledger.evaluate.results import Value
from ledger.evaluate.rows import Rows
from ledger.evaluate.scores import ScoreCounts

_CELLS_MAX = 1 << 22  # of rows x labels x labels at a time

# Means over rows, from predictions and from scores.
OF_PREDICTIONS = ("accuracy", "precision", "recall", "f1", "jaccard")
OF_SCORES = ("label_ranking_average_precision", "label_ranking_loss", "coverage_error")


class MultilabelStates:
    """Counts of rows, tn fp fn tp and scores of each label, and means over rows.

    A label is given to a row where its score is greater than `threshold`. `zero_division` is what 0/0 stands for in
    means: None leaves the label or row out, 0 does as scikit-learn.
    """

    def __init__(self, labels: Sequence[Any], *, threshold: float = 0.5, zero_division: Any = None) -> None:
        self.labels, self.threshold = tuple(labels), float(threshold)
        self.zero_division = as_stand_in(zero_division)
        self.rule: dict[str, Any] = {}
        self.rows = Rows()
        self.counts: Array = np.zeros((len(self.labels), 4))
        self.scores = [ScoreCounts() for _ in self.labels]
        self.means = {name: RowLoss() for name in (*OF_PREDICTIONS, *OF_SCORES)}

    def update(self, batch: Batch) -> None:
        """Take in one chunk."""
        self.rows.update(batch)
        if batch.decided_by == "scores":
            self.rule = {"rule": "score > threshold", "threshold": self.threshold}
        truth, scores, weight = batch.truth, batch.scores, batch.weight
        if batch.predicted is not None and not batch.unpredicted:
            self._take_predictions(truth, batch.predicted, weight)
        if scores is not None and not batch.invalid:
            for code, state in enumerate(self.scores):
                state.update(scores[:, code], truth[:, code], weight)
            for part in _parts(len(truth), len(self.labels)):
                heavy = None if weight is None else weight[part]
                for name, values in _rankings(truth[part], scores[part]).items():
                    self.means[name].update(values, heavy)

    def _take_predictions(self, truth: Array, predicted: Array, weight: Array | None) -> None:
        heavy = np.ones(len(truth)) if weight is None else weight
        kinds = (~truth & ~predicted, ~truth & predicted, truth & ~predicted, truth & predicted)
        self.counts = self.counts + np.stack([np.sum(kind * heavy[:, None], axis=0) for kind in kinds], axis=1)
        hits, true, found = (np.count_nonzero(of, axis=1) for of in (kinds[3], truth, predicted))
        self.means["accuracy"].update((truth == predicted).all(axis=1).astype(np.float64), weight)
        either = found + true - hits
        shares = {"precision": (hits, found), "recall": (hits, true), "f1": (2 * hits, found + true)}
        for name, (top, under) in (shares | {"jaccard": (hits, either)}).items():
            stand_in = np.zeros(len(truth)) if self.zero_division is None else np.full(len(truth), self.zero_division)
            values = np.divide(top, under, out=stand_in, where=under > 0)
            keep = slice(None) if self.zero_division is not None else under > 0
            self.means[name].update(values[keep], None if weight is None else weight[keep])

    def merge(self, other: MultilabelStates) -> None:
        """Take in what another one has seen; raises InvalidValue where labels or options differ."""
        mine, theirs = ((states.labels, states.threshold, states.zero_division) for states in (self, other))
        if mine != theirs:
            raise InvalidValue(f"labels, threshold and zero_division differ: {mine} and {theirs}")
        self.rows.merge(other.rows)
        self.rule = self.rule or other.rule
        self.counts = self.counts + other.counts
        for state, yours in zip(self.scores, other.scores, strict=True):
            state.merge(yours)
        for name, mean in self.means.items():
            mean.merge(other.means[name])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values and arrays."""
        return {
            "labels": list(self.labels),
            "threshold": self.threshold,
            "zero_division": self.zero_division,
            "rule": dict(self.rule),
            "rows": self.rows.to_dict(),
            "counts": self.counts.copy(),
            "scores": [state.to_dict() for state in self.scores],
            "means": {name: mean.to_dict() for name, mean in self.means.items()},
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> MultilabelStates:
        """Return what `to_dict` was given."""
        states = cls(plain["labels"], threshold=plain["threshold"], zero_division=plain["zero_division"])
        states.rule, states.rows = dict(plain["rule"]), Rows.from_dict(plain["rows"])
        states.counts = np.array(plain["counts"], np.float64).reshape(-1, 4)
        states.scores = [ScoreCounts.from_dict(state) for state in plain["scores"]]
        states.means = {name: RowLoss.from_dict(mean) for name, mean in plain["means"].items()}
        return states

    def per_class(self, name: str) -> list[Value]:
        """Return precision, recall, f1 or jaccard of each label."""
        tn_fp_fn_tp = self.counts
        return of_each_label(tn_fp_fn_tp[:, [3, 1, 2]], self.labels)[name]

    def pooled(self) -> ScoreCounts:
        """Return the scores of all labels together."""
        result = ScoreCounts()
        for state in self.scores:
            result.merge(state)
        return result


def _parts(rows: int, labels: int) -> Iterator[slice]:
    step = max(1, _CELLS_MAX // max(1, labels * labels))
    return (slice(start, start + step) for start in range(0, rows, step))


def _rankings(truth: Array, scores: Array) -> dict[str, Array]:
    """Return what the order of a row's scores says, for rows (n, K); all is well where no label or each one is true."""
    above = scores[:, :, None] <= scores[:, None, :]  # [row, label, other]: the other is as high or higher
    true = np.count_nonzero(truth, axis=1)
    rank = np.count_nonzero(above, axis=2)
    true_rank = np.count_nonzero(above & truth[:, None, :], axis=2)
    plain = (true == 0) | (true == truth.shape[1])
    precision = np.where(truth, true_rank / np.maximum(rank, 1), 0.0).sum(axis=1) / np.maximum(true, 1)
    wrong = np.where(truth, rank - true_rank, 0).sum(axis=1)
    pairs = np.maximum(true * (truth.shape[1] - true), 1)
    return {
        "label_ranking_average_precision": np.where(plain, 1.0, precision),
        "label_ranking_loss": np.where(plain, 0.0, wrong / pairs),
        "coverage_error": np.where(truth, rank, 0).max(axis=1, initial=0).astype(np.float64),
    }
