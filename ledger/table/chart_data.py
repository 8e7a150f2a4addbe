"""Chart data of runs, as `plot roc` shows it: which chart of which split, else what a run's predictions give.

Where a run has nothing but folds, they are overlaid with what their predictions give together; of several runs that
alone is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.errors import DamagedFile, LedgerError, NoSuchChart, UsageError, counted
from ledger.evaluate import ChartData, thinning
from ledger.format.charts import DEFINITIONS
from ledger.format.names import canonical_context, metric_key
from ledger.format.values import Undefined
from ledger.store.state import Chart, Predictions, RunState
from ledger.table import chart_held, definitions, evaluations
from ledger.table.chart_check import DRAWN_MAX, check, is_of_labels
from ledger.table.chart_held import COMPUTED, NOT_COMPUTED, Context, Held, said
from ledger.table.frames import Source

KINDS = (
    *("roc", "pr", "calibration", "ks", "gain", "lift", "threshold"),
    *("confusion", "residuals", "predicted_vs_true", "importance", "histogram"),
)
TOGETHER = "all folds"  # what stands beside the folds of a run
ALONE = ("curve", "table")  # drawn one chart at a time
# Of folds these are overlaid; of other kinds there is what the folds' predictions give together.
_OVERLAID = frozenset({"roc", "pr", "calibration", "ks", "gain", "lift", "threshold", "importance"})


class Asked(NamedTuple):
    """What is asked for: a split, another name than the kind's, a step, a context; of some kinds metrics and so on."""

    split: str | None = None
    chart: str | None = None
    step: int | None = None
    context: Mapping[str, Any] | None = None
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
        return found if found is None or abs(found) < DRAWN_MAX else None

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
    of: str | None = None  # the run, where the series are its folds
    order: Sequence[str] = ()  # the ids of all runs, as they were named or else sorted: it decides their colours

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


def _plain(value: Any) -> Any:
    """Return arrays as lists, and values that are undefined as an object with the reason."""
    if isinstance(value, Undefined):
        return {"undefined": value.reason}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value


def chart_plot(
    states: Sequence[RunState], sources: Sequence[Source], kind: str, asked: Asked, *, named: bool = True
) -> ChartPlot:
    """Return the chart data of runs, in their order.

    A run's chart is the one called KIND, `SPLIT/KIND`, or as `asked.chart` says; of test unless `asked.split` says
    which, else of val, else of the only split. A run without it that has predictions gets it from them. Of runs that
    are not `named` those without are left out, and notices say so.

    Raises NoSuchChart naming what there is, UsageError where the split is not clear, DamagedFile.
    """
    held = [chart_held.held(state, source, kind, asked.chart) for state, source in zip(states, sources, strict=True)]
    if not any(one.splits for one in held):
        raise _none(held, kind, asked.chart)
    split = _split([one for one in held if one.splits], kind, asked.split)
    series: list[Series] = []
    left: list[tuple[str, LedgerError]] = []
    damaged: list[str] = []
    notices: list[str] = []
    for one in held:
        try:
            found, notice = _series(one, kind, split, asked, alone=len(held) == 1)
            series += found
            notices += notice
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
    notices += [*damaged, *_left_out(left, kind, split)]
    if len(series) > len(held):
        return ChartPlot(kind, split, series, asked, notices, of=held[0].state.name)
    ids = [one.state.id for one in held]
    return ChartPlot(kind, split, series, asked, notices, order=ids if named else sorted(ids))


def _split(held: Sequence[Held], kind: str, wanted: str | None) -> str | None:
    """Return the split that is shown: the wanted one, else test or val (that all runs have, or any), else the only."""
    if wanted is not None:
        return chart_held.same(wanted)
    runs = [one.plain_splits or one.splits for one in held]
    there = list(dict.fromkeys(split for splits in runs for split in splits))
    for rule in (all, any):
        for split in ("test", "val"):
            if rule(split in splits for splits in runs):
                return split
    if all(None in splits for splits in runs):
        return None
    # Whether predictions give the kind is not known: where one split has charts, the others are not in its way.
    there = [split for split in there if any(split in one.charts for one in held)] or there
    if len(there) > 1:
        raise UsageError(f"there is {kind} data of {_listed(there)}", hint="say which: --split NAME")
    return there[0]


def _listed(splits: Sequence[str | None]) -> str:
    return ", ".join("no split" if split is None else split for split in splits)


