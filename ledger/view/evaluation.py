"""What `ledger evaluate` shows: the metrics of a run's predictions, over all rows and by the values of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.format.goals import known_goal
from ledger.format.names import parse_key
from ledger.view import numbers
from ledger.view.charts import chart_key
from ledger.view.labels import coverage_line
from ledger.view.rows import Cell, clean, markdown_table, paint, render_table
from ledger.view.text import metric_heading


def render_evaluation(found: Any, *, color: bool = False, width: int | None = None) -> str:
    """Write a `Reevaluation`: what it is of, a row per metric, and why values are undefined."""
    headings, rows = _cells(found)
    align = "L" + "." * (len(headings) - 1)
    table = render_table(headings, rows, align=align, color=color, width=width)
    reasons = [paint(clean(reason), "dim", color) + "\n" for reason in _reasons(found)]
    labels = "" if found.labels is None else coverage_line(found.labels) + "\n"
    return paint(clean(_title(found)), "bold", color) + "\n" + labels + "\n" + table + "".join(reasons)


def evaluation_markdown(found: Any) -> str:
    """Write the same as a Markdown table."""
    headings, rows = _cells(found)
    labels = "" if found.labels is None else coverage_line(found.labels) + "\n\n"
    return labels + markdown_table(headings, rows, "l" + "r" * (len(headings) - 1))


def evaluation_values(found: Any) -> tuple[list[str], list[list[Any]]]:
    """Return headings and raw values for CSV: a row per metric and slice, the rows it is of, why it is undefined."""
    headings = ["metric", *(["slice"] if found.slice is not None else []), "rows", "value", "undefined"]
    rows: list[list[Any]] = []
    for label, evaluation, column in _columns(found):
        for (key, *_), value in zip(found.rows(), column, strict=True):
            where = [label] if found.slice is not None else []
            reason = getattr(value, "reason", None)
            rows.append([key, *where, evaluation.n, None if reason is not None else value, reason])
    return headings, rows


def _columns(found: Any) -> list[tuple[Any, Any, list[Any]]]:
    """Return a label, the evaluation and its values, of all rows (without a label) and of each part."""
    parts = [(_label(found.slice, part.value), part.evaluation) for part in found.parts]
    values = found.rows()
    every = [(None, found.whole), *parts]
    return [(label, evaluation, [row[i] for row in values]) for i, (label, evaluation) in enumerate(every, start=1)]


def _title(found: Any) -> str:
    place = chart_key(found.split or "no split", found.context)
    step = "" if found.step is None else f", step {found.step}"
    whole = found.whole
    rule = next((d["threshold"] for d in whole.definitions.values() if "threshold" in d), None)
    count = numbers.plural(whole.n, "row") + (f", {whole.pending} pending" if whole.pending else "")
    threshold = "" if rule is None else f", threshold {numbers.number(rule)}"
    plain = whole.labels in ((0, 1), (-1, 1))  # (False, True) is the first of them
    positive = f", positive: {whole.labels[-1]}" if whole.kind == "binary" and not plain else ""
    return f"{found.name} ({found.run}): {place}{step}, {whole.kind}{positive}{threshold}, {count}"


def _cells(found: Any) -> tuple[list[str], list[list[Cell | str]]]:
    headings = list(found.headings)
    rows: list[list[Cell | str]] = []
    if found.parts:
        headings = ["metric", "all", *(_label(found.slice, part.value) for part in found.parts)]
        rows.append(["rows", *(str(e.n) for e in (found.whole, *(part.evaluation for part in found.parts)))])
    for key, *values in found.rows():
        label = metric_heading(key, known_goal(parse_key(key)[0]))
        rows.append([label, *(Cell(text) for text in numbers.column(values))])
    return headings, rows


def _label(slice: str, value: Any) -> str:
    return f"no {slice}" if value is None else f"{slice}={value}"


def _reasons(found: Any) -> list[str]:
    lines = []
    keys: Sequence[str] = [row[0] for row in found.rows()]
    for label, _, column in _columns(found):
        where = "" if label is None else f" of {label}"
        reasons: dict[str, list[str]] = {}
        for key, value in zip(keys, column, strict=True):
            if hasattr(value, "reason"):
                reasons.setdefault(value.reason, []).append(key)
        lines += [f"undefined{where}: {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return lines
