"""The list of runs as a table: which columns, and the value of each in each run; for `ls` and `Ledger.runs`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import warn
from ledger.format.ids import rfc3339
from ledger.format.values import Undefined
from ledger.schema import Schema
from ledger.store.state import RunState
from ledger.table import columns
from ledger.table.columns import Column

if TYPE_CHECKING:
    import pandas as pd

METRICS_MAX = 8  # metrics that a list shows unasked
PARAMS_MAX = 3  # and params


class Overview(NamedTuple):
    """Runs, the columns shown of them, a row of raw values a run, and the goal of each column."""

    states: list[RunState]
    columns: list[Column]
    rows: list[list[Any]]
    goals: list[str | None]

    def plain_rows(self) -> list[list[Any]]:
        """Return the rows for a file: times as RFC 3339 text, tags joined; undefined values stay Undefined."""
        return [[_plain(column, value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]


def overview(states: Sequence[RunState], specs: Sequence[str], schema: Schema) -> Overview:
    """Return the columns asked for, or those that a list shows unasked; raises InvalidFilter for an unknown one."""
    chosen = [columns.parse(spec) for spec in specs] if specs else default_columns(states, schema)
    columns.check(chosen, states, schema)
    rows = [[columns.value(column, state, schema) for column in chosen] for state in states]
    return Overview(list(states), chosen, rows, [_goal(column, schema) for column in chosen])


def default_columns(states: Sequence[RunState], schema: Schema) -> list[Column]:
    """Return id, name, status, created, then tags if any, the params that differ, and the metrics most runs have.

    The heading of a param is its name alone unless a field or a metric is called so; `text` can always be typed back.
    """
    specs = ["id", "name", "status", "created"]
    if any(state.tags for state in states):
        specs.append("tag")
    counts = _counts(states, schema)
    common = sorted(counts, key=lambda key: (-counts[key], _split_rank(key), columns.metric_order(key)))[:METRICS_MAX]
    chosen = [columns.parse(spec) for spec in specs]
    taken = {*columns.FIELDS, "tag", "tags", *counts}
    for name in _differing(states):
        text = f"params.{name}"
        chosen.append(Column("param", name, None, text if name in taken else name, text))
    for key in sorted(common, key=columns.metric_order):
        text = columns.spelled(key)
        chosen.append(Column("metric", key, "last", text, text))
    return chosen


def _counts(states: Sequence[RunState], schema: Schema) -> dict[str, int]:
    """Return how many runs have each metric; aliases are joined under the canonical name unless a run has two."""
    counts: dict[str, int] = {}
    for state in states:
        for key in state.metrics:
            if "{" not in key:
                counts[key] = counts.get(key, 0) + 1
    spellings: dict[str, list[str]] = {}
    for key in counts:
        spellings.setdefault(schema.canonical(key), []).append(key)
    for name, keys in spellings.items():
        if len(keys) > 1 and all(sum(key in state.metrics for key in keys) < 2 for state in states):
            counts[name] = sum(counts.pop(key) for key in keys)
    return counts


def _differing(states: Sequence[RunState]) -> list[str]:
    """Return the first few params that most runs have and that are not the same in all of these."""
    flat = [columns.flatten(state.params) for state in states]
    known: dict[str, list[Any]] = {}
    for params in flat:
        for name, value in params.items():
            known.setdefault(name, []).append(value)
    common = [
        name
        for name, found in known.items()
        if 2 * len(found) > len(states) and any(not columns.same(found[0], other) for other in found[1:])
    ]
    return sorted(common, key=columns.natural)[:PARAMS_MAX]


def _split_rank(key: str) -> int:
    """Rank metrics of a held-out split first: they are what runs are compared by."""
    first = key.partition("/")[0]
    return {"test": 0, "val": 1, "valid": 1, "validation": 1}.get(first, 2)


def _goal(column: Column, schema: Schema) -> str | None:
    if column.kind != "metric" or column.statistic in ("count", "nan"):
        return None
    return schema.metric(column.name).goal


def frame(states: Sequence[RunState], specs: Sequence[str], schema: Schema) -> "pd.DataFrame":
    """Return the runs as a DataFrame, a row each; without `specs` every param and every metric has a column."""
    import pandas as pd

    for state in states:
        for notice in state.notices:
            warn(f"run {state.id}: {notice}")
    if specs:
        found = overview(states, specs, schema)
        return pd.DataFrame(
            {column.heading: [_cell(column, row[i]) for row in found.rows] for i, column in enumerate(found.columns)}
        )
    data: dict[str, list[Any]] = {
        "id": [state.id for state in states],
        "name": [state.name for state in states],
        "status": [state.status for state in states],
        "created": [_time(state.created) for state in states],
        "finished": [_time(state.finished) for state in states],
        "group": [state.group for state in states],
        "tags": [state.tags for state in states],
    }
    flat = [columns.flatten(state.params) for state in states]
    for name in sorted({name for params in flat for name in params}, key=columns.natural):
        data[f"params.{name}"] = [params.get(name) for params in flat]
    for key in sorted({key for state in states for key in state.metrics}, key=columns.metric_order):
        found_metrics = [state.metrics.get(key) for state in states]
        data[key] = [float("nan") if s is None or s.last is None else s.last for s in found_metrics]
    return pd.DataFrame(data)


def _plain(column: Column, value: Any) -> Any:
    if value is not None and column.kind == "field" and columns.FIELDS.get(column.name) == "time":
        return rfc3339(value)
    return " ".join(value) if column.kind == "tag" else value


def _cell(column: Column, value: Any) -> Any:
    if isinstance(value, Undefined):
        return None
    return _time(value) if columns.FIELDS.get(column.name) == "time" and column.kind == "field" else value


def _time(us: int | None) -> Any:
    import pandas as pd

    return pd.NaT if us is None else pd.Timestamp(us, unit="us", tz="UTC")
