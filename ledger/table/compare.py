"""Runs side by side: parameters, last values of metrics and charts, as rows over the same runs.

`compare` takes run states and gives a Comparison; `cli` and `view` show it. Metrics with aliases are joined under the
name that the schema declares. Whether a difference is significant is not decided here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.errors import NoSuchMetric, NoSuchRun, UsageError
from ledger.format.names import metric_key, parse_key
from ledger.format.values import Undefined
from ledger.store.state import RunState, Summary
from ledger.table.columns import flatten, metric_order, natural, nearest, same

if TYPE_CHECKING:
    import pandas as pd

    from ledger.schema import Schema
    from ledger.table.definitions import Difference


class ParamRow(msgspec.Struct, frozen=True):
    """One parameter by its dotted name; `values` by run id, without the runs that lack it."""

    name: str
    values: dict[str, Any]


class MetricRow(msgspec.Struct, frozen=True):
    """One metric by its canonical key; `values` and their `steps` by run id, without the runs that lack it.

    `best` holds every run that attains the best last value: none where the goal is unknown or fewer than two runs
    have a finite value. NaN and undefined are never best.
    """

    name: str
    goal: str | None
    unit: str | None
    values: dict[str, float | Undefined | None]
    steps: dict[str, int | None]
    best: list[str]


class ChartRow(msgspec.Struct, frozen=True):
    """One chart by its key: the ids of the runs that have it, and whether all of these hold the same pictures."""

    name: str
    runs: list[str]
    equal: bool


class Comparison:
    """Some runs side by side; `baseline` is the id of the run that the others are held against."""

    def __init__(
        self,
        runs: list[RunState],
        baseline: str,
        params: list[ParamRow],
        metrics: list[MetricRow],
        charts: list[ChartRow],
    ) -> None:
        self.runs, self.baseline = runs, baseline
        self.params, self.metrics, self.charts = params, metrics, charts
        self.definitions_differ: list[Difference] = []  # metrics of one name that were computed in different ways

    def __repr__(self) -> str:
        return f"<ledger Comparison of {len(self.runs)} runs, {len(self.metrics)} metrics: see frame() or to_json()>"

    def to_json(self) -> dict[str, Any]:
        """Return the object of `compare --json`; floats that are not finite stay floats."""
        shown = {
            "schema": "ledger.compare/1",
            "runs": [{"id": run.id, "name": run.name} for run in self.runs],
            "params": [{"name": row.name, "values": dict(row.values)} for row in self.params],
            "metrics": [_metric_json(row) for row in self.metrics],
            "charts": [{"name": row.name, "runs": list(row.runs), "equal": row.equal} for row in self.charts],
        }
        if self.definitions_differ:
            shown["definitions_differ"] = [found.to_json() for found in self.definitions_differ]
        return shown

    def frame(self) -> "pd.DataFrame":
        """Return the metrics as a DataFrame: index metric key, a float64 column per run, then `goal`.

        A column is the run's name; all are ids where two are called alike, or one `goal`. Absent and undefined
        values are NaN.
        """
        import pandas as pd

        index = pd.Index([row.name for row in self.metrics], name="metric", dtype=object)
        labels = self._labels("goal")
        frame = pd.DataFrame(
            {labels[run.id]: [_number(row.values.get(run.id)) for row in self.metrics] for run in self.runs},
            index=index,
            dtype="float64",
        )
        frame["goal"] = pd.Series([row.goal for row in self.metrics], index=index, dtype=object)
        return frame

    def params_frame(self) -> "pd.DataFrame":
        """Return the parameters as a DataFrame of objects: index dotted name, a column per run, None where absent."""
        import pandas as pd

        index = pd.Index([row.name for row in self.params], name="param", dtype=object)
        labels = self._labels()
        columns = {}
        for run in self.runs:
            # Built by hand, so that pandas does not spread a list over cells.
            column = pd.Series([None] * len(index), index=index, dtype=object)
            for i, row in enumerate(self.params):
                column.iat[i] = row.values.get(run.id)
            columns[labels[run.id]] = column
        return pd.DataFrame(columns, index=index, dtype=object)

    def _labels(self, *taken: str) -> dict[str, str]:
        names = [*taken, *(run.name for run in self.runs)]
        return {run.id: run.name if len(set(names)) == len(names) else run.id for run in self.runs}


def _number(value: float | Undefined | None) -> float:
    return value if isinstance(value, float) else math.nan


def _metric_json(row: MetricRow) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": row.name}
    if row.goal is not None:
        shown["goal"] = row.goal
    if row.unit is not None:
        shown["unit"] = row.unit
    shown["values"] = {run: None if isinstance(value, Undefined) else value for run, value in row.values.items()}
    reasons = {run: value.reason for run, value in row.values.items() if isinstance(value, Undefined)}
    if reasons:
        shown["undefined"] = reasons
    shown["best"] = list(row.best)
    return shown


def compare(
    states: Sequence[RunState],
    schema: "Schema",
    *,
    metrics: Sequence[str] = (),
    baseline: str | None = None,
    only_changed: bool = False,
) -> Comparison:
    """Put runs side by side; a run given twice counts once.

    `metrics` are globs (see `select_keys`); `baseline` is a run's id or name, the first run by default;
    `only_changed` leaves out the rows in which all runs agree. Raises UsageError without a run, NoSuchRun for a
    baseline that is none of them, NoSuchMetric for a glob that fits nothing.
    """
    runs = list({state.id: state for state in states}.values())
    if not runs:
        raise UsageError("there is no run to compare", hint="ledger compare RUN RUN, such as: ledger compare @2 @1")
    chosen = _baseline(runs, baseline)
    params = {run.id: flatten(run.params) for run in runs}
    names = canonical_names(runs, schema)
    found = {run.id: joined(run, names) for run in runs}
    charts = {run.id: blobs(run) for run in runs}
    ids = [run.id for run in runs]
    keys = select_keys(metrics, names, schema)
    param_rows = [
        ParamRow(name, {run: params[run][name] for run in ids if name in params[run]})
        for name in sorted(set().union(*params.values()), key=natural)
    ]
    metric_rows = [_metric_row(key, found, schema) for key in keys]
    chart_rows = [_chart_row(name, charts) for name in sorted(set().union(*charts.values()), key=metric_order)]
    if only_changed:
        param_rows = [row for row in param_rows if not _agree(row.values, ids)]
        metric_rows = [row for row in metric_rows if not _agree(row.values, ids)]
        chart_rows = [row for row in chart_rows if not row.equal or row.runs != ids]
    return Comparison(runs, chosen, param_rows, metric_rows, chart_rows)


def _baseline(runs: list[RunState], baseline: str | None) -> str:
    if baseline is None:
        return runs[0].id
    fits = [run.id for run in runs if run.id == baseline] or [run.id for run in runs if run.name == baseline]
    if len(fits) == 1:
        return fits[0]
    what = f"fits {len(fits)} of the runs compared" if fits else "is none of the runs compared"
    raise NoSuchRun(
        f"the baseline {baseline!r} {what}", hint=f"one of {', '.join(fits or [run.id for run in runs][:5])}"
    )


def _agree(values: Mapping[str, Any], ids: Sequence[str]) -> bool:
    first = next(iter(values.values()), None)
    return len(values) == len(ids) and all(same(value, first) for value in values.values())


def canonical_names(states: Sequence[RunState], schema: "Schema") -> dict[str, str]:
    """Return the canonical key of every metric key that a run stores; asked once a key, as it may be costly."""
    return {key: schema.canonical(key) for key in {key: None for state in states for key in state.metrics}}


def joined(state: RunState, names: Mapping[str, str]) -> dict[str, Summary]:
    """Return a run's metrics under canonical keys; the canonical name goes before its aliases, these by name."""
    result: dict[str, Summary] = {}
    for key in sorted(state.metrics, key=lambda key: (names[key] != key, key)):
        result.setdefault(names[key], state.metrics[key])
    return result


