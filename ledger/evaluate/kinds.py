"""The kinds of evaluation, and which one arrays stand for where nobody said."""

from __future__ import annotations

from typing import Any

import numpy as np

from ledger.evaluate import labels as label_set
from ledger.evaluate.arrays import Array, as_array, as_numbers, missing_in

KINDS = ("binary", "multiclass", "multilabel", "regression", "segmentation")

_MANY, _SOME = 100, 10  # different whole numbers: always many, and not before there are more than this


def guess(y_true: Any, y_pred: Any = None, y_score: Any = None, rows: int | None = None) -> str:
    """Return the kind that the shapes and values stand for; whoever uses it says so.

    Without scores, what holds a fraction is a regression. So are whole numbers where y_true has many different ones
    (more than 100, or than 2 √rows and 10), and y_pred or y_true is of a type of floats, or y_pred has a number that
    y_true has not. Other whole numbers, truth values and text are classes. `rows` says of how many rows with a truth
    the arrays are a part that has all their values; of as many as they have if left out.
    """
    truth = as_array("y_true", y_true)
    predicted = None if y_pred is None else as_array("y_pred", y_pred)
    scores = None if y_score is None else as_numbers("y_score", as_array("y_score", y_score))
    if truth.ndim > 2:
        return "segmentation"
    if truth.ndim == 2 and truth.shape[1] > 1:
        return _guess_table(truth, scores)
    if scores is not None and scores.ndim == 2 and scores.shape[1] > 2:
        return "multiclass"
    missing = missing_in(truth)
    known = truth if missing is None else truth[~missing]
    if scores is None and predicted is not None and not (_is_whole(known) and _is_whole(predicted)):
        # Shares beside a truth of 0 and 1 are scores in the wrong place, which `check` will say.
        return "binary" if _is_flags(known) and _is_share(predicted) else "regression"
    if (
        scores is None
        and predicted is not None
        and _is_measured(known, predicted, len(known) if rows is None else rows)
    ):
        return "regression"
    values = set(label_set.found([("y_true", known)]))
    if scores is None and predicted is not None:
        gone = missing_in(predicted)
        values |= set(label_set.found([("y_pred", predicted if gone is None else predicted[~gone])]))
    if len(values) == 2 or values <= {0, 1} or values <= {-1, 1}:
        return "binary"
    return "binary" if len(values) < 2 and scores is not None else "multiclass"


def _guess_table(truth: Array, scores: Array | None) -> str:
    if truth.dtype.kind not in "biuf" or not np.isin(truth[~np.isnan(truth)], (0, 1)).all():
        return "segmentation"
    if scores is not None and scores.ndim == 3:
        return "segmentation"
    one_hot = bool((np.nansum(truth, axis=1) == 1).all())
    with np.errstate(all="ignore"):
        adds_up = scores is not None and scores.ndim == 2 and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-3))
    return "multiclass" if one_hot and adds_up else "multilabel"


def _is_whole(array: Array) -> bool:
    """Say whether values can be labels: text, bools, whole numbers."""
    if array.dtype.kind != "f":
        return True
    finite = array[np.isfinite(array)]
    return bool(np.array_equal(finite, np.rint(finite)))


def _is_measured(truth: Array, predicted: Array, rows: int) -> bool:
    """Say whether whole numbers are values, not classes."""
    truth, predicted = _known_numbers(truth), _known_numbers(predicted)
    if truth.dtype.kind not in "iuf" or predicted.dtype.kind not in "iuf":
        return False
    values = np.unique(truth[np.isfinite(truth)])
    if len(values) <= min(_MANY, max(_SOME, 2 * rows**0.5)):
        return False
    return "f" in (truth.dtype.kind, predicted.dtype.kind) or not np.isin(predicted, values).all()


def _known_numbers(array: Array) -> Array:
    """Return what is there, as numbers if all of that is numbers."""
    missing = missing_in(array)
    known = array if missing is None else array[~missing]
    return np.array(known.tolist()) if known.dtype.kind == "O" and len(known) else known


def _is_flags(array: Array) -> bool:
    return array.dtype.kind in "biuf" and bool(np.isin(array, (0, 1)).all())


def _is_share(array: Array) -> bool:
    finite = array[np.isfinite(array)]
    return finite.size > 0 and bool(finite.min() >= 0 and finite.max() <= 1)
