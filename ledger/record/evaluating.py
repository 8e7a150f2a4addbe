"""An evaluation as it is stored: its metrics as rows, its chart data as charts, the definitions, the predictions.

All of it is checked before anything is written; what becomes of it is in `Planned`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.errors import InvalidName, InvalidValue
from ledger.evaluate import Evaluation, columns, evaluate, lookup, thinning
from ledger.evaluate.arrays import as_array, shown
from ledger.evaluate.results import ChartData
from ledger.format import charts, names
from ledger.format.values import Undefined
from ledger.record import predictions
from ledger.record.calls import ChartCall, RowsCall, check_chart, check_rows
from ledger.record.pictures import Picture
from ledger.record.predictions import PredictionsCall


class Place(NamedTuple):
    """Where an evaluation belongs: a split, what stands before each name, a step, a context."""

    split: str | None = None
    prefix: str = ""
    step: Any = None
    context: Mapping[str, Any] | None = None

    def name(self, name: str) -> str:
        """Return the name that a metric or chart is stored under."""
        return f"{'' if self.split is None else f'{self.split}/'}{self.prefix}{name}"


def placed(split: str | None, prefix: Any, step: Any, context: Mapping[str, Any] | None) -> Place:
    """Return where an evaluation belongs; without a split it is what stands before the last `/` of the prefix.

    Its names are the same, and predictions and definitions of two prefixes do not take each other's place.
    """
    if not isinstance(prefix, str):
        raise InvalidName(f"the prefix must be text, not {type(prefix).__name__}: {prefix!r}")
    before, _, rest = prefix.rpartition("/")
    return Place(before, rest, step, context) if split is None and before else Place(split, prefix, step, context)


class Planned(NamedTuple):
    """What an evaluation asks to be written, checked already."""

    rows: list[RowsCall]
    charts: list[ChartCall]
    predictions: Sequence[PredictionsCall] = ()


def evaluated(
    given: Mapping[str, Any], beside: Mapping[str, Any], place: Place, options: Mapping[str, Any], *, keep: bool
) -> tuple[Evaluation, Planned]:
    """Return the evaluation of arrays, and what is to be stored of it; raises InvalidValue and InvalidName.

    `given` are y_true, y_pred, y_score, sample_weight; `beside` what else is kept with the predictions: ids, timestamp
    and slices; `options` those of `evaluate`. Without `keep` no predictions are stored.
    """
    if place.context is not None and not isinstance(place.context, Mapping):
        raise InvalidValue(f"a context must be a mapping such as {{'fold': 1}}, not {type(place.context).__name__}")
    wanted = [options["charts"]] if isinstance(options["charts"], str) else options["charts"]
    found = evaluate(**given, **{**options, "charts": bool(wanted)})
    if not isinstance(wanted, bool):
        drawn = {lookup.chart_name(name, found.kind) for name in wanted or ()}
        found.charts = {name: data for name, data in found.charts.items() if name in drawn}
        found.left_out = {name: reason for name, reason in found.left_out.items() if name in drawn}
    _check_labels(found, given)
    planned = plan(found, place)
    if keep and found.kind == "segmentation":
        found.notices.append("predictions of segmentation, whole images, are not kept")
    elif keep:
        planned = planned._replace(predictions=[_predictions(given, beside, place, found)])
    return found, planned


def said(found: Evaluation) -> list[str]:
    """Return what whoever evaluates must be told: the warnings, and charts that there are not, by reason."""
    lines = list(found.warnings)
    for reason in dict.fromkeys(found.left_out.values()):
        if not any(notice.startswith(reason) for notice in found.notices):
            charts_of = [name for name, why in found.left_out.items() if why == reason]
            lines.append(f"no {', '.join(charts_of)} {'chart' if len(charts_of) == 1 else 'charts'}: {reason}")
    return lines


def _check_labels(found: Evaluation, given: Mapping[str, Any]) -> None:
    """Raise InvalidValue for a label that no context can hold, naming the array that has it."""
    for label in found.labels if any(context for _, context, _ in found.values) else ():
        try:
            names.canonical_context({"class": label})
        except InvalidValue as error:
            having = [name for name in ("y_true", "y_pred") if _has(name, given.get(name), label)] or ["labels"]
            raise InvalidValue(
                f"{having[0]} has the label {shown(label)}, whose values cannot be stored: {error.message}",
                hint=error.hint or f"give another text for it in {' and '.join(having)}",
            ) from None


def _has(name: str, values: Any, label: Any) -> bool:
    return values is not None and label in as_array(name, values).ravel().tolist()


def _predictions(
    given: Mapping[str, Any], beside: Mapping[str, Any], place: Place, found: Evaluation
) -> PredictionsCall:
    arrays = {**given, **{name: array for name, array in beside.items() if name != "slices"}}
    for name in ("y_true", "y_pred", "y_score"):
        arrays[name] = columns.kept(name, arrays[name], found.labels)
    try:
        return predictions.check(
            arrays, split=place.split, step=place.step, context=place.context, slices=beside.get("slices"),
            labels=list(found.labels) or None,
        )  # fmt: skip
    except InvalidValue as error:
        raise type(error)(error.message, hint=error.hint or "predictions=False keeps none") from None


def plan(found: Evaluation, place: Place, *, definitions: bool = True) -> Planned:
    """Return what is to be stored of an evaluation: rows of all classes and of each, charts, definitions.

    What does not apply at all is left out: an error relative to a normalizer that nobody gave, the best 5 of 5 labels.
    """
    left_out = _does_not_apply(found)
    groups: dict[str | None, dict[str, float | Undefined]] = {}
    for name, context, value in found.values:
        if name in left_out:
            continue
        both = {**(place.context or {}), **(context or {})}
        _check_context(place, context)
        groups.setdefault(names.canonical_context(both), {})[place.name(name)] = value
    rows = [check_rows(group, place.step)._replace(context=context) for context, group in groups.items()]
    drawn = dict(found.charts)
    if definitions:
        kept = {name: definition for name, definition in found.definitions.items() if name not in left_out}
        drawn[charts.DEFINITIONS] = ChartData(charts.DEFINITIONS, {}, {"kind": found.kind, "metrics": kept})
    return Planned(rows, [chart(place.name(name), data, place.step, place.context) for name, data in drawn.items()])


def _does_not_apply(found: Evaluation) -> set[str]:
    left_out = set()
    if found.kind == "regression" and found.definitions.get("mean_relative_error", {}).get("normalizer") is None:
        left_out.add("mean_relative_error")
    if found.kind == "multiclass" and len(found.labels) <= 5:
        left_out.add("top_5_accuracy")
    return left_out


def _check_context(place: Place, context: Mapping[str, Any] | None) -> None:
    if both := set(place.context or {}) & set(context or {}):
        raise InvalidValue(f"the context {sorted(both)[0]!r} is kept for the values of each class")


def chart(
    name: str, data: ChartData, step: Any = None, context: Mapping[str, Any] | None = None, caption: str | None = None
) -> ChartCall:
    """Return chart data as a chart to be stored; raises InvalidValue where it has no such form."""
    stored = thinning.thinned(data)
    try:
        picture = Picture(charts.encode(stored.kind, stored.columns, stored.facts), charts.EXTENSION)
    except InvalidValue as error:
        raise InvalidValue(f"chart {name!r}: {error.message}", hint=error.hint) from None
    return check_chart(name, picture, step, context, caption)


def together(plans: Iterable[Planned]) -> Planned:
    """Return several plans as one, to be written at once."""
    rows: list[RowsCall] = []
    drawn: list[ChartCall] = []
    kept: list[PredictionsCall] = []
    for one in plans:
        rows += one.rows
        drawn += one.charts
        kept += one.predictions
    return Planned(rows, drawn, kept)