def _called(kind: str, split: str | None) -> str:
    return kind if split is None else f"{split}/{kind}"


def _left_out(left: Sequence[tuple[str, LedgerError]], kind: str, split: str | None) -> list[str]:
    if not left:
        return []
    names = ", ".join(name for name, _ in left[:5]) + (" ..." if len(left) > 5 else "")
    return [f"{counted(len(left), 'run', 'runs')} left out, without {_called(kind, split)}: {names}"]


def _none(held: Sequence[Held], kind: str, chart: str | None) -> NoSuchChart:
    """Return the error for runs of which none has the chart: what they have instead."""
    found = dict.fromkeys(
        metric_key(c.name, c.context) for one in held for c in one.state.charts if c.extension == "json"
    )
    what = f"chart {chart!r}" if chart is not None else f"{kind} data"
    who = f"the run {held[0].state.id} has no {what}" if len(held) == 1 else f"none of these runs has {what}"
    those = ("it has " if len(held) == 1 else "they have ") + (", ".join(list(found)[:12]) or "no charts that are data")
    kept = f"run.log_{kind}" if kind in NOT_COMPUTED else "run.evaluate"
    named = f"another name: ledger plot {kind.replace('_', '-')} --chart NAME"
    hint = named if found else f"such charts are kept by {kept}"
    return NoSuchChart(f"{who}; {those}", hint=hint)


def _series(one: Held, kind: str, split: str | None, asked: Asked, *, alone: bool) -> tuple[list[Series], list[str]]:
    """Return the chart data of one run, and what is to be said of it; raises NoSuchChart saying what it has."""
    if not one.splits:
        raise _none([one], kind, asked.chart)
    contexts = one.contexts(split)
    if not contexts:
        raise _no_split(one, kind, split, asked.chart)
    wanted = canonical_context(asked.context)
    if wanted is None and None not in contexts and len(contexts) > 1:
        return _folds(one, kind, split, asked, alone=alone)
    if wanted is None:
        wanted = contexts[0]
    if wanted not in contexts:
        known = "; ".join(said(context) for context in contexts[:20])
        who = f"the run {one.state.id} has no {_called(asked.chart or kind, split)} of {said(wanted)}"
        raise NoSuchChart(f"{who}; it has it of {known}", hint=_which(contexts))
    return [_at(one, kind, split, wanted, asked)], []


def _which(contexts: Sequence[Context]) -> str:
    return f"say which: --context {said(next((c for c in contexts if c is not None), None))}"


def _no_split(one: Held, kind: str, split: str | None, chart: str | None) -> NoSuchChart:
    """Return the error for a run that has the kind, of other splits: those with a chart, then those with predictions.

    Whether predictions give the kind is not known before it is computed.
    """
    parts = [f"{kind} data of {_listed(list(one.charts))}"] if one.charts else []
    if predicted := [split for split in one.kept if split not in one.charts]:
        parts.append(f"predictions of {_listed(predicted)}")
    return NoSuchChart(
        f"the run {one.state.id} has no {_called(chart or kind, split)}; it has {', and '.join(parts)}",
        hint="say which: --split NAME",
    )


def _folds(one: Held, kind: str, split: str | None, asked: Asked, *, alone: bool) -> tuple[list[Series], list[str]]:
    """Return the folds of a run and, where they have predictions, what these give together; of several runs that alone.

    Raises NoSuchChart where contexts are no folds, or the folds can neither be overlaid nor taken together.
    """
    contexts = one.contexts(split)
    who = f"the run {one.state.id} has {_called(asked.chart or kind, split)}"
    if any(chart_held.fold(context) is None for context in contexts):
        raise NoSuchChart(f"{who} of {'; '.join(said(context) for context in contexts[:20])}", hint=_which(contexts))
    overlaid = [
        _at(one, kind, split, context, asked)._replace(name=f"fold {chart_held.fold(context)}")
        for context in (contexts if alone and kind in _OVERLAID else ())
    ]
    folds = counted(len(contexts), "fold", "folds")
    try:
        whole = _together(one, kind, split, contexts, asked)
    except NoSuchChart as error:
        if overlaid:
            return overlaid, []
        problem = f"{who} of {folds}, which cannot be taken together: {error.message}"
        raise NoSuchChart(problem, hint=_which(contexts)) from None
    if overlaid:
        return [whole._replace(name=TOGETHER), *overlaid], []
    return [whole], [f"of {one.state.name} {folds} are taken together; one of them: --context {said(contexts[0])}"]


