"""Run ids, slugs and times: checked against `datetime` and the rules of docs/format/index.md."""

import datetime as dt
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.format import ids

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MOMENTS = st.datetimes(timezones=st.just(dt.UTC))


def us(moment: dt.datetime) -> int:
    """Return microseconds since 1970, by `datetime`."""
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


@given(MOMENTS)
@example(dt.datetime(2000, 2, 29, tzinfo=dt.UTC))
@example(dt.datetime(1900, 3, 1, tzinfo=dt.UTC))
@example(dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC))
def test_times_agree_with_datetime(moment: dt.datetime) -> None:
    """A time is written as `datetime` writes it, and read back as the same microsecond."""
    text = ids.rfc3339(us(moment))
    assert text == moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert ids.parse_rfc3339(text) == us(moment)
    assert ids.stamp(us(moment)) == re.sub(r"[-:]", "", text).replace("T", "-").replace(".", "-").rstrip("Z")


@given(MOMENTS, MOMENTS)
def test_stamps_sort_by_time(a: dt.datetime, b: dt.datetime) -> None:
    """Names that begin with stamps sort as their times do."""
    assert (ids.stamp(us(a)) < ids.stamp(us(b))) == (a < b)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T00:00:00.000000Z",
        "2027-02-29T00:00:00.000000Z",
        "2026-13-01T00:00:00.000000Z",
        "2026-00-01T00:00:00.000000Z",
        "2026-01-00T00:00:00.000000Z",
        "2026-01-01T24:00:00.000000Z",
        "2026-01-01T00:60:00.000000Z",
        "2026-01-01T00:00:60.000000Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000000+00:00",
        "2026-01-01 00:00:00.000000Z",
        "2026-01-01T00:00:00.000000Z\n",
        "٢٠٢٦-01-01T00:00:00.000000Z",
        "",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Days and hours that do not exist, other spellings and other digits raise ValueError."""
    with pytest.raises(ValueError, match="not a time"):
        ids.parse_rfc3339(text)


@given(MOMENTS, st.text(max_size=60), st.binary(min_size=6, max_size=6))
def test_run_ids_have_their_shape(moment: dt.datetime, name: str, random: bytes) -> None:
    """Any name gives an id of the documented shape, in the day folder of its time."""
    run = ids.make_run_id(us(moment), name, random)
    assert ids.is_run_id(run)
    assert ids.day_of(run) == f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    assert run.startswith(f"{moment.year:04d}{moment:%m%d-%H%M%S}-{ids.slug(name)}-")
    assert run.endswith(f"-{random.hex()}")


@given(st.text(max_size=60))
def test_slugs_are_safe_and_stable(name: str) -> None:
    """A slug is [a-z0-9-], 1 to 32 characters, no hyphen at an end; the slug of a slug is itself."""
    slug = ids.slug(name)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", slug)
    assert ids.slug(slug) == slug


@pytest.mark.parametrize(
    "text",
    [
        "",
        "baseline",
        "20261122-03150",
        "20261122-031501",
        "20261122-031501-",
        "20261122-031501-baseline",
        "20261122-031501-baseline-7F3A9C2E1B0D",
        "20261122-031501--x-7f3a9c2e1b0d",
        "20261122-031501-" + "a" * 33 + "-7f3a9c2e1b0d",
        "20261122-031501-base/line-7f3a9c2e1b0d",
        "20261122-031501-baseline-7f3a9c2e1b0d\n",
        "٢٠٢٦١١٢٢-031501-baseline-7f3a9c2e1b0d",
        "../../20261122-031501-baseline-7f3a9c2e1b0d",
    ],
)
def test_what_is_no_run_id(text: str) -> None:
    """Parts, other cases, paths and other digits are no run ids."""
    assert not ids.is_run_id(text)
