"""A state: how much weight each pair of true and predicted label has, and every metric that follows from that.

Rows are truths, columns predictions. Without weights the counts are whole numbers, exact up to 2^53.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.inputs import Batch
from ledger.evaluate.results import ChartData, Value, as_column, ratio
from ledger.format.values import Undefined

ONE_CLASS = "one class in y_true"


class Confusion:
    """K x K weights as float64, labels in the order of the bundle; mergeable."""

    def __init__(self, labels: Sequence[Any]) -> None:
        self.labels = tuple(labels)
        self.counts: Array = np.zeros((len(self.labels), len(self.labels)))

    def update(self, batch: Batch) -> None:
        """Take in one chunk; rows without a truth or a prediction (code -1) are passed over."""
        if batch.predicted is not None:
            self.add(batch.truth, batch.predicted, batch.weight)

    def add(self, truth: Array, predicted: Array, weight: Array | None) -> None:
        """Take in codes of one shape, and weights of that shape."""
        size = len(self.labels)
        true, coded = truth.ravel(), predicted.ravel()
        heavy = None if weight is None else weight.ravel()
        if true.size and (true.min() < 0 or coded.min() < 0):
            keep = (true >= 0) & (coded >= 0)
            true, coded, heavy = true[keep], coded[keep], None if heavy is None else heavy[keep]
        cells = true * size + coded
        self.counts += np.bincount(cells, weights=heavy, minlength=size * size).reshape(size, size)

    def merge(self, other: Confusion) -> None:
        """Take in what another one has seen; raises InvalidValue where the labels differ."""
        if self.labels != other.labels:
            raise InvalidValue(f"the labels differ: {self.labels!r} and {other.labels!r}")
        self.counts += other.counts

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain arrays."""
        return {"labels": list(self.labels), "counts": self.counts.copy()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Confusion:
        """Return what `to_dict` was given."""
        state = cls(plain["labels"])
        state.counts = np.array(plain["counts"], dtype=np.float64)
        return state

    @property
    def total(self) -> float:
        """The weight of all rows."""
        return math.fsum(self.counts.ravel())

    @property
    def true(self) -> Array:
        """The weight of each label in the truth."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def predicted(self) -> Array:
        """The weight of each label in the predictions."""
        return np.asarray(self.counts.sum(axis=0))

    def hits(self) -> Array:
        """Return the weight of the rows that were predicted right, for each label."""
        return np.diagonal(self.counts).copy()

    def of_label(self, code: int) -> tuple[float, float, float, float]:
        """Return tn, fp, fn, tp of one label against the rest."""
        tp = float(self.counts[code, code])
        others = np.delete(np.delete(self.counts, code, axis=0), code, axis=1)
        fp, fn = (math.fsum(np.delete(line, code)) for line in (self.counts[:, code], self.counts[code]))
        return math.fsum(others.ravel()), fp, fn, tp


def accuracy(state: Confusion) -> Value:
    """Return the share of rows that were predicted right."""
    return ratio(math.fsum(state.hits()), state.total, "no rows")


def recalls(state: Confusion) -> list[Value]:
    """Return each label's recall; undefined where the truth has none of it."""
    return [
        ratio(hit, of, f"no row is truly {label!r}")
        for hit, of, label in zip(state.hits(), state.true, state.labels, strict=True)
    ]


def precisions(state: Confusion) -> list[Value]:
    """Return each label's precision; undefined where nothing was predicted so."""
    return [
        ratio(hit, of, f"no row was predicted to be {label!r}")
        for hit, of, label in zip(state.hits(), state.predicted, state.labels, strict=True)
    ]


def fbetas(state: Confusion, beta: float = 1.0) -> list[Value]:
    """Return each label's F-beta; undefined where neither truth nor predictions have any of it."""
    square = beta * beta
    return [
        ratio((1 + square) * hit, square * true + predicted, f"neither truth nor predictions have {label!r}")
        for hit, true, predicted, label in zip(state.hits(), state.true, state.predicted, state.labels, strict=True)
    ]


def ious(state: Confusion) -> list[Value]:
    """Return each label's intersection over union (Jaccard); undefined where neither side has any of it."""
    return [
        ratio(hit, true + predicted - hit, f"neither truth nor predictions have {label!r}")
        for hit, true, predicted, label in zip(state.hits(), state.true, state.predicted, state.labels, strict=True)
    ]


def balanced_accuracy(state: Confusion) -> Value:
    """Return the mean recall of the labels that occur in the truth."""
    known = [value for value in recalls(state) if not isinstance(value, Undefined)]
    return math.fsum(known) / len(known) if known else Undefined("no rows")


def cohen_kappa(state: Confusion) -> Value:
    """Return the agreement beyond chance; undefined where the truth has one class."""
    total, missed, true, predicted = _scaled(state)
    if total == 0:
        return Undefined("no rows")
    if np.count_nonzero(true) == 1:
        return Undefined(ONE_CLASS)
    return 1 - total * missed / math.fsum(true * _rest(predicted, total))


def mcc(state: Confusion) -> Value:
    """Return the correlation of truth and predictions (Matthews; for many labels Gorodkin's R_K)."""
    total, missed, true, predicted = _scaled(state)
    if total == 0:
        return Undefined("no rows")
    if np.count_nonzero(true) == 1:
        return Undefined(ONE_CLASS)
    if np.count_nonzero(predicted) == 1:
        return Undefined("one class is predicted for every row")
    if missed == 0:
        return 1.0
    # The square of the total less a sum of squares, for each side.
    spread = [math.fsum(side * _rest(side, total)) for side in (true, predicted)]
    together = math.fsum(true * _rest(predicted, total)) - total * missed
    return together / (math.sqrt(spread[0]) * math.sqrt(spread[1]))


def _scaled(state: Confusion) -> tuple[float, float, Array, Array]:
    """Return total, missed, true and predicted weights over a power of two: exact, and their squares stay finite."""
    counts = np.ldexp(state.counts, -math.frexp(state.total)[1])
    missed = math.fsum(counts[~np.eye(len(counts), dtype=bool)])
    return math.fsum(counts.ravel()), missed, counts.sum(axis=1), counts.sum(axis=0)


def _rest(side: Array, total: float) -> Array:
    """Return the total less each weight; for the one that is most of it summed, so that it is never a rounding 0."""
    rest = total - side
    greatest = int(side.argmax())
    rest[greatest] = math.fsum(np.delete(side, greatest))
    return np.asarray(rest)


def confusion_chart(state: Confusion) -> ChartData:
    """Return the counts as columns: one row a pair of labels, truth by truth."""
    size = len(state.labels)
    return ChartData(
        "confusion",
        {
            "true": [label for label in state.labels for _ in range(size)],
            "predicted": list(state.labels) * size,
            "count": state.counts.ravel().copy(),
        },
        {"labels": list(state.labels), "n": state.total},
    )


def report_chart(state: Confusion) -> ChartData:
    """Return precision, recall, F1 and support of each label as columns."""
    values = {"precision": precisions(state), "recall": recalls(state), "f1": fbetas(state)}
    columns = {name: as_column(column) for name, column in values.items()}
    return ChartData(
        "table",
        {"class": list(state.labels), **columns, "support": state.true},
        {"accuracy": accuracy(state), "n": state.total, "title": "classification report"},
    )
