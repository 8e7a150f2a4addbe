"""What a run has of one kind of chart data: charts and, for splits without one, predictions; by split and context."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.errors import LedgerError, NoSuchChart, UsageError
from ledger.evaluate import lookup
from ledger.format import charts as form
from ledger.format.names import SPLITS, metric_key, split_of
from ledger.store.state import Chart, Predictions, RunState
from ledger.table import charts, definitions
from ledger.table.frames import Source
from ledger.table.splits import place

COMPUTED = {"histogram": "residual_histogram"}  # what a kind is called in an evaluation where it is not its name
NOT_COMPUTED = frozenset({"importance", "curve", "table"})
_SAME = {"valid": "val", "validation": "val", "dev": "val", "eval": "val"}

Context = str | None  # canonical JSON, the split taken out
_ByPlace = dict[str | None, dict[Context, list[Any]]]  # of a split, of a context


class Held(NamedTuple):
    """What a run has of one kind: charts and, for places without one, predictions; by split, by context."""

    state: RunState
    source: Source
    charts: dict[str | None, dict[Context, list[Chart]]]
    kept: dict[str | None, dict[Context, list[Predictions]]]  # predictions that may give it, too

    @property
    def splits(self) -> list[str | None]:
        """The splits that there is anything of; no split is None."""
        return list(dict.fromkeys([*self.charts, *self.kept]))

    @property
    def plain_splits(self) -> list[str | None]:
        """Those of them that need no context to be said: there is something without one, or there are folds."""
        return [
            split
            for split in self.splits
            if None in (found := self.contexts(split)) or all(fold(context) is not None for context in found)
        ]

    def contexts(self, split: str | None) -> list[Context]:
        """Return the contexts that there is anything of in a split, folds in their order."""
        found = dict.fromkeys([*self.charts.get(split, {}), *self.kept.get(split, {})])
        return sorted(found, key=lambda context: (context is not None, _order(fold(context)), context or ""))


def same(split: str | None) -> str | None:
    """Return the one name of a split that has several, such as `val` of `valid`."""
    return _SAME.get(split or "", split)


def fold(context: Context) -> Any:
    """Return the fold of a context that says nothing else, or None."""
    found = json.loads(context) if context else {}
    return found["fold"] if isinstance(found, dict) and list(found) == ["fold"] else None


def _order(value: Any) -> tuple[bool, float, str]:
    number = float(value) if isinstance(value, int | float) else 0.0
    return isinstance(value, str), number, str(value)


def said(context: Context) -> str:
    """Write a context as `--context` takes it: `fold=1`; no context in words."""
    found = json.loads(context) if context else {}
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in found.items()]
    return " ".join(words) or "no context"


def held(state: RunState, source: Source, kind: str, wanted: str | None) -> Held:
    """Return what a run has of a kind; `wanted` is the name of a chart where another one than the kind's is meant."""
    known = [chart for chart in state.charts if chart.extension == form.EXTENSION]
    splits = _own_splits(state)
    drawn: _ByPlace = {}
    for chart in known:
        split, context, metric = _place(chart, splits)
        key = metric_key(chart.name, chart.context)
        if metric == kind if wanted is None else wanted in (key, chart.name, metric):
            drawn.setdefault(split, {}).setdefault(context, []).append(chart)
    if not drawn and wanted is None:
        for chart in _of_kind(known, source, kind):
            split, context, _ = _place(chart, splits)
            drawn.setdefault(split, {}).setdefault(context, []).append(chart)
    kept: _ByPlace = {}
    if kind not in NOT_COMPUTED and wanted is None:
        for found in state.predictions:
            split = same(found.split)
            if found.context in drawn.get(split, {}) or _may_give(state, source, found, kind):
                kept.setdefault(split, {}).setdefault(found.context, []).append(found)
    return Held(state, source, drawn, kept)


