"""Where a value came from, as the `source` of its entry says: computed by which function of what, or given in a file.

A source is free JSON: what is not of the form that a backfill writes is passed over.
"""

from collections.abc import Mapping
from typing import Any

_TEXT_MOST = 60
_OPTIONS_MOST = 5


def of_cell(source: Any, name: str, context: str | None, step: int | None) -> dict[str, Any] | None:
    """Return the source of one cell: of the values that an entry computed, `computed` has only the one meant.

    A value that a bundle computed has the bundle's: `test/binary` for `test/f2`. None where there is no source.
    """
    if not isinstance(source, Mapping) or not source:
        return None
    found = dict(source)
    listed = found.get("computed")
    if isinstance(listed, list):
        values = [item for item in listed if isinstance(item, Mapping) and item.get("chart") is not True]
        items = [item for item in values if item.get("step") == step]
        split = name.partition("/")[0]
        fits = (
            [item for item in items if item.get("name") == name and item.get("context") == context]
            or [item for item in items if item.get("name") == name]
            or [item for item in items if str(item.get("name")).partition("/")[0] == split]
        )
        found["computed"] = fits[:1]
        if not fits:
            del found["computed"]
    return found


def brief(source: Any) -> str | None:
    """Return a source as a few words: `ledger.evaluate:f2, threshold 0.3, of 1000 rows`, `values.csv, line 12`."""
    if not isinstance(source, Mapping) or not source:
        return None
    file, computed = source.get("file"), source.get("computed")
    first = computed[0] if isinstance(computed, list) and computed else None
    if isinstance(first, Mapping) and isinstance(first.get("function"), str):
        return _short(first["function"]) + _options(source.get("options")) + _inputs(computed)
    if isinstance(file, Mapping) and isinstance(file.get("name"), str):
        return _short(file["name"]) + _line(source)
    return "given" if source.get("by") == "backfill" else None


def _options(given: Any) -> str:
    """Return options as `, threshold 0.3,`; those that are no single value by their names alone."""
    if not isinstance(given, Mapping) or not given:
        return ""
    single = {name: value for name, value in given.items() if isinstance(value, str | int | float)}
    texts = [_short(f"{name} {single[name]}" if name in single else str(name)) for name in given]
    return f", {', '.join(texts[:_OPTIONS_MOST])},"


def _inputs(listed: Any) -> str:
    item = listed[0] if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], Mapping) else {}
    rows, labels = item.get("rows"), item.get("labels")
    text = f" of {rows} rows" if isinstance(rows, int) else ""
    if isinstance(labels, Mapping) and isinstance(labels.get("known"), int) and isinstance(labels.get("of"), int):
        text += f", {labels['known']} of {labels['of']} labels in"
        text += f" as of {_moment(labels['as_of'])}" if isinstance(labels.get("as_of"), str) else ""
    return text


def _moment(text: str) -> str:
    """Return a time of an entry without what is zero of it: `2026-03-01`, or `2026-03-01 12:30`."""
    day, _, clock = text.partition("T")
    return _short(day if clock.strip("0:.Z") == "" else f"{day} {clock[:5]}")


def _line(source: Mapping[str, Any]) -> str:
    line, lines = source.get("line"), source.get("lines")
    if isinstance(line, int):
        return f", line {line}"
    if isinstance(lines, list) and len(lines) == 2 and all(isinstance(each, int) for each in lines):
        return f", lines {lines[0]} to {lines[1]}"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_MOST else f"{text[: _TEXT_MOST - 1]}…"
