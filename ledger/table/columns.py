"""A column picks one value out of a run: `val/auc`, `best:val/auc as AUC`, `params.optimizer.lr`, `tag`, `created`.

`ls`, filters, sorting and tables all name their values this way. A bare word that is no field of a run is a metric
and means its last value; `metrics.X` says so where a metric is called like a field. A name in double quotes or
backticks may hold anything (`best:"val auc"`, `params."a.b".c`); a quote inside it is doubled.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.errors import InvalidFilter, UsageError
from ledger.format.names import metric_key, parse_key
from ledger.format.values import Undefined
from ledger.store.state import RunState, Summary

if TYPE_CHECKING:
    from ledger.schema import Schema

STATISTICS = ("last", "first", "min", "max", "mean", "count", "nan", "best", "worst")
# Each field and the type of its values; times are microseconds since 1970 UTC, durations seconds.
FIELDS = {
    "id": "text",
    "name": "text",
    "status": "text",
    "group": "text",
    "parent": "text",
    "seed": "number",
    "note": "text",
    "author": "text",
    "created": "time",
    "finished": "time",
    "duration": "duration",
    "branch": "text",
    "commit": "text",
    "dirty": "bool",
    "attempts": "number",
}
_GIT = ("branch", "commit", "dirty")
_AS = re.compile(r"\s+as(\s+|\Z)", re.IGNORECASE)
_SEGMENT = re.compile(r'"((?:[^"]|"")*)"(?=\.|\Z)|`((?:[^`]|``)*)`(?=\.|\Z)|([^.]*)', re.DOTALL)
_DIGITS = re.compile(r"([0-9]+)")


class Column(msgspec.Struct, frozen=True):
    """One column: what it reads (`kind` is metric, param, tag or field), and under which heading it is shown.

    `name` is the metric's key, the parameter's dotted name, or the field; `statistic` is set for metrics alone; `text`
    is the column as written, without its heading.
    """

    kind: str
    name: str
    statistic: str | None
    heading: str
    text: str


def parse(spec: str, *, heading: bool = True) -> Column:
    """Read a column as users write it; `heading=False` where ` as HEADING` has no meaning.

    Raises InvalidFilter for an empty name, an unfinished quote or a context that cannot be read.
    """
    text, title = spec.strip(), ""
    for split in reversed(list(_AS.finditer(text)) if heading else []):
        if split.start() and not _open_quote(text[: split.start()]):
            if split.end() == len(text):
                raise InvalidFilter(f"the column {spec!r} ends before its heading", hint=f"{text} HEADING, or no 'as'")
            text, title = text[: split.start()], _unquote(text[split.end() :])
            break
    written = _unquote(text)
    if not written.strip():
        raise InvalidFilter("a column is empty", hint="name a metric, params.NAME or a field such as status")
    kind, name, statistic = _kind(written.strip())
    return Column(kind, name, statistic, title or written, text)


def _kind(text: str) -> tuple[str, str, str | None]:
    if text in FIELDS:
        return "field", text, None
    if text in ("tag", "tags"):
        return "tag", "tag", None
    first, dot, rest = text.partition(".")
    if first == "params" and (dot or not rest):
        if not rest:
            raise InvalidFilter(f"the column {text!r} names no parameter", hint="write params.NAME, such as params.lr")
        return "param", rest, None
    before, colon, after = text.partition(":")
    statistic = before if colon and before in STATISTICS else "last"
    name = (after if colon and before in STATISTICS else text).strip().removeprefix("metrics.")
    if not name:
        raise InvalidFilter(f"the column {text!r} names no metric", hint=f"write {statistic}:NAME, without a space")
    return "metric", _metric_name(_unquote(name)), statistic


def _metric_name(name: str) -> str:
    """Write the key as the ledger writes it, whatever the order and spacing of its context."""
    if "{" not in name and "}" not in name:
        return name
    if not name.endswith("}") or name.count("{") == 0 or name.startswith("{"):
        raise InvalidFilter(f"the metric {name!r} has a brace out of place", hint="a context reads val/auc{fold=1}")
    try:
        return metric_key(*parse_key(name))
    except (UsageError, ValueError) as error:
        raise InvalidFilter(f"the metric {name!r} has a context that cannot be read: {error}") from error


def _unquote(text: str) -> str:
    """Take the quotes off a text that is quoted as a whole; raise InvalidFilter where a quote does not end."""
    mark = text[:1]
    if mark not in ('"', "`"):
        return text
    inside = text[1:-1]
    if len(text) < 2 or text[-1] != mark or mark in inside.replace(mark * 2, ""):
        raise InvalidFilter(f"{text} has a quote that does not end, or text after it", hint=f"write {mark}NAME{mark}")
    return inside.replace(mark * 2, mark)


def _open_quote(text: str) -> bool:
    return text.count('"') % 2 == 1 or text.count("`") % 2 == 1


def value(column: Column, state: RunState, schema: "Schema") -> Any:
    """Return the column's value in a run: None where absent, Undefined where the last value is undefined.

    Metrics are float (`count:` and `nan:` int), times int microseconds, `duration` seconds, `tag` a list. Raises
    InvalidFilter for best: and worst: of a metric whose goal nobody declared.
    """
    if column.kind == "metric":
        return _metric_value(column, state, schema)
    if column.kind == "param":
        return param(state.params, column.name)
    if column.kind == "tag":
        return state.tags
    if column.name in _GIT:
        return (state.git or {}).get(column.name)
    if column.name == "duration":
        return None if state.finished is None else (state.finished - state.created) / 1e6
    return getattr(state, column.name)


def _metric_value(column: Column, state: RunState, schema: "Schema") -> Any:
    statistic = _plain(column, schema)
    summary = find(state, column.name, schema)
    if summary is None:
        return None
    if statistic == "last" and summary.last is None and summary.undefined is not None:
        return Undefined(summary.undefined)
    found = getattr(summary, statistic)
    return found if found is None or statistic in ("count", "nan") else float(found)


def _plain(column: Column, schema: "Schema") -> str:
    """Turn best and worst into max or min, by the metric's goal."""
    statistic = column.statistic or "last"
    if statistic not in ("best", "worst"):
        return statistic
    goal = schema.metric(column.name).goal
    if goal is None:
        bare = parse_key(column.name)[0]
        raise InvalidFilter(
            f"{column.text} needs to know whether more of {bare!r} is better, and no goal is declared",
            hint=f'add to .ledger-schema: [metric."{bare}"] goal = "maximize" (or "minimize"), or write max: or min:',
        )
    return "max" if (goal == "maximize") == (statistic == "best") else "min"


