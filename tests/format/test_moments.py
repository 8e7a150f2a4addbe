"""Dates and times as people write them: the moments at which they begin and end."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.format import ids, moments


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-22", "2026-11-22T00:00:00.000000Z", "2026-11-22T23:59:59.999999Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z"),
        ("2026-11-22T03:15", "2026-11-22T03:15:00.000000Z", "2026-11-22T03:15:59.999999Z"),
        ("2026-11-22 03:15:01", "2026-11-22T03:15:01.000000Z", "2026-11-22T03:15:01.999999Z"),
        ("2026-11-22T03:15:01.5Z", "2026-11-22T03:15:01.500000Z", "2026-11-22T03:15:01.500000Z"),
        ("2026-11-22T03:15+02:00", "2026-11-22T01:15:00.000000Z", "2026-11-22T01:15:59.999999Z"),
        ("1970-01-01", "1970-01-01T00:00:00.000000Z", "1970-01-01T23:59:59.999999Z"),
    ],
)
def test_texts(text: str, first: str, last: str) -> None:
    """A date is a day, a time as long as it is precise; without a zone it is UTC."""
    assert (ids.rfc3339(moments.first("x", text)), ids.rfc3339(moments.last("x", text))) == (first, last)


@pytest.mark.parametrize(
    "given",
    ["", "now", "2026", "2026-11", "2026-11-32", "2025-02-29", "2026-11-22T", "2026-11-22T3:15", "2026-11-22T25:00",
     "20261122", "2026-W01-1", "2026-11-22T03:15:01.1234567", "２０２６-11-22", "1969-12-31", "9999-01-01", 5, 5.0,
     True, b"2026-11-22", None, ["2026-11-22"], "2026-11-22\n"],
)  # fmt: skip
def test_what_is_no_date(given: Any) -> None:
    """It is refused, with what it was said of."""
    with pytest.raises(InvalidValue, match="the day"):
        moments.first("the day", given)


@given(st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(9980, 1, 1)))  # noqa: DTZ001
def test_times_come_back(moment: datetime.datetime) -> None:
    """A datetime, aware or not, and the text of it are one moment, to the microsecond; so is its date a day."""
    aware = moment.replace(tzinfo=datetime.UTC)
    other = aware.astimezone(datetime.timezone(datetime.timedelta(hours=-7)))
    found = {moments.first("x", given) for given in (moment, aware, other, moment.isoformat(), other.isoformat())}
    if moment.microsecond:
        found |= {moments.last("x", given) for given in (moment, aware, moment.isoformat())}
    assert len(found) == 1
    assert ids.rfc3339(found.pop())[:26] == moment.isoformat(timespec="microseconds")
    assert moments.last("x", moment.date()) - moments.first("x", moment.date()) == 86_400_000_000 - 1
