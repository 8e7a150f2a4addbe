"""An evaluation whose rows come in chunks: the same answer as for the whole, in the memory of its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import UsageError
from ledger.evaluate import lookup
from ledger.evaluate.arrays import Array
from ledger.evaluate.inputs import Batch, check
from ledger.evaluate.registry import Metric, States
from ledger.evaluate.results import ChartData, Evaluation, Value, finite
from ledger.evaluate.rows import NO_SCORES
from ledger.evaluate.user_metrics import Running, UserMetric, UserMetricFailed
from ledger.format.values import Undefined


class Stream:
    """The states of one kind, and users' metrics of that kind.

    `labels` must be said, in order, but for a regression: a chunk need not have them all. `options` are those of the
    kind, and `threshold`. `own` are the users' metrics that run along; by default those that are registered.
    """

    def __init__(self, kind: str, labels: Any = (), *, own: Sequence[UserMetric] | None = None, **options: Any) -> None:
        self.kind = kind
        self.options = options
        self.states = new_states(kind, labels, **options)
        self.running = {metric.name: Running(metric) for metric in (lookup.registered(kind) if own is None else own)}

    def update(self, y_true: Any, y_pred: Any = None, y_score: Any = None, sample_weight: Any = None) -> None:
        """Take in one chunk; raises InvalidValue for what is none, and then nothing of it is taken in."""
        labels = self.states.labels or None
        if labels is None and self.kind != "regression":
            raise UsageError(f"chunks of kind {self.kind} need labels", hint="say labels=, in order")
        batch = check(
            self.kind, y_true, y_pred, y_score, sample_weight=sample_weight, labels=labels,
            threshold=self.options.get("threshold", 0.5), ignore_class=self.options.get("ignore_class"),
        )  # fmt: skip
        self.take(batch)

    def take(self, batch: Batch) -> None:
        """Take in one chunk that is checked already."""
        with np.errstate(all="ignore"):
            self.states.update(batch)
        rows = arrays_of(batch) if self.running else {}
        for running in self.running.values():
            running.update(rows)

    def merge(self, other: Stream) -> None:
        """Take in what another one has seen; raises InvalidValue where labels or options differ."""
        self.states.merge(other.states)
        for name, running in self.running.items():
            running.merge(other.running[name])

    def value(self, name: str) -> Value | ChartData:
        """Return one metric or chart by name or alias; raises NoSuchMetric or UsageError where there is none."""
        found = lookup.find(name, self.kind)
        if isinstance(found, UserMetric):
            return self._of_user(self.running[found.name])
        with np.errstate(all="ignore"):
            return _finite(found.compute(self.states)) if isinstance(found, Metric) else found(self.states)

    def chosen(self, metrics: Sequence[str], charts: Sequence[str] = ()) -> Evaluation:
        """Return these metrics and charts alone, under the names they are stored by; users' metrics are not among them.

        A chart that there is not is a notice. Raises NoSuchMetric, and UsageError for one that the kind has not.
        """
        values: list[tuple[str, dict[str, Any] | None, Value]] = []
        definitions, drawn, notices = {}, {}, []
        with np.errstate(all="ignore"):
            for metric in [lookup.metric(name, self.kind) for name in metrics]:
                values.append((metric.name, None, _finite(metric.compute(self.states))))
                definitions[metric.name] = definition_of(metric, self.states)
            for name in charts:
                stored, chart = lookup.chart(name, self.kind)
                made = chart(self.states)
                if isinstance(made, Undefined):
                    notices.append(f"no {stored} chart: {made.reason}")
                else:
                    drawn[stored] = made
        rows = self.states.rows
        return Evaluation(
            kind=self.kind, n=rows.n, pending=rows.pending, invalid=max(rows.invalid, rows.unpredicted),
            labels=self.states.labels, values=values, charts=drawn, definitions=definitions, notices=notices,
            aliases={alias: metric.name for metric in lookup.bundle(self.kind).metrics for alias in metric.aliases},
        )  # fmt: skip

    def of_user(self, name: str) -> Value:
        """Return the value of a user's metric; raises UserMetricFailed where it raised, or returned no number."""
        running = self.running[name]
        found = self._of_user(running)
        if running.problem is not None:
            raise UserMetricFailed(running.problem.reason)
        return found

    def evaluation(self, *, charts: bool = True) -> Evaluation:
        """Return the whole evaluation so far."""
        found = conclude(self.kind, self.states, charts=charts)
        for running in self.running.values():
            found.values.append((running.metric.name, None, self._of_user(running)))
            found.definitions[running.metric.name] = dict(running.metric.definition)
        return found

    def _of_user(self, running: Running) -> Value:
        scores_alone = "y_score" in running.metric.takes and "y_pred" not in running.metric.takes
        problem = self.states.rows.problem("scores" if scores_alone else "labels")
        return running.value() if problem is None else problem


