"""Charts as data: the columns and facts that a picture is drawn from, as JSON; equal data are equal bytes.

`{"schema": "ledger.chart/1", "kind": ..., "columns": {...}, "facts": {...}}`: columns keep their order, the members of
facts are sorted; how NaN, infinities and undefined values are written is in docs/format/charts.md.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ledger.errors import RESTORE, DamagedFile, InvalidValue
from ledger.format.values import Undefined

SCHEMA = "ledger.chart/1"
EXTENSION = "json"
BYTES_MAX = 1 << 26
COLUMNS_MAX = 4096
ROWS_MAX = 1 << 20
DEFINITIONS = "definitions"
# The charts that evaluations write, by name, with their kinds; `definitions` tells that those beside it are of one.
EVALUATION = {
    **{name: name for name in ("roc", "pr", "calibration", "ks", "gain", "lift", "threshold", "confusion")},
    **{name: name for name in ("predicted_vs_true", "residuals")},
    "residual_histogram": "histogram", "error_by_decile": "table", "histogram": "histogram",
    "confused": "table", "report": "table", DEFINITIONS: DEFINITIONS,
}  # fmt: skip
_DEPTH_MAX = 32
_INT_MAX = 2**64
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WORD = re.compile(r"\$*(?:NaN|-?Infinity)")
_UNDEFINED = "$undefined"
_HEAD = re.compile(rb'\{"schema":"ledger\.chart/1","kind":"([a-z_]{1,40})"')


class Chart(NamedTuple):
    """A chart that was read: its kind, columns of one length in their order, and facts."""

    kind: str
    columns: dict[str, list[Any]]
    facts: dict[str, Any]


def encode(kind: str, columns: Mapping[str, Any], facts: Mapping[str, Any]) -> bytes:
    """Return the bytes of a chart: columns are lists or arrays (n,) of one length, of numbers, texts, bools or None.

    Facts are JSON values, floats that are not finite and `Undefined` among them. Raises InvalidValue for others, for
    columns of different lengths, and beyond 2^20 rows, 4096 columns or 64 MiB.
    """
    lengths = {_name(name): len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        (a, n), (b, m) = next((x, y) for x in lengths.items() for y in lengths.items() if x[1] != y[1])
        raise InvalidValue(f"the column {a!r} of the chart has {n} values, and {b!r} has {m}")
    if len(lengths) > COLUMNS_MAX or max(lengths.values(), default=0) > ROWS_MAX:
        raise InvalidValue(
            f"a chart has at most {ROWS_MAX} rows and {COLUMNS_MAX} columns; this one has "
            f"{max(lengths.values(), default=0)} and {len(lengths)}",
            hint="keep it as a file: run.log_file(name, path)",
        )
    listed = {name: _listed(name, column) for name, column in columns.items()}
    sorted_facts = {name: _plain(facts[name], f"the fact {name!r}", 0) for name in sorted(map(_name, facts))}
    document = {"schema": SCHEMA, "kind": kind, "columns": listed, "facts": sorted_facts}
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        data = f"{text}\n".encode()
    except UnicodeEncodeError:
        raise InvalidValue("a text of the chart is not valid Unicode") from None
    if len(data) > BYTES_MAX:
        raise InvalidValue(
            f"the chart has {len(data)} bytes; the limit is {BYTES_MAX}",
            hint="keep it as a file: run.log_file(name, path)",
        )
    return data


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidValue(f"a column or fact of a chart has the name {name!r}; it must be text")
    return name


def _listed(name: str, column: Any) -> list[Any]:
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [value if type(value) is bool else _cell(value, name) for value in values]


def _cell(value: Any, name: str) -> Any:
    """Return one value of a column as JSON has it."""
    found = _scalar(value, f"the column {name!r} of the chart")
    if isinstance(found, (dict, list)):
        raise InvalidValue(f"the column {name!r} of the chart holds {value!r}, which is no single value")
    return found


def _scalar(value: Any, where: str) -> Any:
    if type(value) is float:
        if math.isfinite(value):
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = str.__str__(value)
        return f"${text}" if _WORD.fullmatch(text) else text
    if isinstance(value, int):
        if not -_INT_MAX < value < _INT_MAX:
            raise InvalidValue(f"{where} holds a whole number beyond 64 bits")
        return int(value)
    if isinstance(value, float):
        return _scalar(float(value), where)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _scalar(value.item(), where) if type(value.item()) is not type(value) else _refused(value, where)
    if isinstance(value, (dict, list, tuple)) or hasattr(value, "tolist"):
        return value if isinstance(value, dict) else list(value)
    return _refused(value, where)


def _refused(value: Any, where: str) -> Any:
    raise InvalidValue(
        f"{where} holds a {type(value).__name__}, which has no JSON form: {str(value)[:60]}",
        hint="give numbers, texts, bools or None",
    )


def _plain(value: Any, where: str, depth: int) -> Any:
    """Return a fact as JSON has it."""
    if depth > _DEPTH_MAX:
        raise InvalidValue(f"{where} is nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, Undefined):
        return {_UNDEFINED: value.reason}
    if isinstance(value, Mapping):
        names = sorted(map(_name, value))
        return {("$" + name if name.startswith("$") else name): _plain(value[name], where, depth + 1) for name in names}
    found = _scalar(value, where)
    return [_plain(inner, where, depth + 1) for inner in found] if isinstance(found, list) else found


def kind_of(data: bytes) -> str | None:
    """Return the kind of a chart by the first of its bytes; None for what is no chart of this schema."""
    found = _HEAD.match(data)
    return found[1].decode() if found else None


def decode(data: bytes, name: str = "the chart") -> Chart:
    """Return kind, columns and facts as they were given to `encode`, arrays as lists; raises DamagedFile."""
    if len(data) > BYTES_MAX:
        raise DamagedFile(f"{name} has {len(data)} bytes; a chart has at most {BYTES_MAX}", hint=RESTORE)
    try:
        document = json.loads(data.decode("utf-8"), parse_float=_finite, parse_constant=_no_constant)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        kind, columns, facts = (document.get(key) for key in ("kind", "columns", "facts"))
        if not isinstance(kind, str) or not isinstance(columns, dict) or not isinstance(facts, dict):
            raise ValueError("kind, columns or facts are not there")
        lengths = {len(column) if isinstance(column, list) else -1 for column in columns.values()}
        if len(lengths) > 1 or -1 in lengths:
            raise ValueError("its columns are no lists of one length")
        if len(columns) > COLUMNS_MAX or max(lengths, default=0) > ROWS_MAX:
            raise ValueError("it has too many rows or columns")
        read = {key: [_read_cell(value) for value in column] for key, column in columns.items()}
        return Chart(kind, read, {key: _read(value, 0) for key, value in facts.items()})
    except (ValueError, RecursionError, InvalidValue) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else error
        raise DamagedFile(f"{name} is no chart that can be read: {what}", hint=RESTORE) from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is beyond float64")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _read_cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        raise ValueError("a column holds what is no single value")
    return _read_scalar(value)


def _read_scalar(value: Any) -> Any:
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value[1:] if value[0] == "$" else _NON_FINITE[value]
    if type(value) is int and not -_INT_MAX < value < _INT_MAX:
        raise ValueError("a whole number is beyond 64 bits")
    return value


def _read(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX + 1:
        raise ValueError(f"facts are nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, dict):
        if len(value) == 1 and _UNDEFINED in value:
            return Undefined(value[_UNDEFINED])
        if any(key[:1] == "$" != key[1:2] for key in value):
            raise ValueError("a member begins with $, and no second one follows")
        return {(key[1:] if key.startswith("$") else key): _read(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_read(inner, depth + 1) for inner in value]
    return _read_scalar(value)


def of_evaluations(series: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Return which charts, each a name and a context, are of one evaluation, by its prefix (`test/`) and context.

    Told by their names alone: `definitions`, others of `EVALUATION` with the same prefix, in the order of that, and
    `definitions/NAME` of metrics that were added later.
    """
    left = set(series)
    found: dict[tuple[str, str], list[str]] = {}
    for name, context in sorted(left):
        if name.endswith(DEFINITIONS) and (name, context) in left:
            prefix = name.removesuffix(DEFINITIONS)
            found[prefix, context] = [one for one in EVALUATION if (prefix + one, context) in left]
            left -= {(prefix + one, context) for one in found[prefix, context]}
    for name, context in sorted(left):
        whole, slash, metric = name.rpartition("/")
        if slash and whole.endswith(DEFINITIONS):
            found.setdefault((whole.removesuffix(DEFINITIONS), context), []).append(f"{DEFINITIONS}/{metric}")
    return found
