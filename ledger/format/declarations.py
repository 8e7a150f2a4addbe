"""What each key of `.ledger-schema` may hold: its check, and the rule in words for the error.

`schema.py` reads the tables and asks here for each value.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from ledger.errors import InvalidName
from ledger.format.names import check_metric, check_text

# A function that returns the value as stored, or None if it is not allowed; and what is allowed, in words.
Rule = tuple[Callable[[Any], Any], str]

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def _number(value: Any) -> float | None:
    """Return an integer or float as float64, infinities included; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return None if math.isnan(value) else float(value)
    except OverflowError:
        return None


def _finite(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and math.isfinite(number) else None


def _amount(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number >= 0 else None


def _range(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = _number(value[0]), _number(value[1])
    return (low, high) if low is not None and high is not None and low <= high else None


def _goal(value: Any) -> str | None:
    return value if value in ("maximize", "minimize") else None


def _line(value: Any) -> str | None:
    try:
        return check_text("", value)
    except InvalidName:
        return None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    odd = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t" for c in value)
    return None if odd else value


def _aliases(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len({str(name) for name in value}) < len(value):
        return None
    try:
        return None if any("*" in check_metric(name) or "?" in name for name in value) else tuple(value)
    except InvalidName:
        return None


def _runs(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63 else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _scalar(value: Any) -> Any:
    if isinstance(value, int):  # TOML has integers of any size, JSON readers have not
        return value if -(2**63) <= value < 2**63 else None
    return value if isinstance(value, float) else _text(value)


def _size(value: Any) -> int | None:
    """Return a size in bytes from an integer or from text such as "1.5 GB" or "20 MiB"."""
    if isinstance(value, str):
        size = re.fullmatch(r"([0-9]{1,15})(?:\.([0-9]{1,15}))? ?([kmgt]?i?b)", value.lower())
        if size is None or size[3] not in _UNITS:
            return None
        fraction = size[2] or ""
        value, rest = divmod(int(size[1] + fraction) * _UNITS[size[3]], 10 ** len(fraction))
        if rest:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


_NUMBER: Rule = (_finite, "a finite number")
_AMOUNT: Rule = (_amount, "a finite number >= 0")
_SIZE: Rule = (_size, 'whole bytes: an integer >= 0, or text such as "20 MB" or "1.5 GiB"')
SCALAR: Rule = (_scalar, "a text, a number or a boolean, integers within 64 bits")
METRIC: dict[str, Rule] = {
    "goal": (_goal, '"maximize" or "minimize"'),
    "unit": (_line, "a text of one line, not empty, without spaces around it"),
    "description": (_text, "a text without control characters"),
    "range": (_range, "[lo, hi]: two numbers, lo <= hi, -inf and inf allowed, nan not"),
    "tolerance": _AMOUNT,
    "relative_tolerance": _AMOUNT,
    "alias": (_aliases, "a list of different metric names, without wildcards and contexts"),
}
GATE: dict[str, Rule] = {
    "min": _NUMBER,
    "max": _NUMBER,
    "max_drop": _AMOUNT,
    "max_rise": _AMOUNT,
    "tolerance": _AMOUNT,
    "min_runs": (_runs, "an integer >= 1, below 2^63"),
    "required": (_boolean, "true or false"),
    "baseline": (_line, "a text: a run or a git revision"),
}
STORAGE: dict[str, Rule] = {"max_blob": _SIZE, "warn_total": _SIZE}
