"""Runs side by side, for the terminal and as Markdown: one text ending in LF.

Digits are chosen per metric, over all runs, never per run over metrics of other kinds. Both forms are made of the same
cells; `rows.py` lays them out.
"""

from collections.abc import Sequence
from typing import Any

from ledger.format.charts import DEFINITIONS
from ledger.view import numbers
from ledger.view.charts import evaluation_label, folded, in_order, with_names
from ledger.view.rows import Cell, clean, display_width, format_value, markdown_table, paint, render_table, shorten
from ledger.view.text import metric_heading

_ACROSS_MOST = 8  # runs that stand side by side


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
    sections += [body] if body else []
    sections += _chart_tables(comparison.charts, ids, names, color, width)
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


def _chart_tables(charts: Sequence[Any], ids: list[str], names: list[str], color: bool, width: int | None) -> list[str]:
    """Say which runs have a chart, and whether their pictures are the same; a row for those of one evaluation."""
    where = folded(row.name for row in charts)
    single = [[row.name, _pictures([row]), _holders(row.runs, ids, names)] for row in charts if row.name not in where]
    found: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
    by_name = {row.name: row for row in charts}
    for key, part in where.items():
        if part.name.partition("/")[0] != DEFINITIONS:
            found.setdefault((part.prefix, tuple(by_name[key].runs)), []).append(by_name[key])
    rows = [
        [
            evaluation_label(prefix, [where[row.name].context for row in held]),
            _pictures(held),
            _holders(list(runs), ids, names),
        ]
        for (prefix, runs), held in found.items()
    ]
    texts = []
    if single:
        texts.append(render_table(["chart", "pictures", "runs"], single, align="LL", color=color, width=width))
    if rows:
        headings = ["evaluation", "pictures", "runs"]
        listed = [in_order(where[row.name].name for row in held) for held in found.values()]
        texts.append(with_names(headings, rows, listed, "LLl", color, width))
    return texts


def _holders(runs: Sequence[str], ids: list[str], names: list[str]) -> str:
    held = [name for name, run in zip(names, ids, strict=True) if run in runs]
    return "all" if len(held) == len(ids) else ", ".join(held)


def _pictures(rows: Sequence[Any]) -> str:
    """Say whether those who have some charts, the same runs each of them, have equal ones."""
    if len(rows[0].runs) < 2:
        return "-"
    differing = sum(not row.equal for row in rows)
    return "equal" if not differing else "differ" if differing == len(rows) else f"{differing} of {len(rows)} differ"
