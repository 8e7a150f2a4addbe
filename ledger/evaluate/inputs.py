"""Rows to be evaluated, checked and coded: a `Batch` is all that the states ever see.

Rows without a truth are left out and counted as pending, rows of weight 0 are left out. A score or prediction that is
no finite number leaves its row in and makes the metrics that need it undefined: `rows.Rows.problem` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate import columns as frames
from ledger.evaluate import labels as label_set
from ledger.evaluate.arrays import Array, as_array, as_numbers, missing_in, shown
from ledger.evaluate.columns import Named
from ledger.evaluate.kinds import KINDS

# Squares of sums of weights neither overflow nor vanish.
_LEAST_WEIGHT, _GREATEST_WEIGHT = 1e-100, 1e100


class Batch(msgspec.Struct, frozen=True, eq=False):
    """One chunk of rows. All arrays have the rows that count: truth known, weight above 0.

    `truth`, `predicted`: int64 codes into `labels` (binary: 0 and 1; segmentation: of the images' shape, -1 where a
    pixel is left out); bool (n, K) for multilabel; float64 for regression. `scores`: float64, (n,) of the positive
    class for binary, (n, K) for multiclass and multilabel. `weight`: float64 above 0 of the shape of `truth` (rows
    for multilabel), None for 1 each. `n` counts rows (for segmentation: pixels) whose truth is known, those of weight
    0 too. `invalid` of them have a score that is no finite number, `unpredicted` no (finite) prediction: where
    `decided_by` is "scores" the prediction is made from the scores. An unpredicted code is -1. Of predictions that were
    given beside scores, `differing` are not what would be made from these.
    """

    kind: str
    truth: Array
    predicted: Array | None
    scores: Array | None
    weight: Array | None
    labels: tuple[Any, ...]
    n: int
    pending: int = 0
    invalid: int = 0
    unpredicted: int = 0
    decided_by: str = "labels"
    differing: int = 0


def check(
    kind: str,
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    sample_weight: Any = None,
    labels: Any = None,
    threshold: Any = 0.5,
    ignore_class: Any = None,
) -> Batch:
    """Return the rows as a `Batch`; raises InvalidValue for what is no such evaluation, with both values.

    Lengths that differ, neither predictions nor scores, shapes that do not belong to the kind, values that are none
    of `labels`. `labels` is found in the values if left out; chunks of one whole need it said. The columns of a frame
    are taken by their names where these are the labels. `ignore_class` is for segmentation alone.
    """
    if kind not in KINDS:
        raise InvalidValue(f"there is no kind {kind!r} of evaluation", hint=f"the kinds are {', '.join(KINDS)}")
    threshold = as_threshold(threshold)
    if y_pred is None and y_score is None:
        raise InvalidValue("neither y_pred nor y_score is given", hint="give labels as y_pred=, scores as y_score=")
    if kind == "regression" and (y_pred is None or y_score is not None):
        raise InvalidValue("a regression has values, no scores", hint="give them as y_pred=")
    if ignore_class is not None and kind != "segmentation":
        raise InvalidValue(f"ignore_class is for segmentation, and kind is {kind}")
    named = frames.named(y_true, y_pred, y_score)
    truth = as_array("y_true", y_true)
    predicted = None if y_pred is None else as_array("y_pred", y_pred)
    scores = None if y_score is None else as_numbers("y_score", as_array("y_score", y_score))
    for name, array in (("y_pred", predicted), ("y_score", scores)):
        if array is not None and len(array) != len(truth):
            raise InvalidValue(f"y_true has {len(truth)} rows and {name} has {len(array)}")
    weight = _weights(sample_weight, truth)
    known = None if labels is None else label_set.given(labels)
    if kind == "segmentation":
        return _segmentation(truth, predicted, scores, weight, known, ignore_class)
    if kind == "multilabel":
        return _multilabel(truth, predicted, scores, weight, known, threshold, named)
    if kind == "regression":
        assert predicted is not None
        return _regression(truth, predicted, weight)
    return _classes(kind, truth, predicted, scores, weight, known, threshold, named)


def as_threshold(given: Any) -> float:
    """Return a threshold as a float; raises InvalidValue for what is no number, and for NaN."""
    plain = given.item() if hasattr(given, "item") else given
    if isinstance(plain, bool) or not isinstance(plain, int | float) or plain != plain:
        raise InvalidValue(f"the threshold must be a number, not {shown(given)}")
    return float(plain)


def _weights(given: Any, truth: Array) -> Array | None:
    if given is None:
        return None
    weight = as_numbers("sample_weight", as_array("sample_weight", given))
    if len(weight) != len(truth):
        raise InvalidValue(f"y_true has {len(truth)} rows and sample_weight has {len(weight)}")
    if weight.ndim > 1 and weight.shape != truth.shape:
        raise InvalidValue(f"y_true has the shape {truth.shape} and sample_weight {weight.shape}")
    with np.errstate(invalid="ignore"):
        usable = (weight == 0) | ((weight >= _LEAST_WEIGHT) & (weight <= _GREATEST_WEIGHT))
    if not usable.all():
        wrong = weight[~usable].ravel()[0].item()
        raise InvalidValue(f"sample_weight has {wrong!r}; a weight is 0, or from 1e-100 to 1e100")
    return weight


def _column(name: str, array: Array, kind: str) -> Array:
    """Return one value a row; (n, 1) is taken as that."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidValue(f"{name} has the shape {array.shape}; for kind {kind} it needs one value a row")
    return array