def _at(one: Held, kind: str, split: str | None, context: Context, asked: Asked) -> Series:
    """Return the chart data of one place of a run."""
    if context in one.charts.get(split, {}):
        return _stored(one, chart_held.at_step(one, split, context, asked.step), kind)
    return _computed(one, kind, split, chart_held.batches(one, split, context, asked.step), context)


def _stored(one: Held, chart: Chart, kind: str) -> Series:
    key = metric_key(chart.name, chart.context)
    found = definitions.chart_data(one.source.tree, one.state.id, chart)
    if found.kind != kind and not (kind == "confusion" and found.kind == "table" and is_of_labels(found.columns)):
        raise NoSuchChart(
            f"the chart {key} of {one.state.id} is {found.kind} data, not {kind}",
            hint=f"ledger charts {one.state.id} {key} -o FILE.png",
        )
    return _checked(one.state, key, kind, found)


def _checked(state: RunState, key: str, kind: str, found: ChartData) -> Series:
    check(kind, found.columns, state.id, key)
    return Series(state.id, state.name, key, dict(found.columns), dict(found.facts))


def _computed(
    one: Held, kind: str, split: str | None, chosen: Sequence[Predictions], context: Context = None
) -> Series:
    """Return chart data from a run's predictions; raises NoSuchChart where they give none, with the reason."""
    who = f"the run {one.state.id} has no {_called(kind, split)}, and its predictions give none"
    hint = f"ledger evaluate {one.state.id}" + ("" if split is None else f" --split {chosen[0].split}")
    try:
        asked = evaluations.Asked(charts=True)
        found = evaluations.of_chosen(one.source.tree, one.state, chosen, asked, {}).whole
    except DamagedFile:
        raise
    except LedgerError as error:
        raise NoSuchChart(f"{who}: {error.message}", hint=error.hint or hint) from None
    name = kind if kind in found.charts else COMPUTED.get(kind, kind)
    if name not in found.charts:
        told = next((text for text in found.notices if text.startswith((f"no {kind} chart", f"no {name} chart"))), None)
        article = "an" if found.kind[0] in "aeiou" else "a"
        has = f", with {', '.join(found.charts)}" if found.charts else ""
        why = told.partition(": ")[2] if told else f"they are {article} {found.kind} evaluation{has}"
        raise NoSuchChart(f"{who}: {why}", hint=f"what they give: {hint}")
    chart = thinning.thinned(found.charts[name])  # as it would be stored: a picture shows no more of a million vertices
    return _checked(one.state, metric_key(_called(name, split), context), kind, chart)


def _together(one: Held, kind: str, split: str | None, contexts: Sequence[Context], asked: Asked) -> Series:
    """Return what the predictions of several folds give as one; raises NoSuchChart where a fold has none."""
    kept = one.kept.get(split, {})
    for context in contexts:
        if context not in kept:
            raise NoSuchChart(f"there are no predictions of {said(context)}")
    chosen = [found for context in contexts for found in chart_held.batches(one, split, context, asked.step)]
    return _computed(one, kind, split, chosen)


def single(state: RunState, chart: str, found: ChartData) -> ChartPlot:
    """Return the plot of one chart that was read; raises UsageError for a kind that this version does not know."""
    kind = found.kind
    if kind == DEFINITIONS:
        kind, found = "table", _listed_definitions(found)
    elif kind == "table" and is_of_labels(found.columns):
        kind = "confusion"
    if kind not in (*KINDS, *ALONE):
        raise UsageError(
            f"the chart {chart} is {kind} data, which is not drawn",
            hint=f"write it as it is: ledger charts {state.id} {chart} -o FILE.json",
        )
    return ChartPlot(kind, chart_held.split_of_chart(state, chart), [_checked(state, chart, kind, found)], Asked(), [])


def _listed_definitions(found: ChartData) -> ChartData:
    """Return the definitions of metrics as a table: name, formula, and the rest in words."""
    metrics = found.facts.get("metrics")
    known = (
        {name: of for name, of in metrics.items() if isinstance(of, Mapping)} if isinstance(metrics, Mapping) else {}
    )
    columns: dict[str, Any] = {
        "metric": list(known),
        "formula": [str(of.get("formula", "-")) for of in known.values()],
        "computed with": [
            ", ".join(f"{name} {value}" for name, value in of.items() if name != "formula") for of in known.values()
        ],
    }
    return ChartData("table", columns, {"title": "definitions"})


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
