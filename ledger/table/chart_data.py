"""Chart data of runs, as `plot roc` shows it: which chart of which split, else what a run's predictions give."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.errors import DamagedFile, LedgerError, NoSuchChart, UsageError, counted
from ledger.evaluate import thinning
from ledger.format import charts as form
from ledger.format.names import metric_key
from ledger.format.values import Undefined
from ledger.store.state import Chart, RunState
from ledger.table import charts, definitions, evaluations
from ledger.table.frames import Source
from ledger.table.splits import place

KINDS = (
    *("roc", "pr", "calibration", "ks", "gain", "lift", "threshold"),
    *("confusion", "residuals", "predicted_vs_true", "importance", "histogram"),
)
_NUMBERS = {
    "roc": ("fpr", "tpr"),
    "pr": ("recall", "precision"),
    "calibration": ("low", "high", "weight", "mean_score", "positive_share"),
    "ks": ("score", "positive", "negative"),
    "gain": ("share", "gain", "share_negative", "gain_negative"),
    "lift": ("share", "lift"),
    "threshold": ("threshold",),
    "confusion": ("count",),
    "residuals": ("predicted", "residual", "weight"),
    "predicted_vs_true": ("truth", "predicted", "weight"),
    "importance": ("value",),
    "histogram": ("low", "high"),
}
_TEXTS = {"confusion": ("true", "predicted"), "importance": ("name",)}
_COMPUTED = {"histogram": "residual_histogram"}  # what a kind is called in an evaluation where it is not its name
_NOT_COMPUTED = frozenset({"importance"})
_DRAWN_MAX = 1e150
_SAME = {"valid": "val", "validation": "val", "dev": "val", "eval": "val"}


class Asked(NamedTuple):
    """What is asked for: a split, another name than the kind's, a step; of some kinds metrics, classes, how many."""

    split: str | None = None
    chart: str | None = None
    step: int | None = None
    metrics: Sequence[str] = ()
    classes: Sequence[str] = ()
    top: int | None = None


class Series(NamedTuple):
    """The chart data of one run: `columns` of one length each, and `facts` that belong to them."""

    run: str
    name: str
    chart: str
    columns: dict[str, Any]
    facts: dict[str, Any]

    def fact(self, name: str) -> float | None:
        """Return a fact that is a number which can be drawn, or None."""
        found = finite(self.facts.get(name))
        return found if found is None or abs(found) < _DRAWN_MAX else None

    @property
    def labels(self) -> list[Any]:
        """The labels that the chart is about, in order."""
        found = self.facts.get("labels")
        return list(found) if isinstance(found, list | tuple) else []


class ChartPlot(NamedTuple):
    """Chart data of one kind, of one split, of one run or several."""

    kind: str
    split: str | None
    series: list[Series]
    asked: Asked
    notices: list[str]

    @property
    def headings(self) -> list[str]:
        """The columns: run, name, chart, and those of the data."""
        return ["run", "name", "chart", *dict.fromkeys(name for one in self.series for name in one.columns)]

    def rows(self) -> list[list[Any]]:
        """Return a row per point of every run; a column that a run lacks is None there."""
        names = self.headings[3:]
        found: list[list[Any]] = []
        for one in self.series:
            columns = {name: _plain(values) for name, values in one.columns.items()}
            for i in range(max(map(len, columns.values()), default=0)):
                points = [columns[name][i] if name in columns else None for name in names]
                found.append([one.run, one.name, one.chart, *points])
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the object of `plot KIND --json`."""
        series = [
            {
                "run": one.run,
                "name": one.name,
                "chart": one.chart,
                "columns": {name: _plain(values) for name, values in one.columns.items()},
                "facts": _plain(one.facts),
            }
            for one in self.series
        ]
        return {"schema": f"ledger.plot.{self.kind}/1", "split": self.split, "series": series}


def finite(value: Any) -> float | None:
    """Return a finite number as a float, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _finite_and_less(low: Any, high: Any) -> bool:
    ends = finite(low), finite(high)
    return ends[0] is not None and ends[1] is not None and ends[0] < ends[1]