def step(column: Column, state: RunState, schema: "Schema") -> int | None:
    """Return the step at which a metric column's value stands; None for mean, counts, absent and null steps."""
    if column.kind != "metric" or column.statistic in ("mean", "count", "nan"):
        return None
    statistic = _plain(column, schema)
    summary = find(state, column.name, schema)
    found: int | None = getattr(summary, f"{statistic}_step") if summary is not None else None
    return found


def find(state: RunState, key: str, schema: "Schema") -> Summary | None:
    """Return a run's summary of a metric: under this very key, else its canonical name, else any alias of that."""
    found = state.metrics.get(key)
    if found is not None:
        return found
    canonical = schema.canonical(key)
    found = state.metrics.get(canonical)
    if found is not None:
        return found
    name, brace, context = canonical.partition("{")
    spellings = (alias + brace + context for alias in sorted(schema.metric(name).alias))
    return next((state.metrics[key] for key in spellings if key in state.metrics), None)


_ABSENT: Any = object()


def param(params: Mapping[str, Any], name: str) -> Any:
    """Return a parameter by its dotted name, or None; a name that itself has dots is found where no nested one is."""
    found = _param(params, name)
    return None if found is _ABSENT else found


def _param(params: Mapping[str, Any], name: str) -> Any:
    parts: list[str] = []
    position = 0
    while position <= len(name):
        segment = _SEGMENT.match(name, position)
        assert segment is not None
        quoted = segment[1] if segment[1] is not None else segment[2]
        mark = segment[0][:1]
        parts.append(quoted.replace(mark * 2, mark) if quoted is not None else segment[3])
        position = segment.end() + 1
    found = _walk(params, parts)
    return params.get(name, _ABSENT) if found is _ABSENT else found


