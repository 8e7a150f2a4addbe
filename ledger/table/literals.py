"""The values on the right of a comparison in the filter language: how they read, and how a run's value meets them.

`filter.py` parses the text and knows where each value stands; what is raised here has no place yet.
"""

import math
import operator
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import InvalidFilter
from ledger.format.values import Undefined

PATTERN_MAX = 200
EXPECTED = {
    "number": "a number",
    "duration": "seconds, or an age such as 2h",
    "text": "text in quotes",
    "tags": "text in quotes",
    "bool": "true or false",
    "time": "a date such as 2026-11-01, or with < and > an age such as 7d",
    "any": "a number, text in quotes, true or false",
}
# ASCII, since a dotless i is an i to IGNORECASE and none to float().
NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII
)
_AGE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([smhdw])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TEXTUAL = {"tags": "text", "duration": "number"}
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

Test = Callable[[Any], bool]


class Literal(NamedTuple):
    """A value on the right: its type (number, text, bool, none, time as text, age in seconds), the value, its text.

    `bare` says that it stood there without quotes.
    """

    type: str
    value: Any
    text: str
    bare: bool = True


def read(text: str) -> Literal | None:
    """Read a word without quotes; None where it is no value, and may name a column.

    Raises InvalidFilter for a number beyond the range of a float.
    """
    word = text.lower()
    if word in ("true", "false"):
        return Literal("bool", word == "true", text)
    if word in ("none", "null"):
        return Literal("none", None, text)
    if NUMBER.fullmatch(text):
        whole = text.lstrip("+-").isdigit() and len(text) < 400
        number = int(text) if whole else float(text)
        if word[-1] not in "nfy" and not math.isfinite(float(text)):
            raise InvalidFilter(f"{text} is beyond the range of a float", hint="write inf if infinity is meant")
        return Literal("number", number, text)
    if age := _AGE.fullmatch(text):
        return Literal("age", float(age[1]) * _SECONDS[age[2]], text)
    return Literal("time", text, text) if _DATE.fullmatch(text) else None


def test(kind: str, name: str, op: str, literal: Literal, now_us: int) -> Test:
    """Return the test of a present value of type `kind`, in the column `name`, against a literal.

    Ages count back from `now_us`. Raises InvalidFilter where the two types can never meet.
    """
    value = literal.value
    if kind in ("time", "duration") and op in ("~", "contains"):
        raise InvalidFilter(f"{op!r} does not go with {name}", hint="write <, <=, =, >= or >")
    if kind == "time" and literal.type in ("time", "text"):
        start, end = _span(value)
        return lambda found: _within(op, found, start, end)
    if kind == "time" and literal.type == "age" and op not in ("=", "!="):
        start = now_us - round(value * 1e6)
        return lambda found: _within(op, found, start, start + 1)
    ours = literal.type.replace("age", "number") if kind == "duration" else literal.type
    wanted = ("number", "text", "bool") if kind == "any" else (_TEXTUAL.get(kind, kind),)
    if ours not in wanted:
        hint = f"text stands in quotes: '{literal.text}'" if "text" in wanted and literal.bare else None
        raise InvalidFilter(f"expected {EXPECTED[kind]} after {name} {op}", hint=hint)
    if op == "~" and ours == "text":
        search = _pattern(value)
        return lambda found: any(isinstance(x, str) and bool(search(x)) for x in (found if kind == "tags" else [found]))
    if op == "contains" and (kind in ("tags", "any") or ours == "text"):
        return lambda found: value in found if type(found) is type(value) is str else _member(found, value)
    if op in ("~", "contains") or (op not in ("=", "!=") and (ours == "bool" or kind == "tags")):
        raise InvalidFilter(f"{op!r} does not go with {name} and {literal.text!r}", hint="write = or !=")
    if op not in ("=", "!=") and value != value:
        raise InvalidFilter("nothing is less or greater than nan", hint=f"write {name} is nan")
    return lambda found: holds(op, found, value)


def holds(op: str, old: Any, new: Any) -> bool:
    """Compare a value with a literal or another value; only values of one type are equal or have an order."""
    if isinstance(old, list) and isinstance(new, str) and op in ("=", "!="):
        return _member(old, new) == (op == "=")
    if isinstance(old, float) and math.isnan(old):
        return op == "=" and new != new
    alike = _type(old) == _type(new)
    if op in ("=", "!="):
        return (alike and bool(old == new)) == (op == "=")
    return alike and isinstance(old, (int, float, str)) and bool(_ORDER[op](old, new))


def is_state(value: Any, word: str) -> bool:
    """Say whether a value is absent (none), undefined, nan or inf."""
    if word in ("absent", "none"):
        return value is None
    if word == "undefined":
        return isinstance(value, Undefined)
    return isinstance(value, float) and (math.isnan(value) if word == "nan" else math.isinf(value))


def _span(text: str) -> tuple[int, int]:
    """Return the first microsecond of a date or time, and of the day, minute or second after it."""
    shape = _DATE.fullmatch(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        shape = None
    if shape is None:
        hint = "write 2026-11-01 or 2026-11-01T09:30, or an age such as 7d"
        raise InvalidFilter(f"{text!r} is no date", hint=hint)
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    start = since // timedelta(microseconds=1)
    seconds = 86400 if len(text) == 10 else 60 if not shape[1] else 1
    return start, start + (1 if shape[2] else seconds * 10**6)


def _pattern(text: str) -> Callable[[str], object]:
    if len(text) > PATTERN_MAX:
        raise InvalidFilter(f"the pattern has {len(text)} characters; {PATTERN_MAX} is the limit")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text).search
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidFilter(f"the pattern {text!r} is no regular expression: {error}") from None


def _within(op: str, found: int, start: int, end: int) -> bool:
    if op in ("=", "!="):
        return (start <= found < end) == (op == "=")
    return {"<": found < start, "<=": found < end, ">": found >= end, ">=": found >= start}[op]


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _member(found: Any, value: Any) -> bool:
    return isinstance(found, list) and any(holds("=", item, value) for item in found)