def _plain(value: Any) -> Any:
    """Return arrays as lists, and values that are undefined as an object with the reason."""
    if isinstance(value, Undefined):
        return {"undefined": value.reason}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value


class _Held(NamedTuple):
    """What a run has of one kind: charts and, for splits without one, predictions."""

    state: RunState
    source: Source
    charts: dict[str | None, list[Chart]]
    predicted: list[str | None]

    @property
    def splits(self) -> list[str | None]:
        return list(dict.fromkeys([*self.charts, *self.predicted]))


def chart_plot(
    states: Sequence[RunState], sources: Sequence[Source], kind: str, asked: Asked, *, named: bool = True
) -> ChartPlot:
    """Return the chart data of runs, in their order.

    A run's chart is the one called KIND, `SPLIT/KIND`, or as `asked.chart` says; of test unless `asked.split` says
    which, else of val, else of the only split. A run without it that has predictions gets it from them. Of runs that
    are not `named` those without are left out, and notices say so.

    Raises NoSuchChart naming what there is, UsageError where the split is not clear, DamagedFile.
    """
    held = [_held(state, source, kind, asked) for state, source in zip(states, sources, strict=True)]
    if not any(one.splits for one in held):
        raise _none(held, kind, asked.chart)
    split = _split([one.splits for one in held if one.splits], kind, asked.split)
    series, left, damaged = [], [], []
    for one in held:
        try:
            series.append(_series(one, kind, split, asked))
        except NoSuchChart as error:
            if named or len(held) == 1:
                raise
            left.append((one.state.name, error))
        except DamagedFile as error:
            if named or len(held) == 1:
                raise
            damaged.append(f"left out: run {one.state.id}: {error.message}")
    if not series:
        if left:
            raise left[0][1]
        raise DamagedFile(damaged[0], hint="see: ledger verify")
    if kind == "confusion" and not named:
        series.reverse()  # what the newer run has more than the older one
    _check_classes(series, kind, asked.classes)
    return ChartPlot(kind, split, series, asked, [*damaged, *_left_out(left, kind, split)])


def _check_classes(series: Sequence[Series], kind: str, wanted: Sequence[str]) -> None:
    """Raise UsageError where runs of two classes and of many are to be overlaid, NoSuchChart for a class not there."""
    with_classes = ["class" in one.columns for one in series]
    if any(with_classes) and not all(with_classes):
        many, two = series[with_classes.index(True)], series[with_classes.index(False)]
        raise UsageError(
            f"the {kind} data of {many.run} is of many classes, that of {two.run} of two: they cannot be overlaid",
            hint="name the runs, or choose them with -F",
        )
    known = dict.fromkeys(str(label) for one in series for label in one.labels)
    for label in wanted:
        if label not in known:
            raise NoSuchChart(f"there is no class {label!r}; there are {', '.join(list(known)[:20]) or 'none'}")
        if not any(with_classes):
            raise UsageError("--class chooses among many classes; these runs have two")


def _left_out(left: Sequence[tuple[str, LedgerError]], kind: str, split: str | None) -> list[str]:
    if not left:
        return []
    names = ", ".join(name for name, _ in left[:5]) + (" ..." if len(left) > 5 else "")
    return [f"{counted(len(left), 'run', 'runs')} left out, without {_called(kind, split)}: {names}"]


def _called(kind: str, split: str | None) -> str:
    return kind if split is None else f"{split}/{kind}"


def _held(state: RunState, source: Source, kind: str, asked: Asked) -> _Held:
    charts: dict[str | None, list[Chart]] = {}
    known = [chart for chart in state.charts if chart.extension == "json"]
    for chart in known:
        key = metric_key(chart.name, chart.context)
        where = place(key)
        plain = asked.chart is None and where.metric == kind and where.fold is None and not where.rest
        if plain or (asked.chart is not None and asked.chart in (key, chart.name, where.metric)):
            charts.setdefault(where.split, []).append(chart)
    if not charts and asked.chart is None and known:
        for chart in _of_kind(known, source, kind):
            where = place(metric_key(chart.name, chart.context))
            if where.fold is None and not where.rest:
                charts.setdefault(where.split, []).append(chart)
    computed = [] if kind in _NOT_COMPUTED or asked.chart is not None else state.predictions
    predicted = dict.fromkeys(_same(found.split) for found in computed)
    return _Held(state, source, charts, [split for split in predicted if split not in charts])


