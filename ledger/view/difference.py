"""What differs between two runs, or between two states of a ledger: for the terminal and as Markdown.

Both are made from the documents of `table.diff` and `table.changes`; one text ending in LF.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ledger.view import numbers
from ledger.view.charts import Part, evaluation_label, folded, in_order, with_names
from ledger.view.comparison import run_headings
from ledger.view.rows import Cell, clean, format_value, markdown, markdown_table, paint, render_table
from ledger.view.text import metric_heading

_VERDICTS = {"better": "✓ better", "worse": "✗ worse", "same": "same", "unknown": "? unknown"}
_VERDICT_STYLES = {"better": "better", "worse": "worse", "same": "dim", "unknown": "warn"}
_DIFF_HEADINGS = ["metric", "old", "new", "diff", "verdict"]
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_RUNS_SHOWN = 30  # of the runs added or removed; `--json` has them all
_METRICS_SHOWN = 6  # of those that added runs have


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
    if files := code.get("files"):
        lines = [[file["path"], *(_lines(file[key]) for key in ("added", "deleted"))] for file in files[:_RUNS_SHOWN]]
        sections.append(render_table(["file", "added", "deleted"], lines, align="Lrr", color=color, width=width))
        if more := len(files) - len(lines):
            sections[-1] += paint(f"(and {numbers.plural(more, 'more file')}: see --json)", "dim", color) + "\n"
    words = ["added", "removed", "changed", *(["same"] if show_all else [])]
    sections += _chart_tables(charts, words, color, width)
    counts = (
        (len(diff.get("metrics") or ()) - len(rows), "metric"),
        (0 if show_all else len(charts.get("same") or ()), "chart"),
    )
    same = [numbers.plural(count, noun) for count, noun in counts if count]
    if same:
        sections.append(paint(f"({' and '.join(same)} the same)", "dim", color) + "\n")
    return "\n".join(sections)


def _chart_tables(
    charts: Mapping[str, Sequence[Any]], words: Sequence[str], color: bool, width: int | None
) -> list[str]:
    """Write what became of charts, a row for each, or for those of one evaluation of which the same is true."""
    evaluations = folded(str(chart) for names in charts.values() for chart in names)
    changes = {str(chart): word for word in words for chart in charts.get(word) or ()}
    single = [[chart, word] for chart, word in changes.items() if chart not in evaluations]
    found: dict[tuple[str, str], list[Part]] = {}
    for chart, part in evaluations.items():
        if chart in changes:
            found.setdefault((part.prefix, changes[chart]), []).append(part)
    texts = []
    if single:
        texts.append(render_table(["chart", "change"], single, align="L", color=color, width=width))
    if found:
        rows = [[evaluation_label(at, [part.context for part in held]), word] for (at, word), held in found.items()]
        listed = [in_order(part.name for part in held) for held in found.values()]
        texts.append(with_names(["evaluation", "change"], rows, listed, "LL", color, width))
    return texts


def diff_markdown(diff: Mapping[str, Any], goals: Mapping[str, str | None] | None = None) -> str:
    """Write the metrics of `ledger diff A B`, equal ones too, as a Markdown table: the cells of the terminal."""
    return markdown_table(_DIFF_HEADINGS, _diff_rows(diff, goals, True), "lrrrl")


def _diff_rows(
    diff: Mapping[str, Any], goals: Mapping[str, str | None] | None, show_all: bool
) -> list[list[Cell | str]]:
    """Return the cells of the metrics, what became worse first; without `show_all` those that are not the same."""
    metrics = _worst_first(diff.get("metrics", {}))
    return [
        _diff_row(metric_heading(key, (goals or {}).get(key)), row)
        for key, row in metrics
        if show_all or row["verdict"] != "same"
    ]


def _worst_first(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    order = {verdict: i for i, verdict in enumerate(("worse", "better", "unknown", "same"))}
    return sorted(metrics.items(), key=lambda item: (order.get(item[1]["verdict"], 2), item[0]))


def _diff_row(name: str, row: Mapping[str, Any]) -> list[Cell | str]:
    old, new, diff = (
        numbers.Undefined(row[f"{key}_undefined"]) if f"{key}_undefined" in row else _number(row.get(key))
        for key in ("old", "new", "diff")
    )
    verdict = str(row["verdict"])
    style = _VERDICT_STYLES.get(verdict)
    texts = numbers.difference(old, new, diff)
    count = row.get("count")
    more = f" ({count['old']} -> {count['new']} values)" if count else ""
    return [name, texts[0], texts[1], Cell(texts[2], style), Cell(_VERDICTS.get(verdict, verdict) + more, style)]


def _number(value: Any) -> Any:
    """Return a number of a document; one that was encoded has texts for what is not finite."""
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _lines(count: int | None) -> str:
    return "binary" if count is None else str(count)


def summary_line(diff: Mapping[str, Any]) -> str:
    """Say in one line what became of a ledger: `main (1c7c1de1) → the work tree: 2 runs added, 1 changed`."""
    runs = diff["runs"]
    parts = [
        f"{numbers.plural(len(runs[kind]), 'run')} {kind}" for kind in ("added", "removed", "changed") if runs[kind]
    ]
    verdicts = [row["verdict"] for run in runs["changed"] for row in run["metrics"].values()]
    counts = [f"{verdicts.count(word)} {word}" for word in ("worse", "better") if word in verdicts]
    cells = f" ({numbers.plural(len(verdicts), 'metric')}: {', '.join(counts)})" if counts else ""
    return f"{_span(diff['a'], diff['b'])}: {', '.join(parts) or 'no run changed'}{cells}"


def _span(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    if "..." in str(a.get("rev", "")):  # the commit is where the two went apart, which no word names
        return f"{a['rev']} ({str(a['commit'])[:8]} → {str(b['commit'])[:8]})"
    return f"{_side(a)} → {_side(b)}"


def _side(side: Mapping[str, Any]) -> str:
    if side.get("worktree"):
        return "the work tree"
    commit = str(side.get("commit") or "")
    return str(side["rev"]) if commit.startswith(str(side["rev"])) else f"{side['rev']} ({commit[:8]})"


def render_changes(
    diff: Mapping[str, Any],
    goals: Mapping[str, str | None],
    *,
    color: bool = False,
    width: int | None = None,
) -> str:
    """Write `ledger diff` of two states of a ledger: runs added, removed, then each changed cell and all else."""
    sections = [clean(summary_line(diff)) + "\n"]
    for word, sign, style in (("added", "+", "better"), ("removed", "-", "worse")):
        if rows := diff["runs"][word]:
            headings, cells = _run_rows(rows, goals)
            cells = [[Cell(f"{sign} {row[0]}", style), *row[1:]] for row in cells]
            align = "LLL" + "." * (len(headings) - 3)
            sections.append(render_table([word, *headings[1:]], cells, align=align, color=color, width=width))
            sections[-1] += _left_out(rows, color)
    headings, cells = _cell_rows(diff, goals)
    if cells:
        sections.append(render_table(headings, cells, align="LL...L", color=color, width=width))
    if others := list(_others(diff)):
        sections.append(render_table(["run", "what else changed"], others, align="LL", color=color, width=width))
    return "\n".join(sections)


def changes_markdown(diff: Mapping[str, Any], goals: Mapping[str, str | None]) -> str:
    """Write `ledger diff` of two states of a ledger as Markdown."""
    sections = [markdown(summary_line(diff)) + "\n"]
    for word in ("added", "removed"):
        if rows := diff["runs"][word]:
            headings, cells = _run_rows(rows, goals)
            table = markdown_table([word, *headings[1:]], cells, "lll" + "r" * (len(headings) - 3))
            left = _left_out(rows, color=False)
            sections.append(f"{table}\n{left}" if left else table)  # right below the table it would be a row of it
    return "\n".join([*sections, *filter(None, (changed_section(diff, goals), other_section(diff)))])


def changed_section(diff: Mapping[str, Any], goals: Mapping[str, str | None]) -> str:
    """Write the changed cells of a difference as a Markdown table; nothing where there are none."""
    headings, cells = _cell_rows(diff, goals)
    return markdown_table(headings, cells, "llrrrl") if cells else ""


def other_section(diff: Mapping[str, Any]) -> str:
    """Write what changed besides metrics as a Markdown table; nothing where there is nothing."""
    others = list(_others(diff))
    return markdown_table(["run", "what else changed"], others, "ll") if others else ""


def render_stat(diff: Mapping[str, Any]) -> str:
    """Write one line a run that was added, removed or changed, and the sum of it."""
    names = _names(diff)
    lines = [
        f"{sign} {names[run['id']]}" for word, sign in (("added", "+"), ("removed", "-")) for run in diff["runs"][word]
    ]
    for run in diff["runs"]["changed"]:
        verdicts = [row["verdict"] for row in run["metrics"].values()]
        counts = [f"{verdicts.count(v)} {v}" for v in ("worse", "better", "unknown", "same") if v in verdicts]
        what = [f"{numbers.plural(len(verdicts), 'metric')} ({', '.join(counts)})"] if verdicts else []
        charts = sum(map(len, run.get("charts", {}).values()))
        what += [numbers.plural(charts, "chart")] if charts else []
        what += [part for part in ("params", "tags") if part in run] + list(run.get("fields", {}))
        lines.append(
            f"~ {names[run['run']]}: {', '.join(what) or numbers.plural(len(run.get('entries', ())), 'entry')}"
        )
    return "".join(clean(line) + "\n" for line in [*lines, summary_line(diff)])


def _names(diff: Mapping[str, Any]) -> dict[str, str]:
    """Return a heading for each run of a document by its id, as `compare` has them."""
    runs = diff["runs"]
    shown = [(run["id"], run["name"]) for word in ("added", "removed") for run in runs[word]]
    shown += [(run["run"], run["name"]) for run in runs["changed"]]
    headings = run_headings([SimpleNamespace(id=id, name=name) for id, name in shown]) if shown else []
    return {id: heading for (id, _), heading in zip(shown, headings, strict=True)}


def _run_rows(
    rows: Sequence[Mapping[str, Any]], goals: Mapping[str, str | None]
) -> tuple[list[str], list[list[Cell | str]]]:
    """Return headings and cells of runs that were added or removed: name, id, status and the metrics most have."""
    keys, shown, _ = metric_columns(rows)
    columns = [numbers.column([_number(run["metrics"].get(key)) for run in shown]) for key in keys]
    cells: list[list[Cell | str]] = [
        [run["name"], run["id"].rpartition("-")[2][:8], run.get("status", "-"), *(column[i] for column in columns)]
        for i, run in enumerate(shown)
    ]
    return ["run", "id", "status", *(metric_heading(key, goals.get(key)) for key in keys)], cells


def metric_columns(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[list[str], Sequence[Mapping[str, Any]], int]:
    """Return the metrics that most runs have, the runs to show, and how many more there are."""
    counts: dict[str, int] = {}
    for run in rows:
        for key in run.get("metrics", ()):
            counts[key] = counts.get(key, 0) + 1
    keys = sorted(sorted(counts, key=lambda key: (-counts[key], key))[:_METRICS_SHOWN])
    return keys, rows[:_RUNS_SHOWN], max(0, len(rows) - _RUNS_SHOWN)


def left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many runs, and how many of their metrics, are not shown; nothing where all are."""
    runs = len(rows) - _RUNS_SHOWN
    metrics = len({key for run in rows for key in run.get("metrics", ())}) - _METRICS_SHOWN
    more = [numbers.plural(count, noun) for count, noun in ((runs, "more run"), (metrics, "more metric")) if count > 0]
    return f"(and {' and '.join(more)}: ledger diff --json has all)" if more else ""


