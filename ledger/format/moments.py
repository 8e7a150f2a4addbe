"""Dates and times as people write them, as microseconds since 1970 UTC; what has no time zone is UTC."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger.errors import InvalidValue
from ledger.format.ids import TIME_MAX

_SHAPE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first(what: str, given: Any) -> int:
    """Return the first microsecond of a date or time: of a day, a minute, a second; raises InvalidValue."""
    return _span(what, given)[0]


def last(what: str, given: Any) -> int:
    """Return the last microsecond of a date or time; raises InvalidValue."""
    return _span(what, given)[1]


def _span(what: str, given: Any) -> tuple[int, int]:
    length = timedelta(microseconds=1)
    moment = given
    if isinstance(given, str):
        moment, length = _read(what, given)
    elif isinstance(given, date) and not isinstance(given, datetime):
        moment, length = datetime(given.year, given.month, given.day, tzinfo=UTC), timedelta(days=1)
    elif not isinstance(given, datetime):
        raise InvalidValue(f"{what} must be a date or a time, not {type(given).__name__}: {given!r:.60}")
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    start = (utc - _EPOCH) // timedelta(microseconds=1)
    if not 0 <= start <= TIME_MAX:
        raise InvalidValue(f"{what} is {given}, which is before 1970 or too late")
    return start, start + length // timedelta(microseconds=1) - 1


def _read(what: str, text: str) -> tuple[datetime, timedelta]:
    shape = _SHAPE.fullmatch(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        shape = None
    if shape is None:
        raise InvalidValue(f"{what} is {text[:60]!r}, which is no date", hint="write 2026-11-01 or 2026-11-01T09:30")
    if len(text) == 10:
        return moment, timedelta(days=1)
    if shape[1] is None:
        return moment, timedelta(minutes=1)
    return moment, timedelta(microseconds=1) if shape[2] else timedelta(seconds=1)