def _of_kind(known: Sequence[Chart], source: Source, kind: str) -> list[Chart]:
    """Return the charts of a kind; read is one of each series that may be, those of evaluations are known by name."""
    series: dict[tuple[str, str], Chart] = {(chart.name, chart.context or ""): chart for chart in known}
    evaluations = form.of_evaluations(series)
    other = {
        (prefix + name, context)
        for (prefix, context), names in evaluations.items()
        for name in names
        if form.EVALUATION[name] != kind
    }
    kinds = definitions.kinds(source.tree, [chart for key, chart in series.items() if key not in other])
    found = {key for key, chart in series.items() if kinds.get(chart.blob) == kind}
    return [chart for chart in known if (chart.name, chart.context or "") in found]


def _same(split: str | None) -> str | None:
    return _SAME.get(split or "", split)


def _split(runs: Sequence[Sequence[str | None]], kind: str, wanted: str | None) -> str | None:
    """Return the split that is shown: the wanted one, else test or val (that all runs have, or any), else the only."""
    if wanted is not None:
        return _same(wanted)
    there = list(dict.fromkeys(split for splits in runs for split in splits))
    for rule in (all, any):
        for split in ("test", "val"):
            if rule(split in splits for splits in runs):
                return split
    if len(there) > 1 and not all(None in splits for splits in runs):
        raise UsageError(f"there is {kind} data of {_listed(there)}", hint="say which: --split NAME")
    return None if None in there else there[0]


def _listed(splits: Sequence[str | None]) -> str:
    return ", ".join("no split" if split is None else split for split in splits)


def _none(held: Sequence[_Held], kind: str, chart: str | None) -> NoSuchChart:
    """Return the error for runs of which none has the chart: what they have instead."""
    found = dict.fromkeys(
        metric_key(c.name, c.context) for one in held for c in one.state.charts if c.extension == "json"
    )
    what = f"chart {chart!r}" if chart is not None else f"{kind} data"
    who = f"the run {held[0].state.id} has no {what}" if len(held) == 1 else f"none of these runs has {what}"
    those = ("it has " if len(held) == 1 else "they have ") + (", ".join(list(found)[:12]) or "no charts that are data")
    kept = f"run.log_{kind}" if kind in _NOT_COMPUTED else "run.evaluate"
    named = f"another name: ledger plot {kind.replace('_', '-')} --chart NAME"
    hint = named if found else f"such charts are kept by {kept}"
    return NoSuchChart(f"{who}; {those}", hint=hint)


def _series(one: _Held, kind: str, split: str | None, asked: Asked) -> Series:
    """Return the chart data of one run; raises NoSuchChart saying what it has."""
    if split in one.charts:
        return _stored(one, _at_step(one, one.charts[split], asked.step), kind)
    if split in one.predicted:
        return _computed(one, kind, split, asked.step)
    if not one.splits:
        raise _none([one], kind, asked.chart)
    raise NoSuchChart(
        f"the run {one.state.id} has no {_called(asked.chart or kind, split)}; it has {kind} data of "
        f"{_listed(one.splits)}",
        hint="say which: --split NAME",
    )


def _at_step(one: _Held, series: Sequence[Chart], step: int | None) -> Chart:
    keys = list(dict.fromkeys(metric_key(chart.name, chart.context) for chart in series))
    if len(keys) > 1:
        raise UsageError(f"the run {one.state.id} has {', '.join(keys)}", hint="say which: --chart NAME")
    return charts.at_step(one.state, keys[0], series, step)