def _walk(params: Any, parts: Sequence[str]) -> Any:
    """Follow the parts through nested dicts, joining neighbours by dots where no shorter key leads on."""
    if not isinstance(params, Mapping):
        return _ABSENT
    for size in range(1, len(parts) + 1):
        key = ".".join(parts[:size])
        if key not in params:
            continue
        found = params[key] if size == len(parts) else _walk(params[key], parts[size:])
        if found is not _ABSENT:
            return found
    return _ABSENT


def flatten(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested parameters under dotted names, in their order: {"a": {"b": 1}} -> {"a.b": 1}.

    An empty dict is kept as a value, lists are values. A key that is empty, or has a dot, a quote or outer spaces, is
    put in double quotes, quotes inside it doubled, so that no two parameters share a name: {"a.b": 1} -> {'"a.b"': 1}.
    """
    flat: dict[str, Any] = {}
    todo: list[tuple[str, Any]] = [(_quoted(key), params[key]) for key in reversed(list(params))]
    while todo:
        name, found = todo.pop()
        if isinstance(found, Mapping) and found:
            todo.extend((f"{name}.{_quoted(key)}", found[key]) for key in reversed(list(found)))
        else:
            flat[name] = found
    return flat


def _quoted(key: str) -> str:
    if key and key == key.strip() and not any(mark in key for mark in '."`'):
        return key
    return '"' + key.replace('"', '""') + '"'


def same(old: Any, new: Any) -> bool:
    """Say whether two JSON values are equal in type and value: 1, 1.0 and True differ, NaN equals NaN."""
    if type(old) is not type(new):
        return False
    if isinstance(old, Mapping):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, (list, tuple)):
        return len(old) == len(new) and all(map(same, old, new))
    return bool(old == new) or (isinstance(old, float) and math.isnan(old) and math.isnan(new))


def natural(text: str) -> tuple[Any, ...]:
    """Return a sort key that puts fold2 before fold10; equal only for equal texts."""
    parts = _DIGITS.split(text)
    parts[1::2] = [digits.lstrip("0") for digits in parts[1::2]]
    return tuple((len(part), part) if i % 2 else part for i, part in enumerate(parts)), text


def metric_order(key: str) -> tuple[Any, ...]:
    """Return a sort key for the keys of metrics and charts: by name, then by context, its numbers in numeric order."""
    try:
        name, context = parse_key(key)
    except (UsageError, ValueError):  # a chart's name may hold braces
        name, context = key, None
    items = []
    for part, found in json.loads(context or "{}").items():
        number = isinstance(found, (int, float)) and not isinstance(found, bool)
        items.append((natural(part), not number, found if number else 0, natural(str(found))))
    return natural(name), items


def known(states: Iterable[RunState]) -> list[str]:
    """Return the names of all columns that these runs have: fields, then parameters, then metrics."""
    params: set[str] = set()
    metrics: set[str] = set()
    for state in states:
        params.update(flatten(state.params))
        metrics.update(state.metrics)
    return [
        *FIELDS,
        "tag",
        *(f"params.{name}" for name in sorted(params, key=natural)),
        *(spelled(key) for key in sorted(metrics, key=metric_order)),
    ]


def spelled(key: str) -> str:
    """Return the column that reads this metric's last value: its key, or where that means something else `metrics.KEY`.

    A metric called like a field is `metrics.status`; a name with ` as ` or quotes in it is quoted.
    """
    quoted = key.replace('"', '""')
    for text in (key, f"metrics.{key}"):
        try:
            found = parse(text)
        except InvalidFilter:
            continue
        if (found.kind, found.name, found.statistic) == ("metric", key, "last"):
            return text
    return f'metrics."{quoted}"'


def check(columns: Iterable[Column], states: Sequence[RunState], schema: "Schema | None" = None) -> None:
    """Raise InvalidFilter for a metric or parameter that no run here has, naming the nearest; silent without runs."""
    for column in columns:
        if states and not any(has(column, state, schema) for state in states):
            raise unknown(column, states)


def has(column: Column, state: RunState, schema: "Schema | None" = None) -> bool:
    """Say whether a run has what the column names, whatever its value; fields and tags are always there."""
    if column.kind == "metric":
        if column.name in state.metrics:
            return True
        return schema is not None and find(state, column.name, schema) is not None
    return column.kind != "param" or _param(state.params, column.name) is not _ABSENT


def unknown(column: Column, states: Sequence[RunState]) -> InvalidFilter:
    """Return the error that says that no run has this metric or parameter, with the nearest names as its hint."""
    kind = "parameter" if column.kind == "param" else "metric"
    names = known(states)
    prefix, colon, rest = column.name.partition(":")
    if colon and kind == "metric" and rest in names:
        return InvalidFilter(
            f"{column.text!r}: there is no statistic {prefix!r} of {rest!r}", hint=f"one of {', '.join(STATISTICS)}"
        )
    if kind == "metric" and (bare := re.sub(r"(?i)(:| )(asc|desc)$", "", column.name)) in names and bare != column.name:
        sign = "-" if column.name.lower().endswith("desc") else ""
        return InvalidFilter(f"no run has a metric {column.name!r}", hint=f"to sort by it, write {sign}{bare}")
    if kind == "metric" and (param_name := f"params.{column.name}") in names:
        hint = f"it is a parameter: write {param_name}"
        return InvalidFilter(f"no run here has a metric {column.name!r}", hint=hint)
    near = nearest(column.text if kind == "parameter" else column.name, names)
    near = list(dict.fromkeys([*near, *(twin for name in near if (twin := f"metrics.{name}") in names)]))
    hint = f"the nearest known: {', '.join(near)}" if near else "`ledger show RUN` lists the names that a run has"
    if kind == "metric" and FIELDS.keys() & set(near):
        hint += "; a metric called like a field of the run is metrics.NAME"
    return InvalidFilter(f"no run here has a {kind} {column.name!r}", hint=hint)


def nearest(word: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` known names that the user may have meant, the likeliest first."""
    import difflib

    names = list(dict.fromkeys(names))
    low = word.casefold()
    found = [name for name in names if name.casefold() == low]
    found += [name for name in names if name.partition("{")[0] == word]
    found += [name for name in names if low in re.split(r"[/.]", name.casefold().partition("{")[0])[1:]]
    found += [name for name in names if name.casefold().endswith(("/" + low, "." + low))]
    found += difflib.get_close_matches(word, names, n=count, cutoff=0.6)
    return list(dict.fromkeys(found))[:count]


def sort(states: Sequence[RunState], specs: Sequence[str], schema: "Schema") -> list[RunState]:
    """Return the runs sorted by the columns, the first one deciding first; `-` in front means descending.

    Stable. Values go up as written, whatever the metric's goal. Numbers stand before text, text before lists; NaN,
    undefined and absent stand last in either direction. Raises InvalidFilter for a name that no run has.
    """
    result = list(states)
    parsed = []
    for spec in specs:
        text = spec.strip()
        parsed.append((parse(text.removeprefix("-")), text.startswith("-")))
    check((column for column, _ in parsed), result, schema)
    for column, descending in reversed(parsed):
        ranked = [(*_rank(value(column, state, schema)), state) for state in result]
        result = []
        for group in range(4):
            members = [item for item in ranked if item[0] == group]
            members.sort(key=lambda item: item[1], reverse=descending)
            result.extend(item[2] for item in members)
    return result


def _rank(found: Any) -> tuple[int, Any]:
    if found is None or isinstance(found, Undefined) or (isinstance(found, float) and math.isnan(found)):
        return 3, 0
    if isinstance(found, (int, float)):
        return 0, found
    if isinstance(found, str):
        return 1, found
    return 2, json.dumps(found, ensure_ascii=False, sort_keys=True)
