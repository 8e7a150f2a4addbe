"""The bundle for many labels a row: each label by itself, means over labels and over rows, the order of scores.

A metric is the plain mean (macro) over the labels for which it is defined unless its name says `_weighted` (by the
truth's weights), `_micro` (all labels together) or `_samples` (mean over rows).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from ledger.evaluate import binary_charts
from ledger.evaluate.arrays import Array
from ledger.evaluate.averages import averaged, filled
from ledger.evaluate.multiclass_charts import curves
from ledger.evaluate.multilabel_states import OF_SCORES, MultilabelStates
from ledger.evaluate.registry import Bundle, Chart, Metric
from ledger.evaluate.results import ChartData, Value, as_column, ratio
from ledger.evaluate.scores import ScoreCounts, average_precision, roc_auc
from ledger.format.values import Undefined

Of: TypeAlias = Callable[[MultilabelStates], Value]
Each: TypeAlias = Callable[[MultilabelStates], list[Value]]


def _values(name: str, states: MultilabelStates) -> list[Value]:
    return filled(states.per_class(name), states.zero_division, [True] * len(states.labels))


def _weighted(name: str, states: MultilabelStates) -> Value:
    return averaged(_values(name, states), states.counts[:, 2:].sum(axis=1))


def _micro(name: str, states: MultilabelStates) -> Value:
    _, fp, fn, tp = (math.fsum(column) for column in states.counts.T)
    top, under = {
        "precision": (tp, tp + fp), "recall": (tp, tp + fn), "f1": (2 * tp, 2 * tp + fp + fn),
        "jaccard": (tp, tp + fp + fn),
    }[name]  # fmt: skip
    return ratio(top, under, "it is 0/0 for every label")


def _hamming_loss(states: MultilabelStates) -> Value:
    wrong = math.fsum(states.counts[:, 1:3].ravel())
    return ratio(wrong, math.fsum(states.counts.ravel()), "no labels")


def _each(of: Callable[[ScoreCounts], Value], states: MultilabelStates) -> list[Value]:
    """Return a metric of scores for each label; undefined where one of the two sides has no rows."""
    result: list[Value] = []
    for state, label in zip(states.scores, states.labels, strict=True):
        value = of(state)
        side = "is truly" if not state.positive.any() else "is without"
        result.append(Undefined(f"no row {side} {label!r}") if isinstance(value, Undefined) else value)
    return result


def _metric(name: str, needs: str, compute: Of, about: str, *aliases: str, **more: Any) -> Metric:
    by_class: Each | None = more.pop("by_class", None)

    def each(states: MultilabelStates) -> list[Value]:
        assert by_class is not None
        problem = states.rows.problem(needs)
        return by_class(states) if problem is None else [problem] * len(states.labels)

    return Metric(
        name=name, kinds=("multilabel",), needs=needs, goal=more.pop("goal", "maximize"),
        compute=lambda states: states.rows.problem(needs) or compute(states),
        by_class=None if by_class is None else each,
        definition={"formula": about, **more.pop("definition", {}), "version": 1}, aliases=aliases, about=about, **more,
    )  # fmt: skip


def _averages(name: str, about: str, bundled: bool = True) -> list[Metric]:
    """Return the macro, weighted, micro and samples mean of precision, recall, f1 or jaccard."""
    macro = {"average": "macro", "over": "labels for which it is defined"}
    return [
        _metric(
            name, "labels", lambda states: averaged(_values(name, states)), f"{about}, mean over labels",
            f"{name}_macro", by_class=lambda states: states.per_class(name), definition=macro,
            undefined="it is 0/0 for every label", options=("zero_division",), bundled=bundled,
        ),
        _metric(
            f"{name}_weighted", "labels", partial(_weighted, name), f"{about}, mean weighted by the truth's labels",
            definition=macro | {"average": "weighted"}, undefined="it is 0/0 for every label",
            options=("zero_division",), bundled=bundled,
        ),
        _metric(
            f"{name}_micro", "labels", partial(_micro, name), f"{about}, of all labels together",
            definition={"average": "micro"}, undefined="0/0", bundled=bundled,
        ),
        _metric(
            f"{name}_samples", "labels", lambda states: states.means[name].mean(), f"{about} of a row, mean over rows",
            definition={"average": "samples", "over": "rows for which it is defined"},
            undefined="it is 0/0 for every row", options=("zero_division",), bundled=name == "f1",
        ),
    ]  # fmt: skip


def _of_scores(name: str, of: Callable[[ScoreCounts], Value], about: str, *aliases: str) -> list[Metric]:
    """Return the macro and the micro mean of a metric of scores."""
    undefined = "no label has rows of both sides"
    return [
        _metric(
            name, "scores", lambda states: averaged(_each(of, states), reason=undefined),
            f"{about}, mean over labels", f"{name}_macro", *aliases, by_class=partial(_each, of), undefined=undefined,
            definition={"average": "macro", "over": "labels for which it is defined"},
        ),
        _metric(
            f"{name}_micro", "scores", lambda states: of(states.pooled()), f"{about}, of all labels together",
            undefined=undefined, definition={"average": "micro"}, bundled=False,
        ),
    ]  # fmt: skip


def _of_order(name: str, goal: str, about: str, *aliases: str) -> Metric:
    return _metric(
        name, "scores", lambda states: states.means[name].mean(), about, *aliases, goal=goal,
        definition={"average": "samples", "ties": "the worse order"},
    )  # fmt: skip


METRICS = (
    _metric("accuracy", "labels", lambda states: states.means["accuracy"].mean(), "share of rows with all labels right",
            "subset_accuracy", "exact_match", definition={"average": "samples"}),
    _metric("hamming_loss", "labels", _hamming_loss, "share of labels that are wrong, of all rows", goal="minimize"),
    *_averages("precision", "tp / (tp + fp)"),
    *_averages("recall", "tp / (tp + fn)"),
    *_averages("f1", "2 tp / (2 tp + fp + fn)"),
    *_averages("jaccard", "tp / (tp + fp + fn)", bundled=False),
    *_of_scores("roc_auc", roc_auc, "P(score of a positive > score of a negative) + P(equal) / 2", "auc"),
    *_of_scores("average_precision", average_precision, "Σ precision × step in recall, down the distinct scores",
                "avg_precision"),
    _of_order(OF_SCORES[0], "maximize", "share of true labels among those that score as high, mean over true labels",
              "lrap", "label_ranking_average_precision_score"),
    _of_order(OF_SCORES[1], "minimize", "share of pairs (true label, other label) in the wrong order", "ranking_loss"),
    _of_order(OF_SCORES[2], "minimize", "how many labels score as high as the lowest true one", "coverage"),
)  # fmt: skip


def report(states: MultilabelStates) -> ChartData:
    """Return one row a label: precision, recall, F1, the weights of it in truth and predictions, and with scores AUC
    and average precision; NaN where undefined.
    """
    columns: dict[str, Array | list[Any]] = {"class": list(states.labels)}
    columns |= {name: as_column(states.per_class(name)) for name in ("precision", "recall", "f1")}
    if states.rows.problem("scores") is None:
        columns["roc_auc"] = as_column(_each(roc_auc, states))
        columns["average_precision"] = as_column(_each(average_precision, states))
    columns |= {"support": states.counts[:, 2:].sum(axis=1), "predicted": states.counts[:, 1::2].sum(axis=1)}
    weight = states.means["accuracy"].weight[0]
    return ChartData("table", columns, {"n": weight, "title": "labels"})


def confusion(states: MultilabelStates) -> ChartData:
    """Return tn, fp, fn and tp of each label."""
    columns: dict[str, Array | list[Any]] = {"class": list(states.labels)}
    columns |= dict(zip(("tn", "fp", "fn", "tp"), states.counts.T.copy(), strict=True))
    return ChartData("table", columns, {"n": states.means["accuracy"].weight[0], "title": "confusion of each label"})


def _of_labels(draw: Callable[[MultilabelStates], ChartData]) -> Chart:
    return lambda states: states.rows.problem("labels") or draw(states)


def _curves(kind: str, draw: binary_charts.Draw, fact: str) -> Chart:
    def chart(states: MultilabelStates) -> ChartData | Undefined:
        problem = states.rows.problem("scores")
        return problem or curves(kind, states.labels, lambda code: states.scores[code], draw, fact)

    return chart


CHARTS: dict[str, Chart] = {
    "report": _of_labels(report),
    "confusion": _of_labels(confusion),
    "roc": _curves("roc", binary_charts.roc, "auc"),
    "pr": _curves("pr", binary_charts.pr, "average_precision"),
}

BUNDLE = Bundle("multilabel", MultilabelStates, METRICS, CHARTS, options=("threshold", "zero_division"))
