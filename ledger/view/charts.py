"""What a run holds beside numbers, listed for the terminal: charts and predictions.

The charts of an evaluation are one line, those of its folds among them; each is listed with its blob in CSV and JSON.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.format import charts as form
from ledger.view import numbers
from ledger.view.document import read_context
from ledger.view.rows import Cell, display_width, format_value, render_table

_LEAST = 20  # columns for a list of names, however narrow the terminal is
_CONTEXTS_MOST = 4  # that are written out where several are one line
_PAIR = re.compile(r"\{([^=,{}]+)=([^,{}]*)\}")


class Part(NamedTuple):
    """A chart of an evaluation: what stands before its name (`test/`), its context as in a key, its name there."""

    prefix: str
    context: str
    name: str


def listed(charts: Sequence[Any]) -> list[Any]:
    """Return the newest chart of each row that `render_charts` writes; those of evaluations have none of their own."""
    return list(_apart(charts)[0].values())


def _apart(charts: Sequence[Any]) -> tuple[dict[tuple[str, str], Any], dict[tuple[str, str], list[str]]]:
    """Return the newest chart of each series that is of no evaluation, and the names of those that are."""
    newest: dict[tuple[str, str], Any] = {}
    for chart in sorted(charts, key=lambda c: (c.step is None, c.step or 0, c.time, c.blob)):
        newest[chart.name, chart.context or ""] = chart
    found = form.of_evaluations(key for key, chart in newest.items() if chart.extension == form.EXTENSION)
    folded = {(prefix + name, context) for (prefix, context), names in found.items() for name in names}
    return {key: newest[key] for key in sorted(newest) if key not in folded}, found


def render_charts(
    charts: Sequence[Any], kinds: Mapping[str, str] | None = None, *, color: bool = False, width: int | None = None
) -> str:
    """Write a row per chart name of `charts` (as in a run's state): its steps, media type, size in all, newest blob.

    Charts of an evaluation are listed by their names, a row for all of them and all contexts. `kinds` are the kinds of
    chart data by blob; where there are any, they have a column.
    """
    single, evaluations = _apart(charts)
    series: dict[tuple[str, str], list[Any]] = {}
    for chart in charts:
        series.setdefault((chart.name, chart.context or ""), []).append(chart)
    rows = []
    for (name, context), newest in single.items():
        shown = series[name, context]
        size = numbers.size(sum(c.bytes for c in shown))
        media = ", ".join(sorted({c.media_type for c in shown}))
        kind = [(kinds or {}).get(newest.blob, "-")] if kinds else []
        rows.append([chart_key(name, context), *kind, _steps([c.step for c in shown]), media, size, newest.blob[:12]])
    headings = ["chart", *(["data"] if kinds else []), "step", "media type", "size", "blob"]
    align = "LLrlrL" if kinds else "LrlrL"
    sections = [render_table(headings, rows, align=align, color=color, width=width)] if rows else []
    if evaluations:
        together: dict[str, list[tuple[str, str]]] = {}
        for prefix, context in evaluations:
            together.setdefault(prefix, []).append((prefix, context))
        cells, listed = [], []
        for prefix, places in together.items():
            shown = [chart for at in places for name in evaluations[at] for chart in series[prefix + name, at[1]]]
            steps = _steps(list(dict.fromkeys(chart.step for chart in shown)))
            label = evaluation_label(prefix, [chart_key("", context) for _, context in places])
            cells.append([label, steps, numbers.size(sum(c.bytes for c in shown))])
            listed.append(in_order(name for at in places for name in evaluations[at]))
        sections.append(with_names(["evaluation", "step", "size"], cells, listed, "Lrr", color, width))
    return "\n".join(sections)


def folded(keys: Iterable[str]) -> dict[str, Part]:
    """Return, of chart keys such as `test/roc{fold=1}`, those of evaluations: `test/`, `{fold=1}` and `roc`."""
    parts = [(name, brace + context) for name, brace, context in (key.partition("{") for key in keys)]
    found = form.of_evaluations(parts).items()
    return {f"{prefix}{name}{at}": Part(prefix, at, name) for (prefix, at), names in found for name in names}


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of an evaluation's charts, each once, in the order of `EVALUATION`."""
    order = list(form.EVALUATION)
    return sorted(dict.fromkeys(names), key=lambda name: (order.index(name) if name in order else len(order), name))


def evaluation_label(prefix: str, contexts: Sequence[str]) -> str:
    """Write what evaluations of one prefix are called, with their contexts as in keys: `test/{fold=0-4}`."""
    values: dict[str, list[str]] = {}
    others = []
    for context in dict.fromkeys(contexts):
        if pair := _PAIR.fullmatch(context):
            values.setdefault(pair[1], []).append(pair[2])
        elif context:
            others.append(context)
    texts = [f"{{{name}={_several(found)}}}" for name, found in values.items()]
    texts += others if len(others) <= _CONTEXTS_MOST else [f"{{{len(others)} contexts}}"]
    return (prefix or "-") + ("," if "" in contexts and texts else "") + ",".join(texts)


def _several(values: Sequence[str]) -> str:
    """Write values of a context: whole numbers that follow on one another as a range, of many others how many."""
    whole = sorted(int(value) for value in values) if all(value.isdecimal() for value in values) else []
    if len(whole) > 1 and whole == list(range(whole[0], whole[-1] + 1)):
        return f"{whole[0]}–{whole[-1]}"
    return ",".join(values) if len(values) <= _CONTEXTS_MOST else f"{len(values)} values"


def with_names(
    headings: Sequence[str],
    cells: Sequence[Sequence[str]],
    names: Sequence[Sequence[str]],
    align: str,
    color: bool,
    width: int | None,
) -> str:
    """Lay out rows that end in names of charts; those that `width` has no room for stand below.

    Where there is no room for them beside the other columns at all, they stand in a table of their own.
    """
    rows: list[list[Cell | str]] = []
    columns = [max(display_width(text) for text in column) for column in zip(headings, *cells, strict=True)]
    room = None if width is None else width - sum(columns) - 2 * len(columns)
    if room is not None and room < _LEAST and len(headings) > 1:
        first = render_table(headings, cells, align=align, color=color, width=width)
        keys = [row[:1] for row in cells]
        return f"{first}\n{with_names(headings[:1], keys, names, align[:1], color, width)}"
    if room is not None:
        room = max(_LEAST, room)
    for row, held in zip(cells, names, strict=True):
        lines = [""]
        for name in held:
            longer = f"{lines[-1]} {name}".lstrip()
            if room is not None and lines[-1] and len(longer) > room:
                lines.append(name)
            else:
                lines[-1] = longer
        rows += [[*(row if i == 0 else [""] * len(row)), line] for i, line in enumerate(lines)]
    return render_table([*headings, "charts"], rows, align=f"{align}L", color=color, width=width)


def render_predictions(predictions: Sequence[Any], *, color: bool = False, width: int | None = None) -> str:
    """Write a row per set of predictions (as in a run's state): split, step, rows, and its columns with their types."""
    rows = [
        [
            chart_key(found.split or "-", found.context),
            _steps([] if found.step is None else [found.step]),
            str(found.rows),
            ", ".join(f"{name} {column.dtype}" for name, column in found.columns.items()),
        ]
        for found in predictions
    ]
    return render_table(["predictions", "step", "rows", "columns"], rows, align="LrrL", color=color, width=width)


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
