"""Evaluations computed again from the predictions that a run keeps: whole, or of the rows of each value of a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from ledger.errors import DamagedFile, NotFound, Undecided, UsageError
from ledger.evaluate import Evaluation, evaluate
from ledger.evaluate.calling import POSITIVE
from ledger.evaluate.lookup import bundle
from ledger.format.names import canonical_context, metric_key
from ledger.format.values import Undefined
from ledger.store.state import Predictions, RunState
from ledger.store.tree import Tree
from ledger.table import definitions, labels, predictions
from ledger.table.labels import Coverage

if TYPE_CHECKING:
    from ledger.format.predictions import Column

_SLICES_MAX = 100
_GIVEN = ("y_true", "y_pred", "y_score", "sample_weight")

Arrays: TypeAlias = dict[str, Any]


class Asked(NamedTuple):
    """What is asked for: which predictions, and how they are to be evaluated."""

    split: str | None = None
    step: int | None = None
    context: Mapping[str, Any] | None = None
    kind: str | None = None
    threshold: float | None = None
    slice: str | None = None
    charts: bool = False
    as_of: int | None = None  # us since 1970: with the labels that were known then


class Part(NamedTuple):
    """The evaluation of some rows: of all (`slice` is None), or of those where the slice has this value."""

    value: Any
    evaluation: Evaluation


class Reevaluation(NamedTuple):
    """An evaluation of a run's predictions: `whole`, and `parts` by the values of `slice`, in order."""

    run: str
    name: str
    split: str | None
    step: int | None
    context: str | None
    slice: str | None
    whole: Evaluation
    parts: list[Part]
    labels: Coverage | None = None  # of labels that came late, how many are in

    @property
    def headings(self) -> list[str]:
        """The columns of `rows`."""
        return ["metric", "all", *(str(part.value) for part in self.parts)] if self.parts else ["metric", "value"]

    def rows(self) -> list[list[Any]]:
        """Return a row per metric: its key, its value (or Undefined) over all rows and in each part."""
        columns = [_keyed(one) for one in (self.whole, *(part.evaluation for part in self.parts))]
        return [[key, *(column.get(key) for column in columns)] for key in columns[0]]

    def to_json(self) -> dict[str, Any]:
        """Return the object of `evaluate --json`."""
        fields = {
            "run": self.run,
            "name": self.name,
            "split": self.split,
            "step": self.step,
            "context": self.context,
            "kind": self.whole.kind,
            "positive": self.whole.labels[-1] if self.whole.kind == "binary" else None,
            **_json(self.whole),
        }
        shown: dict[str, Any] = {"schema": "ledger.evaluate/1"}
        shown |= {name: value for name, value in fields.items() if value is not None}
        if self.slice is not None:
            shown["slice"] = self.slice
            shown["slices"] = [{"value": part.value, **_json(part.evaluation)} for part in self.parts]
        if self.labels is not None:
            shown["labels"] = self.labels.to_json()
        return {**shown, "notices": list(self.whole.notices)}


def _keyed(found: Evaluation) -> dict[str, Any]:
    return {metric_key(name, canonical_context(context)): value for name, context, value in found.values}


def _json(found: Evaluation) -> dict[str, Any]:
    values = _keyed(found)
    shown: dict[str, Any] = {"n": found.n, "pending": found.pending, "invalid": found.invalid}
    shown["metrics"] = {key: None if isinstance(value, Undefined) else value for key, value in values.items()}
    if reasons := {key: value.reason for key, value in values.items() if isinstance(value, Undefined)}:
        shown["undefined"] = reasons
    return shown


def again(tree: Tree, state: RunState, asked: Asked, options: Mapping[str, Any]) -> Reevaluation:
    """Return the evaluation of the predictions of a run that are meant; raises NoSuchPredictions, Undecided.

    Kind, threshold and options are those of the evaluation that was logged of them, unless others are asked for.
    """
    chosen = predictions.choose(state, asked.split, asked.step, asked.context)
    return of_chosen(tree, state, chosen, asked, options)


