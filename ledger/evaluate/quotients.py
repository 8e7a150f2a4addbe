"""The class metrics of a binary problem: each a quotient of tn, fp, fn, tp, for numbers and for arrays alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ledger.evaluate.arrays import Array
from ledger.evaluate.confusion import ONE_CLASS
from ledger.evaluate.results import Value, ratio
from ledger.format.values import Undefined

NO_POSITIVE = "no row is truly positive"
NO_NEGATIVE = "no row is truly negative"
NONE_POSITIVE = "no row was predicted positive"
NONE_NEGATIVE = "no row was predicted negative"

Counts = tuple[Any, Any, Any, Any]  # tn, fp, fn, tp


class Quotient(NamedTuple):
    """How a class metric is computed, and why it has no value where the denominator is 0."""

    parts: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    reason: str
    formula: str


def _fbeta(beta: float) -> Callable[[Any, Any, Any, Any], tuple[Any, Any]]:
    square = beta * beta
    return lambda tn, fp, fn, tp: ((1 + square) * tp, (1 + square) * tp + square * fn + fp)


def _mcc(tn: Any, fp: Any, fn: Any, tp: Any) -> tuple[Any, Any]:
    return tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))


def _kappa(tn: Any, fp: Any, fn: Any, tp: Any) -> tuple[Any, Any]:
    both = ((tp + fn) > 0) & ((tn + fp) > 0)
    return 2 * (tp * tn - fp * fn), both * ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


NEITHER = "neither truth nor predictions have a positive"

QUOTIENTS: dict[str, Quotient] = {
    "accuracy": Quotient(lambda tn, fp, fn, tp: (tp + tn, tn + fp + fn + tp), "no rows", "(tp + tn) / n"),
    "precision": Quotient(lambda tn, fp, fn, tp: (tp, tp + fp), NONE_POSITIVE, "tp / (tp + fp)"),
    "recall": Quotient(lambda tn, fp, fn, tp: (tp, tp + fn), NO_POSITIVE, "tp / (tp + fn)"),
    "specificity": Quotient(lambda tn, fp, fn, tp: (tn, tn + fp), NO_NEGATIVE, "tn / (tn + fp)"),
    "npv": Quotient(lambda tn, fp, fn, tp: (tn, tn + fn), NONE_NEGATIVE, "tn / (tn + fn)"),
    "fpr": Quotient(lambda tn, fp, fn, tp: (fp, fp + tn), NO_NEGATIVE, "fp / (fp + tn)"),
    "fnr": Quotient(lambda tn, fp, fn, tp: (fn, fn + tp), NO_POSITIVE, "fn / (fn + tp)"),
    "fdr": Quotient(lambda tn, fp, fn, tp: (fp, fp + tp), NONE_POSITIVE, "fp / (fp + tp)"),
    "f1": Quotient(_fbeta(1), NEITHER, "2 tp / (2 tp + fn + fp)"),
    "f2": Quotient(_fbeta(2), NEITHER, "5 tp / (5 tp + 4 fn + fp)"),
    "mcc": Quotient(
        _mcc,
        "one class in y_true, or one class is predicted for every row",
        "(tp tn - fp fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn))",
    ),
    "cohen_kappa": Quotient(_kappa, ONE_CLASS, "2 (tp tn - fp fn) / ((tp + fp)(fp + tn) + (tp + fn)(fn + tn))"),
    "positive_likelihood_ratio": Quotient(
        lambda tn, fp, fn, tp: (tp * (fp + tn), fp * (tp + fn)),
        "no row was falsely predicted positive, or one class in y_true",
        "recall / fpr",
    ),
    "negative_likelihood_ratio": Quotient(
        lambda tn, fp, fn, tp: (fn * (fp + tn), tn * (tp + fn)),
        "no row was rightly predicted negative, or one class in y_true",
        "fnr / specificity",
    ),
    "jaccard": Quotient(lambda tn, fp, fn, tp: (tp, tp + fp + fn), NEITHER, "tp / (tp + fp + fn)"),
    "prevalence": Quotient(lambda tn, fp, fn, tp: (tp + fn, tn + fp + fn + tp), "no rows", "(tp + fn) / n"),
    "predicted_positive_rate": Quotient(
        lambda tn, fp, fn, tp: (tp + fp, tn + fp + fn + tp), "no rows", "(tp + fp) / n"
    ),
}


def quotient(name: str, counts: Counts) -> Value:
    """Return a class metric of single counts."""
    found = QUOTIENTS[name]
    numerator, denominator = found.parts(*counts)
    return ratio(float(numerator), float(denominator), found.reason)


def fbeta(beta: float, counts: Counts) -> Value:
    """Return F-beta of single counts."""
    numerator, denominator = _fbeta(beta)(*counts)
    return ratio(float(numerator), float(denominator), NEITHER)


def balanced_accuracy(counts: Counts) -> Value:
    """Return the mean of recall and specificity; where the truth has one class, that one's recall."""
    known = [v for v in (quotient("recall", counts), quotient("specificity", counts)) if not isinstance(v, Undefined)]
    return sum(known) / len(known) if known else Undefined("no rows")


def column(name: str, counts: Counts) -> Array:
    """Return a class metric of arrays of counts, NaN where it is undefined."""
    if name == "balanced_accuracy":
        halves = np.stack([column("recall", counts), column("specificity", counts)])
        known = np.isfinite(halves)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(known, halves, 0.0).sum(axis=0) / known.sum(axis=0))
    numerator, denominator = QUOTIENTS[name].parts(*counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)
