"""The bundle for two classes: its states, the metrics of labels and of scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ledger.evaluate import quotients, scores
from ledger.evaluate.binary_charts import CHARTS
from ledger.evaluate.binary_states import BinaryStates
from ledger.evaluate.quotients import QUOTIENTS
from ledger.evaluate.registry import Bundle, Metric
from ledger.evaluate.results import EPSILON, Value
from ledger.evaluate.scores import ScoreCounts
from ledger.format.goals import known_goal
from ledger.format.values import Undefined


def notices(states: BinaryStates) -> list[str]:
    """Return whether scores are no probabilities, where predictions do not rest on them; how many rows are clipped."""
    if said := _outside(states):
        return [] if warnings(states) else said
    if states.rows.scored and (weight := scores.clipped(states.scores)):
        return [f"log_loss clips {weight:g} of {states.confusion.total:g} rows, whose truth has the probability 0"]
    return []


def warnings(states: BinaryStates) -> list[str]:
    """Return whether scores are no probabilities, where predictions are made with the threshold of probabilities."""
    return _outside(states) if states.rows.by_scores and states.threshold == 0.5 else []


def _outside(states: BinaryStates) -> list[str]:
    problem = states.scores.outside() if states.rows.scored else None
    return [] if problem is None else [f"{problem.reason}: brier, log_loss and ece are undefined"]


Of = Callable[[BinaryStates], Value]

EITHER_CLASS = "one class in y_true"
OUTSIDE = "a score is outside 0 to 1"


def _metric(name: str, needs: str, compute: Of, about: str, undefined: str, aliases: str, **more: Any) -> Metric:
    return Metric(
        name=name, kinds=("binary",), needs=needs, goal=known_goal(name), aliases=tuple(aliases.split()),
        compute=lambda states: states.rows.problem(needs) or compute(states), about=about, undefined=undefined,
        definition={"formula": about, "average": "binary", **more.pop("definition", {}), "version": 1}, **more,
    )  # fmt: skip


def _of_labels(name: str, aliases: str = "", **more: Any) -> Metric:
    found = QUOTIENTS[name]
    compute: Of = lambda states: quotients.quotient(name, states.counts())  # noqa: E731
    return _metric(name, "labels", compute, found.formula, found.reason, aliases, **more)


def _of_scores(
    name: str, compute: Callable[[ScoreCounts], Value], about: str, undefined: str, aliases: str = "", **more: Any
) -> Metric:
    return _metric(name, "scores", lambda states: compute(states.scores), about, undefined, aliases, **more)


def _gini(state: ScoreCounts) -> Value:
    area = scores.roc_auc(state)
    return area if isinstance(area, Undefined) else 2 * area - 1


def _d2_log_loss(state: ScoreCounts) -> Value:
    return scores.d2(state, scores.log_loss(state), lambda p: -p * math.log(p) - (1 - p) * math.log1p(-p))


def _d2_brier(state: ScoreCounts) -> Value:
    return scores.d2(state, scores.brier(state), lambda p: p * (1 - p))


def _weight_at(row: int, column: int) -> Of:
    return lambda states: float(states.confusion.counts[row, column])


METRICS = (
    _of_labels("accuracy", "acc binary_accuracy accuracy_score"),
    _metric(
        "balanced_accuracy", "labels", lambda states: quotients.balanced_accuracy(states.counts()),
        "(recall + specificity) / 2; where the truth has one class, that one's", "no rows", "balanced_accuracy_score",
    ),
    _of_labels("precision", "ppv positive_predictive_value precision_score"),
    _of_labels("recall", "tpr sensitivity true_positive_rate hit_rate recall_score"),
    _of_labels("specificity", "tnr true_negative_rate selectivity"),
    _of_labels("npv", "negative_predictive_value"),
    _of_labels("fpr", "false_positive_rate fall_out"),
    _of_labels("fnr", "false_negative_rate miss_rate"),
    _of_labels("fdr", "false_discovery_rate"),
    _of_labels("f1", "f1_score f_score dice"),
    _of_labels("f2", "f2_score"),
    _of_labels("mcc", "matthews_corrcoef matthews phi"),
    _of_labels("cohen_kappa", "kappa cohen_kappa_score"),
    _of_scores("roc_auc", scores.roc_auc, "P(score of a positive > score of a negative) + P(equal) / 2", EITHER_CLASS,
               "auc auroc rocauc roc_auc_score"),
    _of_scores("average_precision", scores.average_precision, "Σ precision × step in recall, down the distinct scores",
               "no positive row", "avg_precision ap average_precision_score"),
    _of_scores("ks", scores.ks, "max |share of positives - share of negatives| up to a score", EITHER_CLASS,
               "ks_statistic kolmogorov_smirnov"),
    _of_scores("brier", scores.brier, "mean (score - truth)²", OUTSIDE,
               "brier_loss brier_score brier_score_loss"),
    _of_scores("log_loss", scores.log_loss, "mean -log(probability of the truth)", OUTSIDE,
               "logloss cross_entropy binary_crossentropy", definition={"clip": EPSILON}),
    _metric("ece", "scores", lambda states: scores.ece(states.scores, states.bins),
            "Σ share of rows × |mean score - share of positives|, over bins (low, high] of equal width over 0 to 1",
            OUTSIDE, "expected_calibration_error", options=("bins",)),
    _of_scores("gini", _gini, "2 roc_auc - 1", EITHER_CLASS, bundled=False),
    _of_scores("pr_auc", scores.pr_auc, "area under straight lines between the points of precision and recall",
               "no positive row", "auprc prauc aupr", bundled=False),
    _metric("fbeta", "labels", lambda states: quotients.fbeta(states.beta, states.counts()),
            "(1 + β²) tp / ((1 + β²) tp + β² fn + fp)", quotients.NEITHER, "fbeta_score", options=("beta",),
            bundled=False),
    _of_labels("jaccard", "iou jaccard_score", bundled=False),
    _of_labels("positive_likelihood_ratio", "lr_plus", bundled=False),
    _of_labels("negative_likelihood_ratio", "lr_minus", bundled=False),
    _of_scores("d2_log_loss_score", _d2_log_loss, "1 - log_loss / that of the prevalence as every row's score",
               f"{EITHER_CLASS}, {OUTSIDE}", definition={"clip": EPSILON}, bundled=False),
    _of_scores("d2_brier_score", _d2_brier, "1 - brier / that of the prevalence as every row's score",
               f"{EITHER_CLASS}, {OUTSIDE}", bundled=False),
    _of_labels("prevalence", "base_rate", bundled=False),
    _of_labels("predicted_positive_rate", bundled=False),
    _of_scores("mean_score_bias", scores.bias, "mean score - prevalence", OUTSIDE, bundled=False),
    _metric("tn", "labels", _weight_at(0, 0), "weight of true negatives", "", "true_negatives", bundled=False),
    _metric("fp", "labels", _weight_at(0, 1), "weight of false positives", "", "false_positives", bundled=False),
    _metric("fn", "labels", _weight_at(1, 0), "weight of false negatives", "", "false_negatives", bundled=False),
    _metric("tp", "labels", _weight_at(1, 1), "weight of true positives", "", "true_positives", bundled=False),
)  # fmt: skip

BUNDLE = Bundle(
    "binary", BinaryStates, METRICS, CHARTS, options=("threshold", "bins", "beta"), notices=notices, warnings=warnings
)