def _own_splits(state: RunState) -> list[str]:
    """Return the splits of a run that bear names of its own, the longest first: evaluated, or with predictions."""
    ending = f"/{form.DEFINITIONS}"
    evaluated = {chart.name.removesuffix(ending) for chart in state.charts if chart.name.endswith(ending)}
    found = evaluated | {found.split for found in state.predictions if found.split is not None}
    return sorted(found - SPLITS, key=lambda split: (-len(split), split))


def split_of_chart(state: RunState, name: str) -> str | None:
    """Return the split that the name of a chart, maybe with its context, speaks of."""
    return place(name).split or next((split for split in _own_splits(state) if name.startswith(f"{split}/")), None)


def _place(chart: Chart, splits: Sequence[str]) -> tuple[str | None, Context, str]:
    """Return the split of a chart, the rest of its context, and its name without the split."""
    where = place(metric_key(chart.name, chart.context))
    context = json.loads(chart.context) if chart.context else {}
    if split_of(chart.name) is None and context.get("split") in SPLITS:
        del context["split"]
    rest = json.dumps(context, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if context else None
    if where.split is None:
        for split in splits:
            if chart.name.startswith(f"{split}/"):
                return split, rest, chart.name[len(split) + 1 :]
    return where.split, rest, where.metric


def _of_kind(known: Sequence[Chart], source: Source, kind: str) -> list[Chart]:
    """Return the charts of a kind; read is one of each series that may be, those of evaluations are known by name."""
    series: dict[tuple[str, str], Chart] = {(chart.name, chart.context or ""): chart for chart in known}
    evaluations = form.of_evaluations(series)
    other = {
        (prefix + name, context)
        for (prefix, context), names in evaluations.items()
        for name in names
        if form.EVALUATION.get(name, form.DEFINITIONS) != kind
    }
    kinds = definitions.kinds(source.tree, [chart for key, chart in series.items() if key not in other])
    found = {key for key, chart in series.items() if kinds.get(chart.blob) == kind}
    return [chart for chart in known if (chart.name, chart.context or "") in found]


def _may_give(state: RunState, source: Source, found: Predictions, kind: str) -> bool:
    """Say whether predictions may give a kind: false where the evaluation that was logged of them is of another sort.

    What cannot be read is left to whoever draws it.
    """
    chart = definitions.of_split(state, found.split, found.step, found.context)
    if chart is None:
        return True
    try:
        sort = definitions.read(source.tree, state.id, chart).facts.get("kind")
        return not isinstance(sort, str) or gives(sort, kind)
    except LedgerError:
        return True


def gives(sort: str, kind: str) -> bool:
    """Say whether an evaluation of a sort (binary, regression ...) has a kind of chart data."""
    return not {kind, COMPUTED.get(kind, kind)}.isdisjoint(lookup.bundle(sort).charts)


def at_step(one: Held, split: str | None, context: Context, step: int | None) -> Chart:
    """Return the chart of a place at a step, else the last; raises UsageError where there are several names."""
    series = one.charts[split][context]
    keys = list(dict.fromkeys(metric_key(chart.name, chart.context) for chart in series))
    if len(keys) > 1:
        raise UsageError(f"the run {one.state.id} has {', '.join(keys)}", hint="say which: --chart NAME")
    return charts.at_step(one.state, keys[0], series, step)


def batches(one: Held, split: str | None, context: Context, step: int | None) -> list[Predictions]:
    """Return the predictions of a place at a step, else without one, else at the last; raises NoSuchChart."""
    found = one.kept[split][context]
    steps = list(dict.fromkeys(p.step for p in found))
    if step is None:
        step = None if None in steps else max(s for s in steps if s is not None)
    elif step not in steps:
        known = ", ".join("one without a step" if s is None else str(s) for s in steps[-20:])
        raise NoSuchChart(f"the predictions of {one.state.id} have no step {step}; they have {known}")
    return [p for p in found if p.step == step]