def _from_one_hot(name: str, array: Array) -> Array:
    """Return one-hot rows as column numbers; other arrays as they are."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return array
    if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
        raise InvalidValue(f"{name} has the shape {array.shape} and its rows are not one-hot")
    return np.asarray(array.argmax(axis=1))


def _kept(truth: Array, weight: Array | None) -> tuple[Array | None, int]:
    """Return which rows are known and have a weight above 0 (None: all), and how many are pending."""
    missing: Array | None = missing_in(truth)
    if missing is not None and missing.ndim > 1:
        missing = np.asarray(missing.reshape(len(missing), -1).any(axis=1))
    pending = 0 if missing is None else int(missing.sum())
    keep: Array | None = None if missing is None else ~missing
    if weight is not None and (weight == 0).any():
        heavy = np.asarray(weight > 0)
        keep = heavy if keep is None else np.asarray(keep & heavy)
    return keep, pending


def _pick(array: Array | None, keep: Array | None) -> Array | None:
    return array if array is None or keep is None else array[keep]


def _classes(
    kind: str,
    truth: Array,
    predicted: Array | None,
    scores: Array | None,
    weight: Array | None,
    labels: tuple[Any, ...] | None,
    threshold: float,
    named: Named,
) -> Batch:
    """Check and code binary and multiclass rows."""
    columns = scores.shape[1] if scores is not None and scores.ndim == 2 else None
    one_hot = truth.ndim == 2 and truth.shape[1] > 1
    if one_hot and labels is None:
        labels = frames.as_labels(named.y_true)
    truth, predicted = _one_column(kind, truth, predicted, labels, named)
    of_categories = labels is None
    if weight is not None:
        weight = _column("sample_weight", weight, kind)
    keep, pending = _kept(truth, weight)
    n = len(truth) - pending
    kept = _pick(truth, keep)
    assert kept is not None
    truth, predicted, scores, weight = kept, _pick(predicted, keep), _pick(scores, keep), _pick(weight, keep)
    gone = None if predicted is None else missing_in(predicted)
    arrays = [("y_true", truth)]
    if predicted is not None:
        arrays.append(("y_pred", _pick(predicted, None if gone is None else ~gone)))  # type: ignore[arg-type]
    if labels is None and one_hot and columns:
        labels = tuple(range(columns))
    labels = frames.labels_of(kind, arrays, labels, columns, named)
    if of_categories:
        frames.check_order(labels, named, scores)
    codes = label_set.encode("y_true", truth, labels)
    scores = None if scores is None else _class_scores(kind, scores, labels, named.y_score)
    invalid: Array = np.zeros(0, bool) if scores is None else ~np.isfinite(scores)
    if invalid.ndim == 2:
        invalid = np.asarray(invalid.any(axis=1))
    if predicted is not None:
        coded = _encode_with_gaps("y_pred", predicted, labels, gone)
        unpredicted, decided_by = int((coded < 0).sum()) if gone is not None else 0, "labels"
        differing = 0 if scores is None else _differing(kind, coded, scores, threshold, invalid)
    else:
        assert scores is not None
        decided_by, differing = "scores", 0
        with np.errstate(invalid="ignore"):
            coded = (scores > threshold).astype(np.int64) if kind == "binary" else _argmax(scores)
        unpredicted = int(invalid.sum())
        if unpredicted:
            coded[invalid] = -1
    return Batch(
        kind=kind, truth=codes, predicted=coded, scores=scores, weight=weight, labels=labels, n=n, pending=pending,
        invalid=int(invalid.sum()), unpredicted=unpredicted, decided_by=decided_by, differing=differing,
    )  # fmt: skip


def _one_column(
    kind: str, truth: Array, predicted: Array | None, labels: tuple[Any, ...] | None, named: Named
) -> tuple[Array, Array | None]:
    """Return truth and predictions as one value a row, the columns of one-hot rows in the order of the labels."""
    found = []
    for name, array, columns in (("y_true", truth, named.y_true), ("y_pred", predicted, named.y_pred)):
        if array is not None and labels is not None and array.ndim == 2 and array.shape[1] > 1:
            array = frames.placed(name, array, columns, labels)
        single = None if array is None else _from_one_hot(name, array)
        if array is not None and single is not array and labels is not None and array.shape[1] == len(labels):
            text = any(isinstance(label, str) for label in labels)
            single = np.array(labels, dtype=object if text else None)[single]
        found.append(None if single is None else _column(name, single, kind))
    assert found[0] is not None
    return found[0], found[1]


def _differing(kind: str, coded: Array, scores: Array, threshold: float, invalid: Array) -> int:
    """Return how many predictions are not what the scores stand for; one of two equal greatest scores is.

    Margins, which are no shares, stand for predictions of any threshold.
    """
    there = (coded >= 0) & ~invalid
    coded, scores = coded[there], scores[there]
    if kind == "multiclass":
        return int((scores[np.arange(len(coded)), coded] < scores.max(axis=1, initial=-np.inf)).sum())
    least, greatest = scores[coded == 1].min(initial=np.inf), scores[coded == 0].max(initial=-np.inf)
    if scores.size and not 0 <= scores.min() <= scores.max() <= 1 and greatest < least:
        return 0
    return int((coded != (scores > threshold)).sum())


def _argmax(scores: Array) -> Array:
    """Return the column of each row's greatest score, the first of ties."""
    if scores.shape[1] == 0:
        return np.zeros(len(scores), dtype=np.int64)
    return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def _class_scores(kind: str, scores: Array, labels: Sequence[Any], names: Sequence[Any] | None) -> Array:
    scores = frames.placed("y_score", scores, names, labels)
    if kind == "binary":
        if names is not None and len(names) == 1 and isinstance(names[0], str) and names[0] == labels[0]:
            raise InvalidValue(
                f"y_score is the column {shown(names[0])}, and the scores wanted are those of {shown(labels[1])}",
                hint=f"give that column, or say which label is positive: labels=({labels[1]!r}, {labels[0]!r})",
            )
        if scores.ndim == 2 and scores.shape[1] in (1, 2):
            return np.ascontiguousarray(scores[:, -1])
        if scores.ndim != 1:
            raise InvalidValue(f"y_score has the shape {scores.shape}; for kind binary it is (n,), (n, 1) or (n, 2)")
        return scores
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise InvalidValue(
            f"y_score has the shape {scores.shape} and there are {len(labels)} labels: {label_set.listed(labels)}",
            hint="it needs one column a label; say labels= in the order of the columns",
        )
    return scores


