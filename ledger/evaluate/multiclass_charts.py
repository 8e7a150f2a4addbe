"""Chart data for many classes: the confusion matrix, a table of the classes, their curves, who is taken for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ledger.evaluate import binary_charts
from ledger.evaluate.arrays import Array
from ledger.evaluate.binary_states import BinaryStates
from ledger.evaluate.confusion import accuracy, confusion_chart
from ledger.evaluate.multiclass_states import MulticlassStates
from ledger.evaluate.registry import Chart
from ledger.evaluate.results import ChartData, as_column
from ledger.evaluate.scores import ScoreCounts
from ledger.format.values import Undefined

_PAIRS_MAX = 50


def _of_labels(draw: Callable[[MulticlassStates], ChartData]) -> Chart:
    return lambda states: states.rows.problem("labels") or draw(states)


def report(states: MulticlassStates) -> ChartData:
    """Return one row a label: precision, recall, F1, the weights of it in truth and predictions, and with scores AUC
    and average precision against the rest; NaN where undefined.
    """
    columns: dict[str, Array | list[Any]] = {"class": list(states.labels)}
    columns |= {name: as_column(states.per_class(name)) for name in ("precision", "recall", "f1")}
    if states.rows.problem("scores") is None:
        columns["roc_auc"] = as_column(states.scores.one_vs_rest())
        columns["average_precision"] = as_column(states.average_precisions())
    columns |= {"support": states.confusion.true, "predicted": states.confusion.predicted}
    facts = {"accuracy": accuracy(states.confusion), "n": states.confusion.total, "title": "classification report"}
    return ChartData("table", columns, facts)


def confused(states: MulticlassStates) -> ChartData:
    """Return the pairs of labels that are mixed up most: weight, and share of the rows that are truly `true`."""
    counts = states.confusion.counts.copy()
    np.fill_diagonal(counts, 0.0)
    pairs = np.flatnonzero(counts)
    order = pairs[np.argsort(-counts.ravel()[pairs], kind="stable")][:_PAIRS_MAX]
    true, predicted = np.divmod(order, max(len(states.labels), 1))
    columns: dict[str, Array | list[Any]] = {
        "true": [states.labels[code] for code in true.tolist()],
        "predicted": [states.labels[code] for code in predicted.tolist()],
        "count": counts.ravel()[order],
        "share": counts.ravel()[order] / states.confusion.true[true],
    }
    return ChartData("table", columns, {"pairs": len(pairs), "title": "most confused pairs"})


def curves(
    kind: str, labels: tuple[Any, ...], counts: Callable[[int], ScoreCounts], draw: binary_charts.Draw, fact: str
) -> ChartData | Undefined:
    """Return the curves of all labels against the rest under each other, told apart by the column `class`.

    `facts[fact]` has one value a label; labels that have no curve are left out of the columns, and are undefined there.
    """
    parts: list[ChartData] = []
    values: list[Any] = []
    for code, label in enumerate(labels):
        states = BinaryStates(("rest", label))
        states.scores = counts(code)
        if states.scores.one_class() is not None:
            side = "is other than" if states.scores.positive.any() else "is truly"
            values.append(Undefined(f"no row {side} {label!r}"))
            continue
        part = draw(states)
        size = len(next(iter(part.columns.values())))
        parts.append(ChartData(kind, {"class": [label] * size, **part.columns}))
        values.append(part.facts[fact])
    if not parts:
        return Undefined("no label has rows of both sides")
    columns: dict[str, Array | list[Any]] = {"class": [label for part in parts for label in part.columns["class"]]}
    columns |= {
        name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns if name != "class"
    }
    return ChartData(kind, columns, {"labels": list(labels), fact: values, "rule": binary_charts.RULE})


def _curves(kind: str, draw: binary_charts.Draw, fact: str) -> Chart:
    def chart(states: MulticlassStates) -> ChartData | Undefined:
        problem = states.rows.problem("scores")
        return problem or curves(kind, states.labels, states.scores.counts, draw, fact)

    return chart


CHARTS: dict[str, Chart] = {
    "confusion": _of_labels(lambda states: confusion_chart(states.confusion)),
    "report": _of_labels(report),
    "roc": _curves("roc", binary_charts.roc, "auc"),
    "pr": _curves("pr", binary_charts.pr, "average_precision"),
    "confused": _of_labels(confused),
}
