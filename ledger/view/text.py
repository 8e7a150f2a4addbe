"""What the terminal shows for `ls`, `show` and `charts`: values in, one text ending in LF out.

Each function decides rows, digits, marks and order; `rows.py` lays them out. Colour never says anything that a sign or
a word does not say too. Nothing here reads a file, a clock or the terminal.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.table.columns import flatten, metric_order
from ledger.view import numbers
from ledger.view.charts import render_charts, render_predictions
from ledger.view.rows import (
    Cell,
    clean,
    display_width,
    format_value,
    format_values,
    paint,
    render_facts,
    render_table,
)

__all__ = [
    "Cell",
    "clean",
    "display_width",
    "render_run",
    "render_runs",
    "render_table",
]

_STATUS = {"running": "bold", "failed": "worse", "interrupted": "warn", "open": "warn"}
_METRIC_ALIGN = {"metric": "L", "last": ".", "best": ".", "min": ".", "max": ".", "mean": "."}


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


def render_run(state: Any, schema: Any = None, *, color: bool = False, width: int | None = None) -> str:
    """Write `ledger show`: what is said of the run, its params, metrics, charts, predictions and notices."""
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
    if state.predictions:
        sections.append(render_predictions(state.predictions, color=color, width=width))
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
        last = s.last if s.undefined is None else numbers.Undefined(s.undefined)
        values = numbers.column([last, best, s.min, s.max, s.mean])
        texts = dict(zip(("last", "best", "min", "max", "mean"), values, strict=True))
        texts["metric"] = metric_heading(key, goal, None if schema is None else schema.metric(key).unit)
        texts |= {"step": numbers.number(s.last_step), "at": numbers.number(at)}
        texts |= {"count": str(s.count), "nan": str(s.nan) if s.nan else "-"}
        rows.append([Cell(texts[h], "best" if h == "best" and best is not None else None) for h in headings])
    align = "".join(_METRIC_ALIGN.get(h, "r") for h in headings)
    return render_table(headings, rows, align=align, color=color, width=width)
