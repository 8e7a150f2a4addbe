"""The bundle for many classes: shares of rows that are right, precision and recall of each class, AUC, losses.

A metric over all classes is the plain mean (macro) over the classes that occur in truth or predictions and for which it
is defined, unless its name says `_weighted` (by the truth's weights) or `_micro`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ledger.evaluate.averages import averaged, filled
from ledger.evaluate.confusion import accuracy, balanced_accuracy, cohen_kappa, mcc
from ledger.evaluate.labels import listed
from ledger.evaluate.losses import RowLoss
from ledger.evaluate.multiclass_charts import CHARTS
from ledger.evaluate.multiclass_states import MulticlassStates
from ledger.evaluate.registry import Bundle, Metric
from ledger.evaluate.results import EPSILON, Value, ratio
from ledger.format.values import Undefined

TOP = (2, 3, 5, 10)

Of: TypeAlias = Callable[[MulticlassStates], Value]
Each: TypeAlias = Callable[[MulticlassStates], list[Value]]


def notices(states: MulticlassStates) -> list[str]:
    """Return what should be known: labels that means leave out, scores that are no probabilities, clipped rows."""
    said = []
    absent = [label for label, there in zip(states.labels, states.present(), strict=True) if not there]
    if absent and states.rows.counted:
        many = f"{len(absent)} of {len(states.labels)} labels"
        said.append(f"{many} occur in neither truth nor predictions, and no mean has them: {listed(absent)}")
    if not states.rows.by_scores:
        said += _no_probabilities(states)
    if states.clipped and not states.improper:
        said.append(f"log_loss clips {states.clipped} of {states.rows.counted} rows, whose truth has the probability 0")
    return said


def warnings(states: MulticlassStates) -> list[str]:
    """Return whether scores from which predictions are made are no probabilities."""
    return _no_probabilities(states) if states.rows.by_scores else []


def _no_probabilities(states: MulticlassStates) -> list[str]:
    problem = _improper(states)
    return [] if problem is None else [f"{problem.reason}: log_loss and brier are undefined"]


def _improper(states: MulticlassStates) -> Undefined | None:
    if not states.improper:
        return None
    return Undefined(f"{states.improper} of {states.rows.counted} rows of scores are no probabilities that add up to 1")


def _mean(name: str, states: MulticlassStates) -> Value:
    return averaged(filled(states.per_class(name), states.zero_division, states.present()))


def _weighted(name: str, states: MulticlassStates) -> Value:
    present = states.present()
    weights = states.confusion.true[np.array(present, bool)]
    return averaged(filled(states.per_class(name), states.zero_division, present), weights)


def _top(k: int, states: MulticlassStates) -> Value:
    if k >= len(states.labels):
        return Undefined(f"there are {len(states.labels)} labels: the top {k} are all of them")
    return ratio(math.fsum(states.ranks[:k]), math.fsum(states.ranks), "no rows")


def _loss(name: str, states: MulticlassStates) -> Value:
    loss: RowLoss = getattr(states, name)
    return _improper(states) or loss.mean()


def _metric(
    name: str, needs: str, compute: Of, about: str, *aliases: str, by_class: Each | None = None, **more: Any
) -> Metric:
    return Metric(
        name=name, kinds=("multiclass",), needs=needs, goal="minimize" if name in ("log_loss", "brier") else "maximize",
        compute=lambda states: states.rows.problem(needs) or compute(states),
        by_class=None if by_class is None else _each(needs, by_class),
        definition={"formula": about, **more.pop("definition", {}), "version": 1}, aliases=aliases, about=about, **more,
    )  # fmt: skip


def _each(needs: str, by_class: Each) -> Each:
    def values(states: MulticlassStates) -> list[Value]:
        problem = states.rows.problem(needs)
        return by_class(states) if problem is None else [problem] * len(states.labels)

    return values


def _jaccard_micro(states: MulticlassStates) -> Value:
    hits, total = math.fsum(states.confusion.hits()), states.confusion.total
    return ratio(hits, 2 * total - hits, "no rows")


def _share_of_constant(name: str, states: MulticlassStates) -> Value:
    """Return 1 less a loss over that of predicting for every row the shares of the labels in the truth."""
    shares = states.confusion.true / states.confusion.total
    shares = shares[shares > 0]
    if len(shares) < 2:
        return Undefined(_ONE_CLASS)
    of_constant = -np.sum(shares * np.log(shares)) if name == "log_loss" else np.sum(shares * (1 - shares))
    loss = _loss(name, states)
    return loss if isinstance(loss, Undefined) else float(1 - loss / of_constant)


def _averages(name: str, about: str, bundled: bool = True) -> list[Metric]:
    """Return the macro, weighted and micro mean of precision, recall, f1 or jaccard."""
    over = "labels in truth or predictions for which it is defined"
    undefined = "it is 0/0 for every label"
    return [
        _metric(
            name, "labels", partial(_mean, name), f"{about}, mean over labels", f"{name}_macro", undefined=undefined,
            by_class=lambda states: states.per_class(name), definition={"average": "macro", "over": over},
            options=("zero_division",), bundled=bundled,
        ),
        _metric(
            f"{name}_weighted", "labels", partial(_weighted, name), f"{about}, mean weighted by the truth's labels",
            undefined=undefined, definition={"average": "weighted", "over": over}, options=("zero_division",),
            bundled=bundled,
        ),
        _metric(
            f"{name}_micro", "labels", *(
                (_jaccard_micro, f"{about}, of all labels together") if name == "jaccard" else
                (lambda states: accuracy(states.confusion), f"{about}, of all labels together: it equals accuracy")
            ), definition={"average": "micro"}, bundled=bundled,
        ),
    ]  # fmt: skip


def _top_k(k: int) -> Metric:
    return _metric(
        f"top_{k}_accuracy", "scores", partial(_top, k), f"share of rows whose truth is among the {k} greatest scores",
        undefined=f"{k} labels or fewer", definition={"k": k, **_TIES}, bundled=k == 5,
    )  # fmt: skip


_TIES = {"ties": "the later label comes first, as in scikit-learn"}
_MACRO = {"average": "macro", "multi_class": "ovr", "over": "labels with rows of both sides"}
_ONE_CLASS = "one class in y_true"

METRICS = (
    _metric("accuracy", "labels", lambda states: accuracy(states.confusion), "share of rows that are right", "acc",
            "categorical_accuracy", "sparse_categorical_accuracy"),
    _metric("balanced_accuracy", "labels", lambda states: balanced_accuracy(states.confusion),
            "mean recall of the labels in the truth", definition={"average": "macro", "over": "labels in truth"}),
    *_averages("precision", "tp / (tp + fp)"),
    *_averages("recall", "tp / (tp + fn)"),
    *_averages("f1", "2 tp / (2 tp + fp + fn)"),
    *_averages("jaccard", "tp / (tp + fp + fn)", bundled=False),
    _metric("mcc", "labels", lambda states: mcc(states.confusion), "correlation of truth and predictions (R_K)",
            "matthews_corrcoef", undefined=_ONE_CLASS + ", or one class is predicted for every row"),
    _metric("cohen_kappa", "labels", lambda states: cohen_kappa(states.confusion), "agreement beyond chance", "kappa",
            "cohen_kappa_score", undefined="one class in y_true"),
    *(_top_k(k) for k in TOP),
    _metric("top_k_accuracy", "scores", lambda states: _top(states.k, states),
            "share of rows whose truth is among the k greatest scores", "top_k_accuracy_score", "top_k",
            "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", undefined="k labels or fewer",
            definition=_TIES, options=("k",), bundled=False),
    _metric("roc_auc", "scores", lambda states: averaged(states.scores.one_vs_rest(), reason=_ONE_CLASS),
            "AUC of each label against the rest, mean over labels", "auc", "roc_auc_ovr", undefined=_ONE_CLASS,
            by_class=lambda states: states.scores.one_vs_rest(), definition=_MACRO),
    _metric("roc_auc_weighted", "scores",
            lambda states: averaged(states.scores.one_vs_rest(), states.scores.mass(), _ONE_CLASS),
            "AUC of each label against the rest, mean weighted by the truth's labels", "roc_auc_ovr_weighted",
            undefined=_ONE_CLASS, definition=_MACRO | {"average": "weighted"}),
    _metric("roc_auc_ovo", "scores", lambda states: states.scores.one_vs_one(weighted=False),
            "AUC of each pair of labels, mean over pairs (Hand and Till)", undefined=_ONE_CLASS,
            definition={"average": "macro", "multi_class": "ovo"}),
    _metric("roc_auc_ovo_weighted", "scores", lambda states: states.scores.one_vs_one(weighted=True),
            "AUC of each pair of labels, mean weighted by a pair's rows", undefined=_ONE_CLASS,
            definition={"average": "weighted", "multi_class": "ovo"}),
    _metric("average_precision", "scores", lambda states: averaged(states.average_precisions()),
            "average precision of each label against the rest, mean over labels", "avg_precision", "pr_auc",
            undefined="no rows", by_class=lambda states: states.average_precisions(),
            definition={"average": "macro", "multi_class": "ovr", "over": "labels in truth"}),
    _metric("log_loss", "scores", partial(_loss, "log_loss"), "mean -log(probability of the truth)",
            "cross_entropy", "categorical_crossentropy", undefined="scores are no probabilities",
            definition={"clip": EPSILON}),
    _metric("brier", "scores", partial(_loss, "brier"), "mean sum over labels (probability - truth)^2, 0 to 2",
            "brier_loss", "brier_score", undefined="scores are no probabilities", definition={"halved": False}),
    _metric("d2_log_loss_score", "scores", partial(_share_of_constant, "log_loss"),
            "1 - log_loss / that of the labels' shares in the truth as probabilities",
            undefined="scores are no probabilities, " + _ONE_CLASS, definition={"clip": EPSILON}, bundled=False),
    _metric("d2_brier_score", "scores", partial(_share_of_constant, "brier"),
            "1 - brier / that of the labels' shares in the truth as probabilities",
            undefined="scores are no probabilities, " + _ONE_CLASS, bundled=False),
)  # fmt: skip

BUNDLE = Bundle(
    "multiclass", MulticlassStates, METRICS, CHARTS, options=("zero_division", "k"), notices=notices, warnings=warnings
)