def of_chosen(
    tree: Tree, state: RunState, chosen: Sequence[Predictions], asked: Asked, options: Mapping[str, Any]
) -> Reevaluation:
    """Return the evaluation of chosen predictions together, such as those of several folds; see `again`."""
    found, coverage = labels.read(tree, state.id, chosen, as_of=asked.as_of)
    labels.refuse_unknown(found, state.id, coverage)
    of = "" if found.split is None else f" of {found.split!r}"
    given = {name: as_array(found.columns[name]) for name in _GIVEN if name in found.columns}
    if not {"y_pred", "y_score"} & set(given):
        raise Undecided(f"the predictions{of} of {state.id} have neither y_pred nor y_score")
    try:
        before = logged(tree, state, found)
    except DamagedFile:
        if asked.kind is None or asked.threshold is None:
            raise
        before = {}
    kind = asked.kind or before.pop("kind", None)
    if asked.kind is not None and before.pop("kind", asked.kind) != asked.kind:
        before = {}
    how: dict[str, Any] = {**options_of(kind, before), **options, "kind": kind, "charts": asked.charts}
    if asked.threshold is not None:
        _refuse_without_scores(given, f"the predictions{of} of {state.id}")
        given.pop("y_pred", None)
        how["threshold"] = asked.threshold
    whole = evaluate(**given, labels=found.labels, **how)
    whole.notices = [notice for notice in whole.notices if not notice.startswith(POSITIVE)]  # which the heading says
    if found.replaced:
        whole.notices.append(predictions.said_replaced(found))
    parts = []
    if asked.slice is not None:
        how |= {"kind": whole.kind, "labels": list(whole.labels) or None, "charts": False}
        for value, rows in _slices(found, asked.slice, f"the predictions{of} of {state.id}"):
            parts.append(Part(value, evaluate(**{name: array[rows] for name, array in given.items()}, **how)))
    place = found.split, found.step, found.context
    return Reevaluation(state.id, state.name, *place, asked.slice, whole, parts, coverage)


def _refuse_without_scores(given: Arrays, whose: str) -> None:
    if "y_score" not in given:
        raise UsageError(f"{whose} have no scores that a threshold could be held against")


def as_array(column: Column) -> Any:
    """Return a column as an evaluation takes it: None, among floats NaN, where there is no value."""
    if column.null is None or not column.null.any():
        return column.values
    if column.values.dtype.kind == "f":
        return np.where(column.null, np.nan, column.values)
    return np.where(column.null, None, column.values.astype(object))


def logged(tree: Tree, state: RunState, found: predictions.Predicted | Predictions) -> dict[str, Any]:
    """Return kind, threshold and options of the evaluation that was logged of these predictions, as far as known.

    Raises DamagedFile where they cannot be read: other ones would give other values under the same names.
    """
    chart = definitions.of_split(state, found.split, found.step, found.context)
    if chart is None:
        return {}
    try:
        facts = definitions.read(tree, state.id, chart).facts
    except UsageError:
        return {}
    metrics, known = facts.get("metrics"), dict[str, Any]()
    for definition in metrics.values() if isinstance(metrics, dict) else ():
        if isinstance(definition, dict):
            known |= {name: value for name, value in definition.items() if isinstance(value, int | float)}
    return {**known, "kind": facts.get("kind")}


def options_of(kind: str | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of known values that are options of the kind."""
    if kind is None:
        return {}
    fixed = {"k"}  # which the definition of top_5_accuracy has, too
    return {name: known[name] for name in bundle(kind).options if name in known and name not in fixed}


def _slices(found: predictions.Predicted, slice: str, whose: str) -> list[tuple[Any, Any]]:
    """Return the values of a slice in order, those without one last, each with its rows as a mask."""
    name = slice if slice in found.columns and slice.startswith("slice.") else f"slice.{slice}"
    if name not in found.columns:
        known = [column.removeprefix("slice.") for column in found.columns if column.startswith("slice.")]
        raise NotFound(f"{whose} have no slice {slice!r}; they have {', '.join(known) or 'none'}")
    column = found.columns[name]
    there = np.ones(found.rows, np.bool_) if column.null is None else ~column.null
    if column.values.dtype.kind == "f":
        there &= ~np.isnan(column.values)
    distinct = sorted(set(column.values[there].tolist()))
    if len(distinct) > _SLICES_MAX:
        raise UsageError(f"the slice {slice!r} has {len(distinct)} values; at most {_SLICES_MAX} are evaluated apart")
    parts = [(value, there & (column.values == value)) for value in distinct]
    return parts if there.all() else [*parts, (None, ~there)]