def last_value(summary: Summary) -> float | Undefined | None:
    """Return a metric's last value: Undefined with its reason, or None where there is no value at all."""
    if summary.last is None and summary.undefined is not None:
        return Undefined(summary.undefined)
    return None if summary.last is None else float(summary.last)


def _metric_row(key: str, found: Mapping[str, Mapping[str, Summary]], schema: "Schema") -> MetricRow:
    metric = schema.metric(key)
    here = {run: summaries[key] for run, summaries in found.items() if key in summaries}
    values: dict[str, float | Undefined | None] = {
        run: value for run, summary in here.items() if (value := last_value(summary)) is not None
    }
    steps = {run: here[run].last_step for run in values}
    return MetricRow(key, metric.goal, metric.unit, values, steps, _best(values, metric.goal))


def _best(values: Mapping[str, float | Undefined | None], goal: str | None) -> list[str]:
    numbers = {run: value for run, value in values.items() if isinstance(value, float) and not math.isnan(value)}
    if goal is None or sum(map(math.isfinite, numbers.values())) < 2:
        return []
    top = max(numbers.values()) if goal == "maximize" else min(numbers.values())
    return [run for run, value in numbers.items() if value == top]


def blobs(state: RunState) -> dict[str, list[str]]:
    """Return the blobs of a run's charts by key (`roc`, `roc{fold=1}`), in order of step, a null step last."""
    result: dict[str, list[str]] = {}
    for chart in sorted(state.charts, key=lambda chart: (chart.step is None, chart.step or 0, chart.time, chart.blob)):
        result.setdefault(metric_key(chart.name, chart.context), []).append(chart.blob)
    return result


