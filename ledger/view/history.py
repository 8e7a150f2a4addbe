"""What `history` shows: every value of a cell, or a metric commit by commit with a plot.

Both are made from the documents of `table.history` and `table.evolution`; one text ending in LF.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.table.sources import brief
from ledger.view import numbers
from ledger.view.plot import plot
from ledger.view.rows import Cell, clean, markdown, markdown_table, paint, render_table
from ledger.view.sparklines import sparkline
from ledger.view.text import metric_heading

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_COMMIT_DIGITS = 8
_CHANGES = {"better": "✓ better", "worse": "✗ worse", "lost": "✗ lost", "unknown": "? unknown"}
_STYLES = {"better": "better", "worse": "worse", "lost": "worse", "unknown": "warn"}
_PLOT_MOST, _PLOT_PLAIN = 120, 80  # columns of a plot, and where the width is not known
CELL_HEADINGS = ["value", "step", "time", "author", "entry", "commit", "shown", "why", "by", "reason", "source"]
COMMIT_HEADINGS = ["commit", "time", "author", "value", "change", "run", "name", "runs", "new", "verdict", "subject"]


def render_cell(
    history: Mapping[str, Any], *, commits: bool, goal: str | None = None, color: bool = False, width: int | None = None
) -> str:
    """Write `ledger history RUN METRIC` from its document; `commits` says whether git knows which commit has what."""
    values = history["values"]
    steps = {value["step"] for value in values}
    title = f"{history['name']} ({history['run']}): {metric_heading(history['metric'], goal)}"
    if len(steps) == 1:
        step = next(iter(steps))
        title += ", without a step" if step is None else f", step {step}"
    lines = [paint(clean(title), "bold", color) + "\n"]
    if len(steps) > 1:
        shown = sorted((v for v in values if v["shown"]), key=lambda v: (v["step"] is None, v["step"] or 0))
        lines.append(f"{_curve([v['value'] for v in shown])}\n")
    headings, cells = _cell_rows(values, commits, several=len(steps) > 1)
    align = ".rl" if len(steps) > 1 else ".l"
    lines.append("\n" + render_table(headings, cells, align=align.ljust(len(headings), "l"), color=color, width=width))
    return "".join(lines)


def cell_markdown(history: Mapping[str, Any], *, commits: bool) -> str:
    """Write the same as Markdown: the cells of the terminal."""
    several = len({value["step"] for value in history["values"]}) > 1
    headings, cells = _cell_rows(history["values"], commits, several=several)
    title = markdown(f"{history['name']} ({history['run']}): {history['metric']}")
    return f"{title}\n\n" + markdown_table(headings, cells, ("rr" if several else "r").ljust(len(headings), "l"))


def cell_values(history: Any) -> list[list[Any]]:
    """Return the raw values of `CELL_HEADINGS` of a `CellHistory`, for CSV."""
    rows = []
    for value in history.values:
        hidden = value.not_shown
        why = (None, None, None) if hidden is None else (hidden.why, hidden.by or hidden.attempt, hidden.reason)
        row = [value.value, value.step, numbers.timestamp(value.time), value.author, value.entry, value.commit]
        rows.append([*row, hidden is None, why[0], why[1], value.reason or why[2], brief(value.source)])
    return rows


def _cell_rows(
    values: Sequence[Mapping[str, Any]], commits: bool, *, several: bool
) -> tuple[list[str], list[list[Cell | str]]]:
    texts = numbers.column([_shown(value, "value") for value in values])
    columns: list[tuple[str, list[Cell | str]]] = [
        ("value", [Cell(t, "bold" if v["shown"] else "dim") for t, v in zip(texts, values, strict=True)])
    ]
    if several:
        columns.append(("step", ["-" if value["step"] is None else str(value["step"]) for value in values]))
    columns.append(("time", [value["time"][:16].replace("T", " ") for value in values]))
    columns.append(("author", [_person(value["author"]) for value in values]))
    columns.append(("entry", [value["entry"] for value in values]))
    if commits or any("commit" in value for value in values):
        absent = "not committed" if commits else "-"
        columns.append(("commit", [value.get("commit", "")[:_COMMIT_DIGITS] or absent for value in values]))
    columns.append(("status", [Cell(_state(value), "bold" if value["shown"] else "dim") for value in values]))
    if any("reason" in value for value in values):
        columns.append(("reason", [value.get("reason", "-") for value in values]))
    if any("source" in value for value in values):
        columns.append(("source", [brief(value.get("source")) or "-" for value in values]))
    return [heading for heading, _ in columns], [[cells[i] for _, cells in columns] for i in range(len(values))]


def _state(value: Mapping[str, Any]) -> str:
    if value["shown"]:
        return "shown"
    hidden = value["not_shown"]
    if hidden["why"] == "replaced":
        return f"replaced by attempt {hidden['attempt']}"
    text = {"superseded": "superseded", "retracted": "retracted", "removed": "removed with its run"}[hidden["why"]]
    text += f" by {hidden['by']}" if "by" in hidden else ""
    text += f" ({_person(hidden['author'])})" if "author" in hidden else ""
    return text + (f": {hidden['reason']}" if "reason" in hidden else "")


def _person(author: str) -> str:
    """Return the name of an author, without the address."""
    return author.partition(" <")[0]


def render_commits(history: Mapping[str, Any], *, color: bool = False, width: int | None = None) -> str:
    """Write `ledger history METRIC` from its document: a plot, then a line a commit, the newest last."""
    commits, follow = history["commits"], history["follow"]
    values = [_number(commit[follow]) for commit in commits]
    marked = [commit.get("change") in ("worse", "lost") for commit in commits]
    sections = []
    if len(commits) > 1:
        title = f"{follow} {metric_heading(history['metric'], history['goal'])}"
        lines = plot(values, marked, width=min(width or _PLOT_PLAIN, _PLOT_MOST))
        sections.append("\n".join([paint(clean(title), "bold", color), *lines]) + "\n")
    headings, cells = _commit_rows(history)
    sections.append(render_table(headings, cells, align="LLl.ll.l", color=color, width=width))
    return "\n".join(sections)


def commits_markdown(history: Mapping[str, Any]) -> str:
    """Write the same as Markdown, the plot as one line of bars."""
    headings, cells = _commit_rows(history)
    curve = _curve([commit[history["follow"]] for commit in history["commits"]])
    title = markdown(f"{history['follow']} {metric_heading(history['metric'], history['goal'])}")
    return f"{title} `{curve}`\n\n" + markdown_table(headings, cells, "lllrllrl")


def commit_values(history: Any) -> list[list[Any]]:
    """Return the raw values of `COMMIT_HEADINGS` of a `MetricHistory`, for CSV."""
    rows = []
    for commit in history.commits:
        top, new = commit.value, commit.new
        head = [commit.commit, numbers.timestamp(commit.time), commit.author, None if top is None else top.value]
        run = [None, None] if top is None else [top.run, top.name]
        brought = [None if new is None else new.value, commit.new_verdict]
        rows.append([*head, commit.change, *run, commit.runs, *brought, commit.subject])
    return rows


def _commit_rows(history: Mapping[str, Any]) -> tuple[list[str], list[list[Cell | str]]]:
    """Return headings and cells: what the value is, what became of it, and what the commit itself brought."""
    commits, follow = history["commits"], history["follow"]
    texts = numbers.column(
        [_shown(commit, follow) for commit in commits]
        + [_shown(commit.get("new") or {}, "value") for commit in commits]
    )
    cells: list[list[Cell | str]] = []
    for i, commit in enumerate(commits):
        change, new = commit.get("change"), commit.get("new") or {}
        verdict = new.get("verdict")
        mark = {"better": " ✓", "worse": " ✗"}.get(verdict or "", "")
        brought = texts[len(commits) + i] + mark if new else "-"
        cells.append(
            [
                commit["commit"][:_COMMIT_DIGITS],
                commit["time"][:16].replace("T", " "),
                commit["author"],
                Cell(texts[i], _STYLES.get(change or "")),
                Cell(_CHANGES.get(change or "", "-"), _STYLES.get(change or "")),
                commit.get("name", "-"),
                Cell(brought, "worse" if verdict == "worse" else None),
                commit["subject"],
            ]
        )
    return ["commit", "date", "author", follow, "change", "run", "new", "subject"], cells


def _curve(values: Sequence[Any]) -> str:
    """Return the newest values as one line of bars; what is no number leaves a gap."""
    return sparkline([math.nan if value is None else _number(value) for value in values[-_PLOT_PLAIN:]])


def _number(value: Any) -> Any:
    """Return a number of a document; one that was encoded has texts for what is not finite."""
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _shown(found: Mapping[str, Any], field: str) -> Any:
    """Return what stands for a value in a column: the number, what says that it is undefined, or None."""
    if "undefined" in found:
        return numbers.Undefined(found["undefined"])
    return _number(found.get(field))