def _encode_with_gaps(name: str, array: Array, labels: Sequence[Any], gone: Array | None) -> Array:
    if gone is None:
        return label_set.encode(name, array, labels)
    codes = np.full(array.shape, -1, dtype=np.int64)
    codes[~gone] = label_set.encode(name, array[~gone], labels)
    return codes


def _multilabel(
    truth: Array,
    predicted: Array | None,
    scores: Array | None,
    weight: Array | None,
    labels: tuple[Any, ...] | None,
    threshold: float,
    named: Named,
) -> Batch:
    if truth.ndim != 2:
        raise InvalidValue(f"y_true has the shape {truth.shape}; for kind multilabel it is (rows, labels) of 0 and 1")
    for name, array in (("y_pred", predicted), ("y_score", scores)):
        if array is not None and array.shape != truth.shape:
            raise InvalidValue(f"y_true has the shape {truth.shape} and {name} {array.shape}")
    if labels is None:
        labels = frames.as_labels(named.y_true) or tuple(range(truth.shape[1]))
    if len(labels) != truth.shape[1]:
        raise InvalidValue(f"y_true has {truth.shape[1]} columns and labels has {len(labels)}")
    truth = frames.placed("y_true", truth, named.y_true, labels)
    predicted = None if predicted is None else frames.placed("y_pred", predicted, named.y_pred, labels)
    scores = None if scores is None else frames.placed("y_score", scores, named.y_score, labels)
    if weight is not None:
        weight = _column("sample_weight", weight, "multilabel")
    keep, pending = _kept(truth, weight)
    n = len(truth) - pending
    kept = _pick(truth, keep)
    assert kept is not None
    predicted, scores, weight = _pick(predicted, keep), _pick(scores, keep), _pick(weight, keep)
    codes = _flags("y_true", kept, None)
    invalid = np.zeros(0, bool) if scores is None else ~np.isfinite(scores).all(axis=1)
    if predicted is not None:
        gone = missing_in(predicted)
        flags, decided_by = _flags("y_pred", predicted, gone), "labels"
        unpredicted = 0 if gone is None else int(gone.any(axis=1).sum())
        with np.errstate(invalid="ignore"):
            differs = np.zeros(0, bool) if scores is None else ((scores > threshold) != flags).any(axis=1) & ~invalid
        differing = int((differs if gone is None else differs & ~gone.any(axis=1)).sum()) if differs.size else 0
    else:
        assert scores is not None
        with np.errstate(invalid="ignore"):
            flags, unpredicted, decided_by = scores > threshold, int(invalid.sum()), "scores"
        differing = 0
    return Batch(
        kind="multilabel", truth=codes, predicted=flags, scores=scores, weight=weight, labels=labels, n=n,
        pending=pending, invalid=int(invalid.sum()), unpredicted=unpredicted, decided_by=decided_by,
        differing=differing,
    )  # fmt: skip