def _chart_row(name: str, charts: Mapping[str, Mapping[str, list[str]]]) -> ChartRow:
    here = [run for run, mine in charts.items() if name in mine]
    return ChartRow(name, here, all(charts[run][name] == charts[here[0]][name] for run in here))


def select_keys(patterns: Sequence[str], names: Mapping[str, str], schema: "Schema") -> list[str]:
    """Return the canonical keys of all metrics that a glob fits (without a glob: all), by name, then context.

    `names` maps each stored key to its canonical one (`canonical_names`).
    A glob without a brace is held against the name, so `val/auc` fits `val/auc{fold=1}` too; one with a brace against
    the whole key. An alias fits what it stands for. Raises NoSuchMetric for a glob that fits nothing.
    """
    spellings: dict[str, set[str]] = {}
    for key, canonical in names.items():
        spellings.setdefault(canonical, {canonical}).add(key)
    chosen: set[str] = set() if patterns else set(spellings)
    for pattern in patterns:
        exact = _normal(pattern, schema)
        fits = {key for key, written in spellings.items() if key == exact or any(_fits(n, pattern) for n in written)}
        fits |= {key for key in spellings if "{" not in pattern and parse_key(key)[0] == exact}
        if not fits:
            near = nearest(pattern, [*spellings, *names])
            hint = f"the nearest known: {', '.join(near)}" if near else "`ledger show RUN` lists the metrics of a run"
            raise NoSuchMetric(f"none of these runs has a metric {pattern!r}", hint=hint)
        chosen |= fits
    return sorted(chosen, key=metric_order)


def _fits(key: str, pattern: str) -> bool:
    held = key if "{" in pattern else parse_key(key)[0]
    return held == pattern or fnmatchcase(held, pattern)


def _normal(pattern: str, schema: "Schema") -> str:
    """Write a pattern that is a key as the ledger does; a glob may be none and stays as it is."""
    try:
        return schema.canonical(metric_key(*parse_key(pattern)))
    except (UsageError, json.JSONDecodeError):
        return pattern
