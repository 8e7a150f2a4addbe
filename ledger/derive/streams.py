"""One set of predictions taken in by a stream: whole, or chunk by chunk where there are very many rows.

Rows that a user's function is to see, and rows whose labels came late, are taken whole.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.derive.plan import Task
from ledger.derive.recipes import Recipe
from ledger.errors import UsageError
from ledger.evaluate import guess, lookup
from ledger.evaluate.calling import taken_in
from ledger.evaluate.stream import Stream
from ledger.evaluate.survey import Survey
from ledger.evaluate.user_metrics import UserMetric
from ledger.format import predictions as form
from ledger.store.tree import Tree
from ledger.table import chunks, evaluations, labels, predictions

if TYPE_CHECKING:
    from ledger.format.predictions import Column

WHOLE_ROWS_MAX = 1 << 21  # beyond, chunk by chunk
_GIVEN = ("y_true", "y_pred", "y_score", "sample_weight")


class Taken(NamedTuple):
    """A stream that has seen all rows; of how many of them the label is known.

    `truth` is the digest of the y_true that counted, None where no label could come late.
    """

    stream: Stream
    known: int
    of: int
    truth: str | None = None


def taken(
    tree: Tree, recipe: Recipe, task: Task, own: Sequence[UserMetric], known: MutableMapping[Any, Column]
) -> Taken:
    """Return what a task's predictions amount to; `known` are columns that are at hand.

    Raises what reading them does, and UsageError for a threshold where there are no scores.
    """
    if (
        task.rows > WHOLE_ROWS_MAX
        and not own
        and not task.labels
        and task.as_of is None
        and chunks.are_alike(task.chosen)
    ):
        found = _in_chunks(tree, recipe, task)
        if found is not None:
            return found
    return _whole(tree, recipe, task, own, known)


def _whole(
    tree: Tree, recipe: Recipe, task: Task, own: Sequence[UserMetric], known: MutableMapping[Any, Column]
) -> Taken:
    found, coverage = labels.read(tree, task.run, task.chosen, as_of=task.as_of, entries=task.labels, known=known)
    given = {name: evaluations.as_array(found.columns[name]) for name in _GIVEN if name in found.columns}
    kind = task.kind or guess(given["y_true"], given.get("y_pred"), given.get("y_score"))
    given = {name: given[name] for name in _used(recipe, kind, list(given))}
    truth, predicted, scores, weight = (given.get(name) for name in _GIVEN)
    stream, _ = taken_in(kind, truth, predicted, scores, weight, found.labels, task.options, own)
    late = task.late and "y_true" in found.columns
    digest = _digest(found.columns["y_true"]) if late else None
    return Taken(stream, found.rows if coverage is None else coverage.known, found.rows, digest)


def _digest(truth: Column) -> str:
    """Return the digest of a truth, the same by whatever way a value is not there."""
    null = np.zeros(truth.values.shape, np.bool_) if truth.null is None else truth.null
    if truth.values.dtype.kind == "f":
        null = null | np.isnan(truth.values)
    return form.digest(form.column(truth.kind, truth.values, null))


def _in_chunks(tree: Tree, recipe: Recipe, task: Task) -> Taken | None:
    """Return the same of rows in chunks, None where only all of them at once tell the kind or the labels."""
    first = task.chosen[0]
    columns = first.columns
    kept = predictions.newest(tree, task.run, task.chosen)
    names = [name for name in _GIVEN if name in columns]
    kind, given_labels = task.kind, first.labels
    if chunks.width(first, "y_true") is not None and kind != "multilabel":
        return None
    survey = Survey()
    if kind is None or (given_labels is None and kind != "regression"):
        width = chunks.width(first, "y_score") if "y_score" in columns else None
        for rows in chunks.read(tree, task.run, task.chosen, [name for name in names if name != "y_score"], kept):
            arrays = {name: evaluations.as_array(column) for name, column in rows.items()}
            if "y_score" in columns:  # of which only the shape matters
                n = len(arrays["y_true"])
                arrays["y_score"] = np.broadcast_to(np.float64(0), (n,) if width is None else (n, width))
            survey.update(**arrays)
    kind = kind or survey.kind()
    names = _used(recipe, kind, names)
    options = {"threshold": 0.5, **task.options}
    if kind != "regression" and given_labels is None:
        if not survey.complete:
            return None
        given_labels = list(survey.labels(kind, options["threshold"], names))
    lookup.check_options(kind, options)
    merged: list[tuple[int, Stream]] = []  # of so many chunks, each of more than the next
    for rows in chunks.read(tree, task.run, task.chosen, names, kept):
        stream, count = Stream(kind, given_labels or (), own=(), **options), 1
        stream.update(**{name: evaluations.as_array(column) for name, column in rows.items()})
        while merged and merged[-1][0] <= count:  # so that no state is gone through once a chunk
            before, earlier = merged.pop()
            earlier.merge(stream)
            stream, count = earlier, before + count
        merged.append((count, stream))
    for _, later in reversed(merged[1:]):
        merged[-2][1].merge(later)
        merged.pop()
    rows_counted = task.rows if kept is None else sum(int(mask.sum()) for mask in kept)
    return Taken(merged[0][1], rows_counted, rows_counted)


def _used(recipe: Recipe, kind: str, names: list[str]) -> list[str]:
    """Return the columns that count: where a threshold was asked for, labels are made anew from scores."""
    if recipe.threshold is None or "threshold" not in lookup.bundle(kind).options:
        return names
    if "y_score" not in names:
        raise UsageError("its predictions have no scores that a threshold could be held against")
    return [name for name in names if name != "y_pred"]
