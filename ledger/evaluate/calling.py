"""The calls on whole arrays: an evaluation, or one metric or chart by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.evaluate import lookup
from ledger.evaluate.arrays import shown
from ledger.evaluate.inputs import Batch, check
from ledger.evaluate.kinds import guess
from ledger.evaluate.results import ChartData, Evaluation, Value
from ledger.evaluate.stream import Stream
from ledger.evaluate.user_metrics import UserMetric

POSITIVE = "the positive label is"  # how the notice of one that nobody said begins


def evaluate(
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    kind: str | None = None,
    sample_weight: Any = None,
    threshold: float = 0.5,
    labels: Any = None,
    charts: bool = True,
    **options: Any,
) -> Evaluation:
    """Return every metric and chart of a model's predictions.

    Args:
        y_true: the truth: (rows,); (rows, labels) for multilabel; images of labels for segmentation. Rows where it is
            missing (None, NaN) are pending: counted, and left out.
        y_pred: predicted labels or, for a regression, values, in the same shape.
        y_score: scores: (rows,), (rows, 1) or (rows, 2) for binary, else with one column a label. A DataFrame's columns
            are matched to the labels by name; where no name is a label, they are in the order of the labels.
        kind: binary, multiclass, multilabel, regression or segmentation; guessed, and said in `notices`, if left out.
        sample_weight: one weight a row, finite and not negative.
        threshold: where no labels are given, a row is positive where its score is greater.
        labels: the labels in order, for binary (negative, positive). If left out: the values that occur, in the order
            of y_true's categories, else sorted; a positive one that is not 1 or True is said in `notices`.
        charts: whether chart data is wanted.
        options: those of the kind: bins, beta, k, normalizer, ignore_class and so on.

    What has no value is Undefined, with the reason. Raises InvalidValue for input that is no evaluation: lengths that
    differ, a value that is none of the labels.
    """
    guessed = guess(y_true, y_pred, y_score) if kind is None else None
    stream, batch = taken_in(
        kind or str(guessed), y_true, y_pred, y_score, sample_weight, labels, {"threshold": threshold, **options}
    )
    found = stream.evaluation(charts=charts)
    said = [] if guessed is None else [f"kind is {guessed}, guessed from the values: say kind= to be sure"]
    said += _positive(batch, labels) + _differing(batch, stream.options["threshold"])
    found.notices[:0] = said
    found.warnings[:0] = said
    return found


def _positive(batch: Batch, labels: Any) -> list[str]:
    """Return which label is the positive one, where nobody said and it does not go without saying."""
    if batch.kind != "binary" or labels is not None or batch.labels in ((0, 1), (-1, 1)):
        return []
    negative, positive = batch.labels
    return [f"{POSITIVE} {shown(positive)}: say labels=({negative!r}, {positive!r}) to be sure"]


def _differing(batch: Batch, threshold: float) -> list[str]:
    """Return how many predictions that were given are not what the scores stand for."""
    if not batch.differing:
        return []
    rows = len(batch.truth)
    rule = "the label of the greatest score" if batch.kind == "multiclass" else f"score > {threshold:g}"
    return [f"y_pred is taken as given; {batch.differing} of {rows} rows differ from {rule}"]


def compute(
    name: str,
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    kind: str | None = None,
    sample_weight: Any = None,
    threshold: float = 0.5,
    labels: Any = None,
    **options: Any,
) -> Value | ChartData:
    """Return one metric or chart by name or alias, over all classes; arguments as for `evaluate`.

    A value that there is not is Undefined. Raises NoSuchMetric, with the nearest name, for an unknown one, and
    UsageError for one that the kind has not.
    """
    lookup.check_name(name)
    if kind is None:
        has = lookup.kinds_of(name)
        kind = has[0] if len(has) == 1 else guess(y_true, y_pred, y_score)
    lookup.find(name, kind)
    stream, _ = taken_in(kind, y_true, y_pred, y_score, sample_weight, labels, {"threshold": threshold, **options})
    return stream.value(name)


def taken_in(
    kind: str,
    y_true: Any,
    y_pred: Any,
    y_score: Any,
    sample_weight: Any,
    labels: Any,
    options: dict[str, Any],
    own: Sequence[UserMetric] | None = None,
) -> tuple[Stream, Batch]:
    """Return a stream that has taken in these rows, with the labels that are found in them, and the rows as checked."""
    options = {"threshold": 0.5, **options}
    lookup.check_options(kind, options)
    batch = check(
        kind, y_true, y_pred, y_score, sample_weight=sample_weight, labels=labels,
        threshold=options["threshold"], ignore_class=options.get("ignore_class"),
    )  # fmt: skip
    stream = Stream(kind, batch.labels, own=own, **options)
    stream.take(batch)
    return stream, batch
