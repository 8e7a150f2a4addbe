"""Charts that were logged as data, and where metrics of one name were computed in different ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger import evaluate
from ledger.errors import DamagedFile, UsageError
from ledger.format import charts
from ledger.format.charts import DEFINITIONS
from ledger.format.names import metric_key
from ledger.store import blobs
from ledger.store.state import Chart, RunState
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.evaluate import ChartData
    from ledger.table.frames import Source


class Difference(NamedTuple):
    """Metrics that two of the compared runs have and define differently, by what is stored in one chart of each."""

    chart: str
    metrics: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the object in `compare --json`."""
        return {"chart": self.chart, "metrics": self.metrics}


def read(tree: Tree, run: str, chart: Chart) -> charts.Chart:
    """Return a chart's data; raises DamagedFile, and UsageError for what is a picture or another file."""
    key = metric_key(chart.name, chart.context)
    where = f"the chart {key} of {run}"
    data = blobs.get(tree, chart.blob, chart.extension)
    if chart.extension != charts.EXTENSION or charts.kind_of(data) is None:
        raise UsageError(f"{where} is {chart.media_type}, no chart data", hint=f"ledger charts {run} {key} -o FILE")
    return charts.decode(data, where)


def chart_data(tree: Tree, run: str, chart: Chart) -> ChartData:
    """Return a chart's data as an evaluation gives it, with lists for arrays."""
    kind, columns, facts = read(tree, run, chart)
    return evaluate.ChartData(kind, dict(columns), facts)


def kinds(tree: Tree, found: Sequence[Chart]) -> dict[str, str]:
    """Return the kinds of those charts that are data, by blob; what cannot be read is left out."""
    result = {}
    for chart in found:
        if chart.extension == charts.EXTENSION and chart.blob not in result:
            try:
                kind = charts.kind_of(blobs.get(tree, chart.blob, chart.extension))
            except DamagedFile:
                continue
            if kind is not None:
                result[chart.blob] = kind
    return result


def of_split(state: RunState, split: str | None, step: int | None = None, context: str | None = None) -> Chart | None:
    """Return the chart with the definitions of an evaluation, or None.

    Without a context, where there is none of all together, that of the folds (or whatever contexts there are) counts if
    it is the same for each of them.
    """
    name = DEFINITIONS if split is None else f"{split}/{DEFINITIONS}"
    every = [c for c in state.charts if c.name == name and c.extension == charts.EXTENSION]
    found = [c for c in every if c.context == context]
    if not found and context is None:
        of_parts = [c for c in every if c.step == step]
        found = of_parts if len({c.blob for c in of_parts}) == 1 else []
    at = [chart for chart in found if chart.step == step]
    return max(at or found, key=lambda chart: (chart.step is None, chart.step or 0), default=None)


def differences(
    states: Sequence[RunState], sources: Sequence[Source], shown: Callable[[str], bool]
) -> list[Difference]:
    """Return the metrics that two of these runs define differently, those by whose name `shown` says that they count.

    Bytes are read only where they differ. A chart that cannot be read says nothing, and is left to `verify`.
    """
    held: dict[str, dict[tuple[str, ...], tuple[Source, list[Chart]]]] = {}
    for state, source in zip(states, sources, strict=True):
        for key, found in _newest(state).items():
            held.setdefault(key, {})[tuple(chart.blob for chart in found)] = source, found
    result = []
    for key in sorted(held):
        if len(held[key]) < 2:
            continue
        name, brace, context = key.partition("{")
        differing = _differing([_together(source, found) for source, found in held[key].values()])
        names = [full for metric in differing if shown(full := name.removesuffix(DEFINITIONS) + metric)]
        if names:
            result.append(Difference(key, [f"{full}{brace}{context}" for full in names]))
    return result


def _newest(state: RunState) -> dict[str, list[Chart]]:
    """Return the newest charts of definitions of each split, by key, in order of time.

    A metric that was added later has a chart of its own below that of the evaluation: `test/definitions/f2`.
    """
    found: dict[str, dict[str, Chart]] = {}
    for chart in sorted(state.charts, key=lambda chart: (chart.step is None, chart.step or 0)):
        parts = chart.name.split("/")
        if chart.extension == charts.EXTENSION and DEFINITIONS in parts[-2:]:
            whole = "/".join(parts[: parts.index(DEFINITIONS) + 1])
            found.setdefault(metric_key(whole, chart.context), {})[chart.name] = chart
    return {key: sorted(each.values(), key=lambda chart: chart.time) for key, each in found.items()}


def _together(source: Source, found: Sequence[Chart]) -> dict[str, Any]:
    return {name: metric for chart in found for name, metric in _metrics(source, chart).items()}


def _metrics(source: Source, chart: Chart) -> dict[str, Any]:
    try:
        found = read(source.tree, source.id, chart)
    except (DamagedFile, UsageError):
        return {}
    metrics = found.facts.get("metrics")
    return metrics if found.kind == DEFINITIONS and isinstance(metrics, dict) else {}


def _differing(held: Sequence[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for metrics in held for name in metrics)
    return [name for name in names if _several([metrics[name] for metrics in held if name in metrics])]


def _several(definitions: Sequence[Any]) -> bool:
    return any(definition != definitions[0] for definition in definitions[1:])
