"""Numbers for people: differences show, nothing becomes zero, decimal points line up."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.format.values import Undefined
from ledger.view import numbers
from ledger.view.numbers import column, difference, duration, exact, number, size, timestamp, when

finite = st.floats(-1e308, 1e308)


@given(st.lists(finite | st.integers(-(2**53), 2**53), min_size=1, max_size=12))
def test_values_that_differ_print_differently(values: list[float]) -> None:
    """Two values of a group have the same text if and only if they are equal (0.0 and -0.0 are told apart)."""
    texts = column(values)
    for value, text in zip(values, texts, strict=True):
        for other, other_text in zip(values, texts, strict=True):
            alike = value == other and math.copysign(1, value) == math.copysign(1, other)
            assert (text == other_text) == alike


@given(st.lists(finite, min_size=1, max_size=12))
def test_a_text_is_its_value_to_four_digits(values: list[float]) -> None:
    """What is printed reads back as the value within half a unit of the fourth digit, so never zero for what is not."""
    for value, text in zip(values, column(values), strict=True):
        assert math.isclose(float(text), value, rel_tol=5.001e-4, abs_tol=0)
        assert (float(text) == 0) == (value == 0)


@given(st.lists(st.floats(1e-4, 9e5) | st.floats(-9e5, -1e-4), min_size=1, max_size=12))
def test_decimals_agree_within_a_group(values: list[float]) -> None:
    """Ordinary values of one group have the same number of decimals."""
    assert len({len(text.partition(".")[2]) for text in column(values)}) == 1


@given(st.lists(finite, min_size=1, max_size=8), st.randoms())
def test_the_order_of_a_group_does_not_matter(values: list[float], random: object) -> None:
    """The text of a value depends on the set of values, not on their order."""
    texts = dict(zip(map(repr, values), column(values), strict=True))
    random.shuffle(values)  # type: ignore[attr-defined]
    assert dict(zip(map(repr, values), column(values), strict=True)) == texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.91234567, 0.92345678], ["0.9123", "0.9235"]),
        ([0.91231567, 0.91234789], ["0.91232", "0.91235"]),
        ([0.3, 0.1 + 0.2], ["0.29999999999999999", "0.30000000000000004"]),
        ([5e-9], ["5e-09"]),
        ([0.1, 0.01, 0.001], ["0.100", "0.010", "0.001"]),
        ([0.9, 0.95], ["0.90", "0.95"]),
        ([0.90004, 0.9512345], ["0.9000", "0.9512"]),
        ([1.0, 2.5], ["1.0", "2.5"]),
        ([1.0, 2.0, 30], ["1", "2", "30"]),
        ([0.31, 1.2e12], ["0.31", "1.2e+12"]),
        ([1e20, 3.0], ["1e+20", "3"]),
        ([2**60 + 1, 2**60], ["1152921504606846977", "1152921504606846976"]),
        ([10**400, 1], [str(10**400), "1"]),
        ([10**400, 0.5], [str(10**400), "0.5"]),
        ([-0.0, 0.0], ["-0.0", "0.0"]),
        ([-0.0, 0.0, 0.5], ["-0.0", "0.0", "0.5"]),
        ([-0.0], ["-0.0"]),
        ([-0.0, 0.5], ["-0.0", "0.5"]),
        ([-0.0, 2.0], ["-0.0", "2.0"]),
        ([0.0, 2.0], ["0", "2"]),
        ([None, math.nan, math.inf, -math.inf], ["-", "nan", "inf", "-inf"]),
        ([Undefined("one class"), 0.25], ["undefined", "0.25"]),
        ([True, False], ["true", "false"]),
        ([], []),
    ],
)
def test_groups_read_as_people_write_them(values: list[float], texts: list[str]) -> None:
    """Digits, signs and words of typical groups."""
    assert column(values) == texts


def test_noise_does_not_print_seventeen_digits() -> None:
    """Noisy values that differ early stay at four digits."""
    assert column([1 / 3, 2 / 3, 1 / 7]) == ["0.3333", "0.6667", "0.1429"]


def test_number_is_a_group_of_one() -> None:
    """A number alone is written as a column of one."""
    assert number(1 / 3) == "0.3333"
    assert number(None) == "-"


@given(finite)
def test_exact_reads_back(value: float) -> None:
    """Params are written so that the same number is read back."""
    assert float(exact(value)) == value
    assert exact(True) == "true"


@given(finite, finite)
def test_a_difference_is_never_written_as_zero(old: float, new: float) -> None:
    """A nonzero difference has a sign and a nonzero text; old and new still differ."""
    diff = new - old
    assume(math.isfinite(diff) and diff != 0)
    texts = difference(old, new, diff)
    assert texts[0] != texts[1]
    assert float(texts[2]) != 0
    assert texts[2][0] == ("+" if diff > 0 else "-")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.9123456, 0.9134567, 0.0011111), ("0.9123", "0.9135", "+0.0011")),
        ((0.9123456, 0.9122456, -0.0001), ("0.91235", "0.91225", "-0.00010")),
        ((0.91234999, 0.91235001, 2e-8), ("0.91234999", "0.91235001", "+0.00000002")),
        ((0.9, 0.95, 0.05), ("0.90", "0.95", "+0.05")),
        ((3, 5, 2), ("3", "5", "+2")),
        ((1e-9, 3e-9, 2e-9), ("1e-09", "3e-09", "+2e-09")),
        ((0.5, 0.5, 0.0), ("0.5", "0.5", "0")),
        ((None, 0.5, None), ("-", "0.5", "-")),
        ((0.5, math.nan, None), ("0.5", "nan", "-")),
        ((1.0, math.inf, math.inf), ("1", "inf", "inf")),
    ],
)
def test_differences_have_the_digits_of_their_values(
    values: tuple[float, float, float], texts: tuple[str, str, str]
) -> None:
    """Old, new and difference share their decimals; more where the difference has too few digits."""
    assert difference(*values) == texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.35, "350 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1m 00s"),
        (245, "4m 05s"),
        (3599.6, "1h 00m"),
        (7380, "2h 03m"),
        (86_399, "1d 00h"),
        (3 * 86_400 + 4 * 3600, "3d 04h"),
        (-12.34, "-12.3 s"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    """Durations round into the next unit instead of showing 60 of one."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10_200, "10 KiB"), (1_048_575, "1.0 MiB"),
     (32 << 20, "32 MiB"), (10**20, "88818 PiB"), (None, "-")],
)  # fmt: skip
def test_sizes(count: int | None, text: str) -> None:
    """Sizes have two or three digits and a binary unit."""
    assert size(count) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_agree_with_datetime(moment: datetime) -> None:
    """`timestamp` and `when` write what datetime says."""
    us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert timestamp(us) == moment.isoformat().replace("+00:00", "Z")
    assert when(us) == moment.isoformat(" ")[:16]


@pytest.mark.parametrize(
    ("age", "text"),
    [(5, "just now"), (65, "1 min ago"), (7200, "2 h ago"), (2 * 86_400, "2 d ago"), (8 * 86_400, "2026-11-14 03:15"),
     (-5, "2026-11-22 03:15")],
)  # fmt: skip
def test_when_gives_the_age_of_recent_times(age: int, text: str) -> None:
    """Times of the last week are written as their age if the present time is given; later ones as dates."""
    now = 1_795_317_305_000_000
    assert timestamp(now) == "2026-11-22T03:15:05Z"
    assert when(now - age * 1_000_000, now) == text
    assert when(None) == "-"


def test_a_count_agrees_with_its_noun() -> None:
    """One is singular, any other count is plural."""
    assert [numbers.plural(count, "row") for count in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


def test_is_number() -> None:
    """A bool is no number here, an int of any size is finite."""
    assert numbers.is_number(1.5)
    assert not numbers.is_number(True)
    assert numbers.is_finite(10**400)