def _left_out(rows: Sequence[Mapping[str, Any]], color: bool) -> str:
    text = left_out(rows)
    return paint(text, "dim", color) + "\n" if text else ""


def _cell_rows(diff: Mapping[str, Any], goals: Mapping[str, str | None]) -> tuple[list[str], list[list[Cell | str]]]:
    """Return headings and a row for each changed cell, within a run what became worse first."""
    names = _names(diff)
    cells: list[list[Cell | str]] = []
    for run in diff["runs"]["changed"]:
        for i, (key, row) in enumerate(_worst_first(run["metrics"])):
            name = names[run["run"]] if i == 0 else ""
            cells.append([name, *_diff_row(metric_heading(key, goals.get(key)), row)])
            if "old" not in row or "new" not in row:
                cells[-1][-1] = "gone" if "old" in row else "new"
    return ["changed", *_DIFF_HEADINGS], cells


def _others(diff: Mapping[str, Any]) -> Iterable[list[Cell | str]]:
    """Yield (run, text) for what changed besides metrics, and who added what and why."""
    names = _names(diff)
    for run in diff["runs"]["changed"]:
        texts = [
            f"{name} {_shown(change, 'old')} -> {_shown(change, 'new')}"
            for name, change in run.get("fields", {}).items()
        ]
        texts += [
            f"param {name} {_shown(change, 'old')} -> {_shown(change, 'new')}"
            for name, change in run.get("params", {}).items()
        ]
        tags = run.get("tags", {})
        texts += [f"tag +{tag}" for tag in tags.get("added", ())] + [f"tag -{tag}" for tag in tags.get("removed", ())]
        texts += [f"chart {name} {kind}" for kind, charts in run.get("charts", {}).items() for name in charts]
        texts += [
            f"{'late ' if entry.get('late') else ''}{entry['kind']} by {entry['author']}: {entry['reason']}"
            for entry in run.get("entries", ())
            if entry.get("reason")
        ]
        for i, text in enumerate(texts):
            yield [names[run["run"]] if i == 0 else "", text]


def _shown(change: Mapping[str, Any], side: str) -> str:
    return format_value(change[side]) if side in change else "-"
