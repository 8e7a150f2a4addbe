"""The order in which runs stand side by side: by a column of `ls`, or by how well they generalize."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ledger.store.state import RunState
from ledger.table import columns
from ledger.table import compare as side_by_side
from ledger.table.compare import Comparison, MetricRow
from ledger.table.generalization import indexes

if TYPE_CHECKING:
    from ledger.schema import Schema

INDEX = "generalization"


def compare(states: Sequence[RunState], schema: "Schema", sort: str | None, **options: Any) -> Comparison:
    """Put runs side by side as `compare.compare` does, sorted; `-` in front of the column means descending.

    `generalization` or `generalization:METRIC` puts the least index first, runs without one last, and adds the rows
    `generalization` and, where folds tell its uncertainty, `generalization ± 95 %`. Raises InvalidFilter for an
    unknown column, NoSuchMetric where no run has an index.
    """
    word = (sort or "").strip()
    name, _, metric = word.removeprefix("-").partition(":")
    if not word:
        return side_by_side.compare(states, schema, **options)
    if name != INDEX:
        return side_by_side.compare(columns.sort(states, [word], schema), schema, **options)
    _, found = indexes(states, schema, metric.strip() or None)
    known = [state for state in states if state.id in found and found[state.id].value == found[state.id].value]
    known.sort(key=lambda state: found[state.id].value, reverse=word.startswith("-"))
    ids = {state.id for state in known}
    comparison = side_by_side.compare([*known, *(s for s in states if s.id not in ids)], schema, **options)
    values = {run.id: found[run.id].value for run in comparison.runs if run.id in found}
    least = min((value for value in values.values() if value == value), default=None)
    best = [id for id, value in values.items() if value == least] if len(known) > 1 else []
    rows = [_row(INDEX, "minimize", values, best)]
    halves = {id: half for id in values if (half := found[id].half_width) is not None}
    rows += [_row(f"{INDEX} ± 95 %", None, halves, [])] if halves else []
    comparison.metrics[:0] = rows
    return comparison


def _row(name: str, goal: str | None, values: dict[str, float], best: list[str]) -> MetricRow:
    return MetricRow(name, goal, None, dict(values), dict.fromkeys(values), best)
