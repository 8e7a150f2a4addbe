"""What `ledger backfill` shows: the cells that changed or would change, how many in all, which runs were left out.

Made from the document of `derive.outcome`; text ends in LF.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.view import numbers
from ledger.view.rows import Cell, clean, paint, render_table

MOST = 20  # rows of a table, and runs left out, that are listed
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def render(found: Mapping[str, Any], *, color: bool = False, width: int | None = None) -> str:
    """Write the cells as a table, those that keep another value apart, and one line that counts all of them."""
    parts = []
    if found["cells"]:
        parts.append(_table(found["cells"], "old", "new", color, width))
    if charts := found.get("charts"):
        cells: list[list[Cell | str]] = [[chart["name"], chart["chart"], _step(chart)] for chart in charts[:MOST]]
        parts.append(render_table(["run", "chart", "step"], cells, align="llr", color=color, width=width))
        parts[-1] += _more(len(charts))
    if kept := found.get("kept"):
        title = paint("left alone, since they hold another value (--force replaces it)", "bold", color)
        parts.append(f"{title}\n{_table(kept, 'stays', 'given', color, width)}")
    parts.append(clean(summary(found)) + "\n")
    return "\n".join(parts)


def render_reverted(found: Sequence[Any], *, color: bool = False, width: int | None = None) -> str:
    """Write the cells whose shown value changes with entries taken back, or brought back; empty where none does."""
    cells = [cell.to_json() for entry in found for cell in entry.cells]
    if not cells:
        return ""
    headings = ("shown before", "shown now") if cells[0]["written"] else ("shown now", "shown then")
    return _table(cells, *headings, color, width)


def summary(found: Mapping[str, Any]) -> str:
    """Return one line: `198 values of test/f2 written to 198 runs; 2 runs left out`."""
    told = [_written(found)] if found["cells"] else []
    if charts := found.get("charts"):
        verb = "would be written" if found["dry_run"] else "written"
        told.append(f"{numbers.plural(len(charts), 'chart')} {verb} to {_runs(charts)}")
    if found["same"]:
        told.append(f"{numbers.plural(found['same'], 'value')} {_were(found['same'])} there already")
    if kept := found.get("kept"):
        told.append(f"{numbers.plural(len(kept), 'value')} left alone")
    elif found["other"]:
        told.append(f"{numbers.plural(found['other'], 'value')} of another origin left alone")
    if found["left_out"]:
        told.append(f"{_runs(found['left_out'])} left out")
    if not found["cells"] and not charts:
        told.insert(0, "nothing would be written" if found["dry_run"] else "nothing was written")
    return "; ".join(told)


def left_out(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each run that was left out, with the reason; of very many the first, and how many more."""
    texts = []
    for left in found["left_out"][:MOST]:
        hint = f": {left['hint']}" if "hint" in left else ""
        texts.append(f"left out: {left['name']} ({left['run']}): {left['why']}{hint}")
    more = len(found["left_out"]) - MOST
    return [*texts, f"left out: {more} more; see --json"] if more > 0 else texts


def _written(found: Mapping[str, Any]) -> str:
    cells = found["cells"]
    metrics = list(dict.fromkeys(cell["metric"] for cell in cells))
    of = metrics[0] if len(metrics) == 1 else numbers.plural(len(metrics), "metric")
    verb = "would be written to" if found["dry_run"] else "written to"
    undefined = sum("new_undefined" in cell for cell in cells)
    told = f", {undefined} of them undefined" if undefined else ""
    return f"{numbers.plural(len(cells), 'value')} of {of} {verb} {_runs(cells)}{told}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _runs(items: Sequence[Mapping[str, Any]]) -> str:
    return numbers.plural(len({item["run"] for item in items}), "run")


def _more(count: int) -> str:
    return f"... and {count - MOST} more\n" if count > MOST else ""


def _step(item: Mapping[str, Any]) -> str:
    return str(item["step"]) if "step" in item else "-"


def _table(
    cells: Sequence[Mapping[str, Any]], old_heading: str, new_heading: str, color: bool, width: int | None
) -> str:
    """Return the first cells, the numbers of a metric written alike; a step only where there is one."""
    listed = cells[:MOST]
    names = Counter(name for _, name in {(cell["run"], cell["name"]) for cell in listed})
    columns: list[tuple[str, str, list[Cell | str]]] = [
        ("run", "l", [cell["name"] if names[cell["name"]] == 1 else cell["run"] for cell in listed]),
        ("metric", "l", [cell["metric"] for cell in listed]),
    ]
    if any("step" in cell for cell in listed):
        columns.append(("step", "r", [_step(cell) for cell in listed]))
    olds, news = _texts(listed)
    columns.append((old_heading, ".", list(olds)))
    if new_heading != "new" or any("new" in cell or "new_undefined" in cell for cell in listed):
        columns.append((new_heading, ".", [Cell(text, "bold") for text in news]))
    if any("new_undefined" in cell for cell in listed):
        columns.append(("why", "l", [cell.get("new_undefined", "-") for cell in listed]))
    rows = [[column[i] for _, _, column in columns] for i in range(len(listed))]
    align = "".join(kind for _, kind, _ in columns)
    text = render_table([heading for heading, _, _ in columns], rows, align=align, color=color, width=width)
    return text + _more(len(cells))


def _texts(cells: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the old and the new value of each cell as text."""
    olds, news = [""] * len(cells), [""] * len(cells)
    for metric in dict.fromkeys(cell["metric"] for cell in cells):
        mine = [i for i, cell in enumerate(cells) if cell["metric"] == metric]
        texts = numbers.column([_value(cells[i], field) for field in ("old", "new") for i in mine])
        for position, i in enumerate(mine):
            olds[i], news[i] = texts[position], texts[len(mine) + position]
    return olds, news


def _value(cell: Mapping[str, Any], field: str) -> Any:
    """Return what stands for a value in a column: the number, what says that it is undefined, or None."""
    if f"{field}_undefined" in cell:
        return numbers.Undefined(cell[f"{field}_undefined"])
    value = cell.get(field)
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
