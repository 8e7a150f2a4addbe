"""How numbers, durations, sizes and times are written for people; pure, and the same in a terminal, a page or Markdown.

Numbers are written per group (a column, or a row that compares runs): enough digits that values which differ also
print differently, and the same decimals throughout so that decimal points line up.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

DIGITS_LEAST = 4  # significant digits that every group gets, unless fewer hold its values exactly
DIGITS_SOFT = 6  # growth ends here unless values that differ would still print the same
DIGITS_MOST = 17  # tells any two float64 apart
_FIXED_LOW, _FIXED_HIGH = -4, 6  # decimal exponents written without an exponent
_WHOLE_HIGH = 15  # whole floats up to here are written in full
_EXACT_INT = 2**53  # above it a float no longer holds every integer


class Undefined(NamedTuple):
    """Stands in a group for a value that is not defined, whatever the reason says."""

    reason: str


def column(values: Sequence[Any]) -> list[str]:
    """Write a group of numbers alike; return one text per value.

    None is written `-`, a bool `true` or `false`, an undefined value (an object with a `reason`) `undefined`. Values
    that are not zero never print as zero: those below 1e-4, or from 1e6 on, get an exponent (in whole groups: floats
    from 1e15 on). -0.0 keeps its sign. Zeros at the end are left out where no value of the group was rounded.
    """
    finite = [v for v in values if is_number(v) and is_finite(v)]
    whole = all(isinstance(v, int) or v.is_integer() for v in finite)
    signed_zero = any(v == 0 and math.copysign(1.0, v) < 0 for v in finite)
    high = _WHOLE_HIGH if whole else _FIXED_HIGH
    in_full = {v for v in finite if isinstance(v, int) and (whole or abs(v) >= _EXACT_INT)}
    rest = {float(v) for v in finite if v not in in_full}
    fixed = sorted(v for v in rest if v == 0 or _FIXED_LOW <= _exponent(v) < high)
    tiny_or_huge = sorted(rest.difference(fixed))
    texts: dict[float | int, str] = {v: str(v) for v in in_full}
    texts.update(_fixed(fixed, whole, signed_zero))
    texts.update(_scientific(tiny_or_huge))
    return [_written(v, texts, signed_zero) for v in values]


def number(value: Any) -> str:
    """Write one number that stands alone."""
    return column([value])[0]


def exact(value: float) -> str:
    """Write a number so that reading it back gives the same number; for params, which are settings, not estimates."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def difference(old: Any, new: Any, diff: Any) -> tuple[str, str, str]:
    """Write an old value, a new one and their signed difference with the same decimals.

    They get more digits where a difference that is not zero would otherwise print as zero or, up to six digits,
    with a single digit. A difference that is absent or not finite is written as by `number`.
    """
    texts = column([old, new])
    if not is_number(diff) or not is_finite(diff) or diff == 0:
        return texts[0], texts[1], "0" if is_number(diff) and diff == 0 else number(diff)
    plain = all(is_number(v) and is_finite(v) for v in (old, new)) and not any("e" in t for t in texts)
    decimals = max(_decimals(t) for t in texts)
    if not plain or (decimals == 0 and not float(diff).is_integer()):
        return texts[0], texts[1], _signed(number(diff))
    if decimals == 0:
        return texts[0], texts[1], _signed(f"{diff:.0f}")
    top = max((_exponent(float(v)) for v in (old, new) if v), default=0)
    rounded = any(float(text) != float(value) for text, value in zip(texts, (old, new), strict=True))
    while rounded and decimals + top + 1 < DIGITS_MOST:
        shown = len(f"{abs(diff):.{decimals}f}".replace(".", "").lstrip("0"))
        if shown >= 2 or (shown == 1 and decimals + top + 1 >= DIGITS_SOFT):
            break
        decimals += 1
    if float(f"{diff:.{decimals}f}") == 0:
        return texts[0], texts[1], _signed(number(diff))
    return f"{old:.{decimals}f}", f"{new:.{decimals}f}", _signed(f"{diff:.{decimals}f}")