def conclude(kind: str, states: States, *, charts: bool = True) -> Evaluation:
    """Return the evaluation that states of a kind amount to; users' metrics, which need the rows, are not in it."""
    with np.errstate(all="ignore"):  # what overflows has no value, and that is said
        return _concluded(kind, states, charts)


def _concluded(kind: str, states: States, charts: bool) -> Evaluation:
    bundle = lookup.bundle(kind)
    values: list[tuple[str, dict[str, Any] | None, Value]] = []
    definitions = {}
    labels = states.labels
    without_scores = []
    for metric in bundle.metrics:
        if not metric.bundled:
            continue
        if metric.needs == "scores" and not states.rows.scored:
            without_scores.append(metric.name)
            continue
        values.append((metric.name, None, _finite(metric.compute(states))))
        definitions[metric.name] = definition_of(metric, states)
        if metric.by_class is not None:
            values += [
                (metric.name, {"class": label}, _finite(value))
                for label, value in zip(labels, metric.by_class(states), strict=True)
            ]
    warnings = _no_numbers(states, bundle.metrics[0].needs) + (
        bundle.warnings(states) if bundle.warnings is not None else []
    )
    notices = warnings + (bundle.notices(states) if bundle.notices is not None else [])
    if without_scores:
        notices.append(f"no scores were given: {', '.join(without_scores)} and the charts of scores are left out")
    drawn: dict[str, ChartData] = {}
    left_out = {}
    for name, chart in bundle.charts.items() if charts else ():
        made = chart(states)
        if not isinstance(made, Undefined):
            drawn[name] = made
        elif made.reason != NO_SCORES:
            left_out[name] = made.reason
            notices.append(f"no {name} chart: {made.reason}")
    rows = states.rows
    return Evaluation(
        kind=kind, n=rows.n, pending=rows.pending, invalid=max(rows.invalid, rows.unpredicted), labels=labels,
        values=values, charts=drawn, definitions=definitions, notices=notices, warnings=warnings, left_out=left_out,
        aliases={alias: metric.name for metric in bundle.metrics for alias in metric.aliases},
    )  # fmt: skip


def _no_numbers(states: States, needs: str) -> list[str]:
    """Return whether scores or predictions are no finite numbers."""
    rows = states.rows
    if not rows.counted or not (rows.invalid or rows.unpredicted):
        return []
    alone = rows.invalid and not rows.unpredicted
    problem = rows.problem("scores" if rows.invalid else needs)
    what = "metrics of scores are" if alone else "metrics of predictions are"
    what = "every metric is" if rows.by_scores or needs == "values" else what
    return [] if problem is None else [f"{problem.reason}: {what} undefined"]


def _finite(value: Value) -> Value:
    return value if isinstance(value, Undefined) else finite(value, "beyond the range of float64")


def new_states(kind: str, labels: Any = (), **options: Any) -> States:
    """Return empty states of a kind, for chunks: `update` with a Batch, `merge` with others, then `conclude`.

    Options that are None, and a threshold where the kind has none, are passed over; raises UsageError for others
    that the kind has not.
    """
    given = lookup.check_options(kind, options)
    states: States = lookup.bundle(kind).states(labels, **given)
    return states


def definition_of(metric: Metric, states: States) -> dict[str, Any]:
    """Return what a value of a metric is stored with: its definition, its options, how predictions came about."""
    definition = dict(metric.definition)
    definition |= {name: getattr(states, name) for name in metric.options}
    if metric.needs == "labels":
        definition |= states.rule
    if "binary" in metric.kinds:
        definition["positive"] = states.labels[-1]
    return definition


def arrays_of(batch: Batch) -> dict[str, Array | None]:
    """Return the rows of a batch as a user's metric is given them: labels as they were, not codes."""
    truth, predicted = batch.truth, batch.predicted
    if batch.kind in ("binary", "multiclass", "segmentation"):
        truth = _decoded(truth, batch.labels)
        predicted = None if predicted is None else _decoded(predicted, batch.labels)
    return {"y_true": truth, "y_pred": predicted, "y_score": batch.scores, "sample_weight": batch.weight}


def _decoded(codes: Array, labels: tuple[Any, ...]) -> Array:
    """Return codes as labels, None where a code is -1."""
    if not labels or not codes.size:
        return codes
    if codes.min() >= 0:
        return np.asarray(np.array(labels)[codes])
    return np.asarray(np.array([*labels, None], dtype=object)[codes])
