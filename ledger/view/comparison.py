"""Runs side by side and what differs between two, for the terminal and as Markdown: one text ending in LF.

Digits are chosen per metric, over all runs, never per run over metrics of other kinds. Both forms are made of the same
cells; `rows.py` lays them out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.view import numbers
from ledger.view.rows import Cell, clean, display_width, format_value, markdown_table, paint, render_table, shorten
from ledger.view.text import metric_heading

_VERDICTS = {"better": "✓ better", "worse": "✗ worse", "same": "same", "unknown": "? unknown"}
_VERDICT_STYLES = {"better": "better", "worse": "worse", "same": "dim", "unknown": "warn"}
_DIFF_HEADINGS = ["metric", "old", "new", "diff", "verdict"]
_ACROSS_MOST = 8  # runs that stand side by side
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def run_headings(runs: Sequence[Any], limit: int | None = None) -> list[str]:
    """Return a heading per run: its name, and where names repeat as much of the id's random end as tells them apart.

    Names wider than `limit` columns lose their middle; where two would then read alike, they are the first eight
    digits of that end instead. Two runs never have the same heading.
    """
    names = [clean(_name(run)) for run in runs]
    ids = list(dict.fromkeys(str(run.id) for run in runs))
    end = {id: id.rpartition("-")[2] for id in ids}
    length = 4
    while length < 12 and len({e[:length] for e in end.values()}) < len(ids):
        length += 1
    headings = []
    for run, name in zip(runs, names, strict=True):
        tail = f" {end[str(run.id)][:length]}" if names.count(name) > 1 else ""
        fits = limit is None or display_width(name + tail) <= limit
        headings.append((name if fits or limit is None else shorten(name, limit - len(tail))) + tail)
    digits = [end[str(run.id)][: max(8, length)] for run in runs]
    alike = [len({str(r.id) for r, other in zip(runs, headings, strict=True) if other == h}) > 1 for h in headings]
    headings = [d if same else h for d, h, same in zip(digits, headings, alike, strict=True)]
    return headings if len(set(headings)) >= len(ids) else [str(run.id) for run in runs]


def _name(run: Any) -> str:
    """Return what a run is called, the revision before it that its id may have."""
    return "".join(str(run.id).rpartition(":")[:2]) + str(run.name)


def render_comparison(
    comparison: Any, *, all_params: bool = False, color: bool = False, width: int | None = None
) -> str:
    """Write `ledger compare`: metrics, then the params that differ (`all_params`: all), then the charts.

    Runs stand side by side; more than eight of them, or too many for `width`, stand below each other. Where a heading
    is not the run's whole name, a table before the others says which run it is.
    """
    runs, ids = list(comparison.runs), [run.id for run in comparison.runs]
    labels = [_metric_label(row) for row in comparison.metrics]
    names = run_headings(runs)
    if width is not None and len(runs) > _ACROSS_MOST:
        names = run_headings(runs, max(10, width // 3))
    elif width is not None:
        room = width - max(map(display_width, labels), default=12) - 2 * len(runs)
        if sum(max(10, display_width(name)) for name in names) > room:
            names = run_headings(runs, max(10, room // len(runs)))
    sections = []
    whole = [_name(run) for run in runs]
    pairs = [[n, i if whole.count(w) > 1 else w] for n, i, w in zip(names, ids, whole, strict=True) if n != clean(w)]
    if pairs:
        sections.append(render_table(["run", "in full"], pairs, align="LL", color=color, width=width))
    metrics, reasons = _metric_cells(comparison.metrics, ids, names)
    if metrics:
        body = _facing("metric", labels, names, metrics, ".", color, width)
        sections.append(body + "".join(paint(reason, "dim", color) + "\n" for reason in reasons))
    shown = [row for row in comparison.params if all_params or _differs(row, ids)]
    equal = len(comparison.params) - len(shown)
    cells = [[Cell(_param(row, run) or "-") for run in ids] for row in shown]
    body = _facing("param", [row.name for row in shown], names, cells, "h", color, width) if shown else ""
    if equal:
        body += paint(f"({numbers.plural(equal, 'param')} equal)", "dim", color) + "\n"
    charts = [_chart_row(row, ids, names) for row in comparison.charts]
    sections += [body] if body else []
    if charts:
        sections.append(render_table(["chart", "pictures", "runs"], charts, align="LL", color=color, width=width))
    return "\n".join(sections) if sections else "nothing to compare: no metrics, params or charts\n"


def comparison_markdown(comparison: Any) -> str:
    """Write the metrics of `ledger compare` as a Markdown table: the cells of the terminal, the best ones bold."""
    names = run_headings(comparison.runs)
    cells, _ = _metric_cells(comparison.metrics, [run.id for run in comparison.runs], names)
    rows: list[list[Cell | str]] = [
        [_metric_label(row), *texts] for row, texts in zip(comparison.metrics, cells, strict=True)
    ]
    return markdown_table(["metric", *names], rows, "l" + "r" * len(names))


def _metric_label(row: Any) -> str:
    return metric_heading(row.name, row.goal, getattr(row, "unit", None))


def _facing(
    corner: str, labels: list[str], names: list[str], cells: list[list[Cell]], kind: str, color: bool, width: int | None
) -> str:
    """Lay out cells[label][run] with the runs side by side, or below each other where that reads better."""
    rows: list[list[Cell | str]] = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    upright = render_table([corner, *names], rows, align="L" + kind * len(names), color=color, width=width)
    if len(names) <= _ACROSS_MOST and upright.count("\n") == len(labels) + 2:
        return upright
    rows = [[name, *(row[i] for row in cells)] for i, name in enumerate(names)]
    across = render_table(["run", *labels], rows, align="L" + kind * len(labels), color=color, width=width)
    return across if len(names) > _ACROSS_MOST or across.count("\n") <= upright.count("\n") else upright


def _metric_cells(metrics: Sequence[Any], ids: list[str], names: list[str]) -> tuple[list[list[Cell]], list[str]]:
    """Return the cells per metric, its digits chosen over all runs, and a line per undefined value."""
    cells: list[list[Cell]] = []
    reasons: list[str] = []
    for row in metrics:
        raw = [row.values.get(run) for run in ids]
        best = set(row.best or ()) if len({v for v in raw if numbers.is_number(v)}) > 1 else set()
        texts = zip(numbers.column(raw), ids, strict=True)
        cells.append([Cell(text, "best" if run in best else None) for text, run in texts])
        undefined = [(name, v.reason) for name, v in zip(names, raw, strict=True) if hasattr(v, "reason")]
        reasons.extend(clean(f"{row.name} of {name} is undefined: {reason}") for name, reason in undefined)
    return cells, reasons


def _param(row: Any, run: str) -> str | None:
    return format_value(row.values[run]) if run in row.values else None


def _differs(row: Any, ids: list[str]) -> bool:
    return len({_param(row, run) for run in ids}) > 1


def _chart_row(row: Any, ids: list[str], names: list[str]) -> list[str]:
    """Say which runs have a chart, and whether their pictures are the same."""
    holders = [name for name, run in zip(names, ids, strict=True) if run in row.runs]
    pictures = "-" if len(holders) < 2 else "equal" if row.equal else "differ"
    return [row.name, pictures, "all" if len(holders) == len(ids) else ", ".join(holders)]


def render_diff(
    diff: Mapping[str, Any],
    goals: Mapping[str, str | None] | None = None,
    *,
    show_all: bool = False,
    color: bool = False,
    width: int | None = None,
) -> str:
    """Write `ledger diff A B` of two runs from the document of `table.diff`; `goals` adds arrows to metric names.

    What changed comes first; equal metrics and charts are counted in a last line unless `show_all`.
    """
    runs = [[word, diff[key]["name"], diff[key]["id"]] for word, key in (("old", "a"), ("new", "b"))]
    sections = [render_table(["", "run", "id"], runs, align="LlL", color=color, width=width)]
    rows = _diff_rows(diff, goals, show_all)
    if rows:
        sections.append(render_table(_DIFF_HEADINGS, rows, align="L...L", color=color, width=width))
    for title, noun, write in (("params", "param", format_value), ("versions", "package", str)):
        changes = sorted((diff.get(title) or {}).items())
        pairs = [[key, *(write(row[k]) if k in row else "-" for k in ("old", "new"))] for key, row in changes]
        if pairs:
            sections.append(render_table([noun, "old", "new"], pairs, align="L", color=color, width=width))
    code, charts = diff.get("code") or {}, diff.get("charts") or {}
    if code.get("old") != code.get("new"):
        sides = [[word, str(code.get(word) or "-")[:12]] for word in ("old", "new")]
        sections.append(render_table(["", "commit"], sides, color=color, width=width))
    words = ["added", "removed", "changed", *(["same"] if show_all else [])]
    changed = [[str(chart), word] for word in words for chart in charts.get(word) or ()]
    if changed:
        sections.append(render_table(["chart", "change"], changed, align="L", color=color, width=width))
    counts = (
        (len(diff.get("metrics") or ()) - len(rows), "metric"),
        (0 if show_all else len(charts.get("same") or ()), "chart"),
    )
    same = [numbers.plural(count, noun) for count, noun in counts if count]
    if same:
        sections.append(paint(f"({' and '.join(same)} the same)", "dim", color) + "\n")
    return "\n".join(sections)


def diff_markdown(diff: Mapping[str, Any], goals: Mapping[str, str | None] | None = None) -> str:
    """Write the metrics of `ledger diff A B`, equal ones too, as a Markdown table: the cells of the terminal."""
    return markdown_table(_DIFF_HEADINGS, _diff_rows(diff, goals, True), "lrrrl")


def _diff_rows(
    diff: Mapping[str, Any], goals: Mapping[str, str | None] | None, show_all: bool
) -> list[list[Cell | str]]:
    """Return the cells of the metrics, what became worse first; without `show_all` those that are not the same."""
    order = {verdict: i for i, verdict in enumerate(("worse", "better", "unknown", "same"))}
    metrics = sorted(diff.get("metrics", {}).items(), key=lambda item: (order.get(item[1]["verdict"], 2), item[0]))
    return [
        _diff_row(metric_heading(key, (goals or {}).get(key)), row)
        for key, row in metrics
        if show_all or row["verdict"] != "same"
    ]


def _diff_row(name: str, row: Mapping[str, Any]) -> list[Cell | str]:
    old, new, diff = (
        numbers.Undefined(row[f"{key}_undefined"]) if f"{key}_undefined" in row else _number(row.get(key))
        for key in ("old", "new", "diff")
    )
    verdict = str(row["verdict"])
    style = _VERDICT_STYLES.get(verdict)
    texts = numbers.difference(old, new, diff)
    return [name, texts[0], texts[1], Cell(texts[2], style), Cell(_VERDICTS.get(verdict, verdict), style)]


def _number(value: Any) -> Any:
    """Return a number of a document; one that was encoded has texts for what is not finite."""
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