def is_number(value: Any) -> bool:
    """Say whether the value is an int or float; a bool is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_finite(value: float) -> bool:
    """Say whether a number is neither NaN nor infinite; an int of any size is finite."""
    return isinstance(value, int) or math.isfinite(value)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _exponent(value: float) -> int:
    """Return the decimal exponent of a nonzero value, exactly (log10 may be off by one at powers of ten)."""
    return int(f"{value:.16e}".partition("e")[2])


def _written(value: Any, texts: dict[float | int, str], signed_zero: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not is_number(value):
        return "undefined" if hasattr(value, "reason") else str(value)
    if not is_finite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        text = texts[value].lstrip("-")
        return f"-{text}" if signed_zero and math.copysign(1.0, value) < 0 else text
    return texts[value]


def _fixed(values: list[float], whole: bool, signed_zero: bool) -> dict[float, str]:
    """Write distinct values without exponent, all with the same decimals; whole ones with one beside a -0.0."""
    if whole:
        return {v: f"{v:.{int(signed_zero)}f}" for v in values}
    lowest = min((_exponent(v) for v in values if v), default=0)

    def write(digits: int) -> list[str]:
        decimals = max(1, digits - 1 - lowest)
        return [f"{v:.{decimals}f}" for v in values]

    texts = _enough(values, write)
    if _all_exact(texts, values):
        spare = min((len(t) - len(t.rstrip("0")) for t in texts), default=0)
        spare = min([spare, *(_decimals(t) - 1 for t in texts)])
        texts = [t[: len(t) - spare] for t in texts]
    return dict(zip(values, texts, strict=True))


def _scientific(values: list[float]) -> dict[float, str]:
    """Write distinct values with an exponent, all with the same decimals."""
    texts = _enough(values, lambda digits: [f"{v:.{digits - 1}e}" for v in values])
    if _all_exact(texts, values):
        for digits in range(DIGITS_LEAST):
            shorter = [f"{v:.{digits}e}" for v in values]
            if _all_exact(shorter, values):
                return dict(zip(values, shorter, strict=True))
    return dict(zip(values, texts, strict=True))


def _enough(values: list[float], write: Callable[[int], list[str]]) -> list[str]:
    """Return the texts with the fewest digits that tell the values apart; up to six digits if that makes them exact."""
    digits = DIGITS_LEAST
    texts = write(digits)
    while digits < DIGITS_MOST and len(set(texts)) < len(values):
        digits += 1
        texts = write(digits)
    for more in range(digits, DIGITS_SOFT + 1):
        longer = write(more)
        if _all_exact(longer, values):
            return longer
    return texts


def _all_exact(texts: Iterable[str], values: Iterable[float]) -> bool:
    return all(float(text) == value for text, value in zip(texts, values, strict=True))


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float | None) -> str:
    """Write a duration given in seconds: `350 ms`, `12.3 s`, `4m 05s`, `2h 03m`, `3d 04h`; None is `-`."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)} ms"
    if round(seconds * 10) < 600:
        return f"{seconds:.1f} s"
    if round(seconds) < 3600:
        return "{}m {:02}s".format(*divmod(round(seconds), 60))
    if round(seconds / 60) < 24 * 60:
        return "{}h {:02}m".format(*divmod(round(seconds / 60), 60))
    return "{}d {:02}h".format(*divmod(round(seconds / 3600), 24))


def size(count: int | None) -> str:
    """Write a number of bytes: `512 B`, `1.5 KiB`, `32 MiB`; None is `-`."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    scaled = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        scaled /= 1024
        if scaled < 999.5 or unit == "PiB":
            return f"{scaled:.1f} {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"
    raise AssertionError("unreachable")


def when(us: int | None, now_us: int | None = None) -> str:
    """Write a time in microseconds since 1970 as `2026-11-22 03:15` (UTC); None is `-`.

    With `now_us`, a time of the last seven days is written as its age: `just now`, `5 min ago`, `3 h ago`, `2 d ago`.
    """
    if us is None:
        return "-"
    if now_us is not None and 0 <= now_us - us < 7 * 86_400_000_000:
        minutes = (now_us - us) // 60_000_000
        if minutes < 1:
            return "just now"
        if minutes < 60:
            return f"{minutes} min ago"
        return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} d ago"
    return timestamp(us - us % 60_000_000).removesuffix(":00Z").replace("T", " ")


def timestamp(us: int) -> str:
    """Write a time in microseconds since 1970 as RFC 3339 UTC: `2026-11-22T03:15:01Z`, the microseconds unless zero."""
    seconds, micro = divmod(us, 1_000_000)
    t = time.gmtime(seconds)
    date = f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}"
    return f"{date}T{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}" + (f".{micro:06}Z" if micro else "Z")
