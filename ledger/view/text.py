"""What the terminal shows for `ls`, `show`, `compare`, `diff` and `charts`: values in, one text ending in LF out.

Each function decides rows, digits, marks and order; `rows.py` lays them out. Colour never says anything that a sign or
a word does not say too. Nothing here reads a file, a clock or the terminal.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.table.columns import flatten, metric_order
from ledger.view import numbers
from ledger.view.document import read_context
from ledger.view.rows import (
    Cell,
    clean,
    display_width,
    format_value,
    format_values,
    paint,
    render_facts,
    render_table,
    shorten,
)

__all__ = [
    "Cell",
    "clean",
    "display_width",
    "render_charts",
    "render_comparison",
    "render_diff",
    "render_run",
    "render_runs",
    "render_table",
]

_STATUS = {"running": "bold", "failed": "worse", "interrupted": "warn", "open": "warn"}
_VERDICTS = {"better": "✓ better", "worse": "✗ worse", "same": "same", "unknown": "? unknown"}
_VERDICT_STYLES = {"better": "better", "worse": "worse", "same": "dim", "unknown": "warn"}
_METRIC_ALIGN = {"metric": "L", "last": ".", "best": ".", "min": ".", "max": ".", "mean": "."}
_ACROSS_MOST = 8  # runs that stand side by side
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def metric_heading(name: str, goal: str | None, unit: str | None = None) -> str:
    """Return a metric's name with its unit and the arrow of its goal: `latency (ms) ↓`."""
    arrow = {"maximize": " ↑", "minimize": " ↓"}.get(goal or "", "")
    return f"{name} ({unit}){arrow}" if unit else f"{name}{arrow}"


def render_runs(
    states: Sequence[Any],
    columns: Sequence[Any],
    values: Sequence[Sequence[Any]],
    schema: Any = None,
    *,
    goals: Sequence[str | None] | None = None,
    color: bool = False,
    width: int | None = None,
) -> str:
    """Write the table of `ledger ls`: a row of raw values per run.

    A column is a text, or an object with `heading` (and `kind`, `name`, `statistic` as `table.columns` has them).
    The fields created and finished are microseconds since 1970, duration is in seconds. `goals` has `maximize`,
    `minimize` or None per column; without it the goals of metric columns come from `schema`. Where runs differ, the
    best value is marked. `states` are not read: the caller took `values` from them.
    """
    if goals is None:
        goals = [_column_goal(column, schema) for column in columns]
    headings = [metric_heading(str(getattr(c, "heading", c)), g) for c, g in zip(columns, goals, strict=True)]
    cells, align = [], ""
    for i, goal in enumerate(goals):
        raw = [row[i] for row in values]
        field = _field(columns[i])
        if getattr(columns[i], "kind", None) == "param":  # settings, not measurements: exact, as they were given
            texts = ["-" if v is None else format_value(v) for v in raw]
            kind = "." if all(v is None or numbers.is_number(v) for v in raw) else "l"
        else:
            texts, kind = _field_texts(field, raw, short=width is not None)
        best = _best(raw, goal)
        styles = _STATUS if field == "status" else {}
        cells.append([Cell(t, "best" if r in best else styles.get(t)) for r, t in enumerate(texts)])
        align += kind
    rows = [[column[r] for column in cells] for r in range(len(values))]
    return render_table(headings, rows, align=align, color=color, width=width)


def _field(column: Any) -> str | None:
    """Return the name of the run's field that a column shows, None for metrics and params."""
    if isinstance(column, str):
        return column
    return column.name if getattr(column, "kind", "field") == "field" else None


def _column_goal(column: Any, schema: Any) -> str | None:
    kind, statistic = getattr(column, "kind", None), getattr(column, "statistic", None)
    if kind != "metric" or statistic in ("count", "nan", "worst"):
        return None
    return _goal(schema, column.name)


def _goal(schema: Any, metric: str) -> str | None:
    return None if schema is None else schema.metric(metric).goal


def _field_texts(field: str | None, raw: Sequence[Any], *, short: bool) -> tuple[list[str], str]:
    if field == "id" and short:  # for a person, the digits that tell runs apart suffice; they are a selector too
        return [str(v).rpartition("-")[2][:8] for v in raw], "L"
    if field in ("created", "finished") and all(v is None or isinstance(v, int) for v in raw):
        return [numbers.when(v) for v in raw], "L"
    if field == "duration" and all(v is None or numbers.is_number(v) for v in raw):
        return [numbers.duration(v) for v in raw], "r"
    texts, kind = format_values(raw)
    return texts, "L" if field in ("id", "status", "commit") else kind