def _flags(name: str, array: Array, gone: Array | None) -> Array:
    """Return 0 and 1 as bools, what is missing as False."""
    numbers = as_numbers(name, array)
    wrong = ~np.isin(numbers, (0, 1))
    if gone is not None:
        wrong &= ~gone
    if wrong.any():
        raise InvalidValue(f"{name} has {shown(array[wrong].ravel()[0].item())}; for kind multilabel it has 0 and 1")
    return np.asarray(numbers == 1)


def _regression(truth: Array, predicted: Array, weight: Array | None) -> Batch:
    true = as_numbers("y_true", _column("y_true", truth, "regression"))
    values = as_numbers("y_pred", _column("y_pred", predicted, "regression"))
    if weight is not None:
        weight = _column("sample_weight", weight, "regression")
    keep, pending = _kept(true, weight)
    kept, values_kept = _pick(true, keep), _pick(values, keep)
    assert kept is not None
    assert values_kept is not None
    wrong = int((~(np.isfinite(kept) & np.isfinite(values_kept))).sum())
    return Batch(
        kind="regression", truth=kept, predicted=values_kept, scores=None, weight=_pick(weight, keep), labels=(),
        n=len(true) - pending, pending=pending, unpredicted=wrong,
    )  # fmt: skip


def _segmentation(
    truth: Array,
    predicted: Array | None,
    scores: Array | None,
    weight: Array | None,
    labels: tuple[Any, ...] | None,
    ignore_class: Any,
) -> Batch:
    columns = None
    unscored: Array = np.zeros(0, bool)
    if scores is not None:
        if scores.shape[:-1] != truth.shape:
            raise InvalidValue(f"y_true has the shape {truth.shape} and y_score {scores.shape}, not one column a label")
        columns, unscored = scores.shape[-1], np.asarray(~np.isfinite(scores).all(axis=-1))
    if predicted is not None and predicted.shape != truth.shape:
        raise InvalidValue(f"y_true has the shape {truth.shape} and y_pred {predicted.shape}")
    missing = missing_in(truth)
    pending = 0 if missing is None else int(missing.sum())
    counts = np.ones(truth.shape, bool) if missing is None else ~missing
    if ignore_class is not None:
        counts &= np.asarray(truth != ignore_class, dtype=bool)
    n = int(counts.sum())
    if weight is not None:
        weight = np.broadcast_to(weight.reshape(weight.shape + (1,) * (truth.ndim - weight.ndim)), truth.shape)
        counts &= weight > 0
    named = [("y_true", truth[counts])]
    gone = None if predicted is None else missing_in(predicted)
    if predicted is not None:
        named.append(("y_pred", predicted[counts if gone is None else counts & ~gone]))
    labels = frames.labels_of("segmentation", named, labels, columns)
    codes = np.full(truth.shape, -1, dtype=np.int64)
    codes[counts] = label_set.encode("y_true", truth[counts], labels)
    if predicted is not None:
        coded = np.full(truth.shape, -1, dtype=np.int64)
        coded[counts] = _encode_with_gaps("y_pred", predicted[counts], labels, None if gone is None else gone[counts])
    else:
        assert scores is not None
        coded = scores.argmax(axis=-1).astype(np.int64)
        coded[unscored] = -1
    return Batch(
        kind="segmentation", truth=codes, predicted=coded, scores=scores, weight=weight, labels=labels, n=n,
        pending=pending, invalid=int((unscored & counts).sum()) if unscored.size else 0,
        unpredicted=int(((coded < 0) & counts).sum()), decided_by="labels" if predicted is not None else "scores",
    )  # fmt: skip