def _stored(one: _Held, chart: Chart, kind: str) -> Series:
    key = metric_key(chart.name, chart.context)
    found = definitions.chart_data(one.source.tree, one.state.id, chart)
    if found.kind != kind:
        raise NoSuchChart(
            f"the chart {key} of {one.state.id} is {found.kind} data, not {kind}",
            hint=f"ledger charts {one.state.id} {key}" + (" -o FILE.png" if found.kind in KINDS else ""),
        )
    return _checked(Series(one.state.id, one.state.name, key, dict(found.columns), dict(found.facts)), kind)


def _computed(one: _Held, kind: str, split: str | None, step: int | None) -> Series:
    """Return chart data from a run's predictions; raises NoSuchChart where they give none."""
    wanted = next((p.split for p in one.state.predictions if _same(p.split) == split), split)
    who = f"the run {one.state.id} has no {_called(kind, split)}, and its predictions give none"
    hint = f"ledger charts {one.state.id}"
    try:
        asked = evaluations.Asked(split=wanted, step=step, charts=True)
        found = evaluations.again(one.source.tree, one.state, asked, {}).whole
    except DamagedFile:
        raise
    except LedgerError as error:
        raise NoSuchChart(f"{who}: {error.message}", hint=error.hint or hint) from None
    chart = found.charts.get(kind) or found.charts.get(_COMPUTED.get(kind, kind))
    if chart is None:
        raise NoSuchChart(
            f"{who}: they are a {found.kind} evaluation, with {', '.join(found.charts)}",
            hint=f"what is undefined, and why: ledger evaluate {one.state.id}",
        )
    chart = thinning.thinned(chart)  # as it would be stored: a picture shows no more of a million vertices
    return _checked(Series(one.state.id, one.state.name, _called(kind, split), chart.columns, chart.facts), kind)


def single(run: str, name: str, chart: str, found: Any) -> ChartPlot:
    """Return the plot of one chart that was read; raises UsageError for data that no picture is made of."""
    if found.kind not in KINDS:
        raise UsageError(
            f"the chart {chart} is {found.kind} data, which is not drawn",
            hint=f"write it as it is: ledger charts {run} {chart} -o FILE.json",
        )
    series = _checked(Series(run, name, chart, dict(found.columns), dict(found.facts)), found.kind)
    return ChartPlot(found.kind, place(chart).split, [series], Asked(), [])


def _checked(series: Series, kind: str) -> Series:
    """Return a series that can be drawn: the columns of its kind are there, and numbers where they have to be."""
    who = f"the chart {series.chart} of {series.run} is no {kind} data"
    for name in (*_NUMBERS[kind], *_TEXTS.get(kind, ())):
        if name not in series.columns:
            raise DamagedFile(f"{who}: it has no column {name!r}", hint=f"ledger charts {series.run} {series.chart}")
    words = {"class", *_TEXTS.get(kind, ())}
    for name, values in series.columns.items():
        plain = values.tolist() if hasattr(values, "tolist") else values
        wrong = [v for v in plain if v is not None and not isinstance(v, int | float)] if name not in words else []
        if wrong:
            raise DamagedFile(
                f"{who}: its column {name!r} has {str(wrong[0])[:40]!r}, which is no number",
                hint=f"ledger charts {series.run} {series.chart}",
            )
    edges = [series.columns[name] for name in ("low", "high") if name in _NUMBERS[kind]]
    if edges and not all(_finite_and_less(low, high) for low, high in zip(*edges, strict=True)):
        raise DamagedFile(f"{who}: its edges do not ascend", hint=f"ledger charts {series.run} {series.chart}")
    if any(abs(edge) > _DRAWN_MAX for ends in edges for edge in ends):
        raise UsageError(
            f"the chart {series.chart} of {series.run} has edges beyond {_DRAWN_MAX:g}, more than a picture can show",
            hint=f"ledger evaluate {series.run}",
        )
    if not any(len(values) for values in series.columns.values()):
        raise NoSuchChart(f"the chart {series.chart} of {series.run} has no points", hint=f"ledger charts {series.run}")
    return series