def _best(raw: Sequence[Any], goal: str | None) -> set[int]:
    """Return the places of the best value by the goal; none where the values that are there do not differ."""
    known = [v for v in raw if numbers.is_number(v) and v == v]
    if goal not in ("maximize", "minimize") or len(set(known)) < 2:
        return set()
    top = max(known) if goal == "maximize" else min(known)
    return {i for i, v in enumerate(raw) if numbers.is_number(v) and v == top}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def run_headings(runs: Sequence[Any], limit: int | None = None) -> list[str]:
    """Return a heading per run: its name, and where names repeat as much of the id's random end as tells them apart.

    Names wider than `limit` columns lose their middle, unless two would then read alike.
    """
    names = [clean(str(run.name)) for run in runs]
    shorter = names if limit is None else [shorten(name, limit) for name in names]
    names = shorter if len(set(shorter)) == len(set(names)) else names
    ends = [str(run.id).rpartition("-")[2] for run in runs]
    length = 4
    while length < 12 and len({end[:length] for end in ends}) < len(set(ends)):
        length += 1
    return [f"{name} {end[:length]}" if names.count(name) > 1 else name for name, end in zip(names, ends, strict=True)]


def render_comparison(
    comparison: Any, *, all_params: bool = False, color: bool = False, width: int | None = None
) -> str:
    """Write `ledger compare`: metrics, then the params that differ (`all_params`: all), then the charts.

    Runs stand side by side; more than eight of them, or too many for `width`, stand below each other. Where a heading
    is not the run's whole name, a table before the others says which run it is.
    """
    runs, ids = list(comparison.runs), [run.id for run in comparison.runs]
    labels = [metric_heading(row.name, row.goal, getattr(row, "unit", None)) for row in comparison.metrics]
    names = run_headings(runs)
    room = 0 if width is None else width - max(map(display_width, labels), default=12) - 2 * len(runs)
    if width is not None and len(runs) <= _ACROSS_MOST and sum(max(10, display_width(name)) for name in names) > room:
        names = run_headings(runs, max(10, room // len(runs)))
    sections = []
    whole = [str(run.name) for run in runs]
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
    body = _facing("param", [row.name for row in shown], names, cells, "l", color, width) if shown else ""
    if equal:
        body += paint(f"({_plural(equal, 'param')} equal)", "dim", color) + "\n"
    charts = [_chart_row(row, ids, names) for row in comparison.charts]
    sections += [body] if body else []
    if charts:
        sections.append(render_table(["chart", "pictures", "runs"], charts, align="LL", color=color, width=width))
    return "\n".join(sections) if sections else "nothing to compare: no metrics, params or charts\n"


def _facing(
    corner: str, labels: list[str], names: list[str], cells: list[list[Cell]], kind: str, color: bool, width: int | None
) -> str:
    """Lay out cells[label][run] with the runs side by side, or below each other where that reads better."""
    rows: list[list[Cell | str]] = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    upright = render_table([corner, *names], rows, align="L" + kind * len(names), color=color, width=width)
    if len(names) <= _ACROSS_MOST and upright.count("\n") == len(labels) + 2:
        return upright
    rows = [[name, *(row[i] for row in cells)] for i, name in enumerate(names)]
    across = render_table(["run", *labels], rows, align="l" + kind * len(labels), color=color, width=width)
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


def render_run(state: Any, schema: Any = None, *, color: bool = False, width: int | None = None) -> str:
    """Write `ledger show`: what is said of the run, its params, metrics, charts and notices."""
    sections = [render_facts(_header(state), color=color)]
    params = [(name, format_value(value)) for name, value in flatten(state.params).items()]
    if params:
        sections.append(paint("params", "bold", color) + "\n" + render_facts(params, color=color))
    if state.metrics:
        undefined = [(key, s.undefined) for key, s in state.metrics.items() if s.undefined is not None]
        reasons = [
            paint(clean(f"{key} is undefined: {reason}"), "dim", color) + "\n" for key, reason in sorted(undefined)
        ]
        sections.append(_metric_table(state.metrics, schema, color, width) + "".join(reasons))
    if state.charts:
        sections.append(render_charts(state.charts, color=color, width=width))
    notices = [*state.notices, *(f"set to different values at once: {key}" for key in state.conflicts)]
    if notices:
        sections.append("".join(paint(f"! {clean(notice)}", "warn", color) + "\n" for notice in notices))
    return "\n".join(sections)


def _header(state: Any) -> list[tuple[str, Any]]:
    git, program = state.git or {}, state.program or {}
    seconds = None if state.finished is None else (state.finished - state.created) / 1e6
    status = [state.status, f"exit status {state.exit_status}" if state.exit_status else None, state.error]
    status += [f"attempt {state.attempts}" if state.attempts > 1 else None, "retracted" if state.retracted else None]
    facts = [
        ("run", Cell(state.name, "bold")),
        ("id", state.id),
        ("status", Cell(", ".join(part for part in status if part), _STATUS.get(state.status))),
        ("created", f"{numbers.when(state.created)} UTC" + (f" by {state.author}" if state.author else "")),
        ("duration", None if seconds is None else numbers.duration(seconds)),
        ("group", state.group),
        ("parent", state.parent),
        ("seed", None if state.seed is None else str(state.seed)),
        ("tags", ", ".join(state.tags)),
        ("note", state.note),
        ("commit", _code(git)),
        ("command", _command(program.get("argv"))),
    ]
    return [(name, value) for name, value in facts if value]


def _code(git: Mapping[str, Any]) -> str | None:
    """Write where the code stood: `3f2a91c0d4e5 on main, with local changes`."""
    if not git.get("commit"):
        return None
    text = str(git["commit"])[:12] + (f" on {git['branch']}" if git.get("branch") else "")
    return text + (", with local changes" if git.get("dirty") else "")


def _command(argv: Any) -> str | None:
    """Write the arguments as one could type them again: those with a space or a sign of the shell in quotes."""
    if not argv:
        return None
    words = [str(word) for word in argv] if isinstance(argv, (list, tuple)) else [str(argv)]
    return shlex.join(words)


def _metric_table(metrics: Mapping[str, Any], schema: Any, color: bool, width: int | None) -> str:
    """Write a row per metric; columns that would say nothing (one value each, no goal, no NaN) are left out."""
    goals = {key: _goal(schema, key) for key in metrics}
    headings = ["metric", "last", "step"]
    if any(s.count > 1 for s in metrics.values()):
        headings += ["best", "at"] if any(goals.values()) else []
        headings += ["min", "max", "mean", "count"]
    if any(s.nan for s in metrics.values()):
        headings.append("nan")
    rows: list[list[Cell | str]] = []
    for key in sorted(metrics, key=metric_order):
        s, goal = metrics[key], goals[key]
        best = {"maximize": s.max, "minimize": s.min}.get(goal or "")
        at = {"maximize": s.max_step, "minimize": s.min_step}.get(goal or "")
        last = s.last if s.undefined is None else _Undefined(s.undefined)
        values = numbers.column([last, best, s.min, s.max, s.mean])
        texts = dict(zip(("last", "best", "min", "max", "mean"), values, strict=True))
        texts["metric"] = metric_heading(key, goal, None if schema is None else schema.metric(key).unit)
        texts |= {"step": numbers.number(s.last_step), "at": numbers.number(at)}
        texts |= {"count": str(s.count), "nan": str(s.nan) if s.nan else "-"}
        rows.append([Cell(texts[h], "best" if h == "best" and best is not None else None) for h in headings])
    align = "".join(_METRIC_ALIGN.get(h, "r") for h in headings)
    return render_table(headings, rows, align=align, color=color, width=width)


class _Undefined(NamedTuple):
    reason: str


def render_charts(charts: Sequence[Any], *, color: bool = False, width: int | None = None) -> str:
    """Write a row per chart name of `charts` (as in a run's state): its steps, media type, size in all, newest blob."""
    series: dict[tuple[str, str], list[Any]] = {}
    for chart in charts:
        series.setdefault((chart.name, chart.context or ""), []).append(chart)
    rows = []
    for (name, context), shown in sorted(series.items()):
        newest = max(shown, key=lambda c: (c.step is None, c.step or 0, c.time, c.blob))
        size = numbers.size(sum(c.bytes for c in shown))
        media = ", ".join(sorted({c.media_type for c in shown}))
        rows.append([chart_key(name, context), _steps([c.step for c in shown]), media, size, newest.blob[:12]])
    return render_table(["chart", "step", "media type", "size", "blob"], rows, align="LrlrL", color=color, width=width)


def chart_key(name: str, context: str | None) -> str:
    """Write a chart's name with its context: `confusion{fold=1}`."""
    found = read_context(context)
    if not isinstance(found, dict):
        return f"{name}{{{found}}}" if found else name
    return name + "{" + ",".join(f"{key}={format_value(value)}" for key, value in found.items()) + "}"


def _steps(steps: Sequence[int | None]) -> str:
    known = sorted(step for step in steps if step is not None)
    if not known:
        return "-"
    return str(known[0]) if len(known) == 1 else f"{known[0]}–{known[-1]} ({len(known)})"


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
    order = {verdict: i for i, verdict in enumerate(("worse", "better", "unknown", "same"))}
    metrics = sorted(diff.get("metrics", {}).items(), key=lambda item: (order.get(item[1]["verdict"], 2), item[0]))
    rows = [
        _diff_row(metric_heading(key, (goals or {}).get(key)), row)
        for key, row in metrics
        if show_all or row["verdict"] != "same"
    ]
    if rows:
        headings = ["metric", "old", "new", "diff", "verdict"]
        sections.append(render_table(headings, rows, align="L...L", color=color, width=width))
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
    counts = ((len(metrics) - len(rows), "metric"), (0 if show_all else len(charts.get("same") or ()), "chart"))
    same = [_plural(count, noun) for count, noun in counts if count]
    if same:
        sections.append(paint(f"({' and '.join(same)} the same)", "dim", color) + "\n")
    return "\n".join(sections)


def _diff_row(name: str, row: Mapping[str, Any]) -> list[Cell | str]:
    old, new, diff = (
        _Undefined(row[f"{key}_undefined"]) if f"{key}_undefined" in row else _number(row.get(key))
        for key in ("old", "new", "diff")
    )
    verdict = str(row["verdict"])
    style = _VERDICT_STYLES.get(verdict)
    texts = numbers.difference(old, new, diff)
    return [name, texts[0], texts[1], Cell(texts[2], style), Cell(_VERDICTS.get(verdict, verdict), style)]


def _number(value: Any) -> Any:
    """Return a number of a document; one that was encoded has texts for what is not finite."""
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
