"""Curves as one line of text: the laws of their heights."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.view.sparklines import sparkline

HEIGHTS = "▁▂▃▄▅▆▇█"
finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([1.0], "▄"),
        ([2.0, 2.0, 2.0], "▄▄▄"),
        ([0, 1, 2, 3, 4, 5, 6, 7], HEIGHTS),
        ([7, 0], "█▁"),
        ([0.0, math.nan, 1.0], "▁·█"),
        ([math.nan, math.nan], "··"),
        ([-math.inf, 0.0, 1.0, math.inf], "▁▁██"),
        ([math.inf, math.nan, -math.inf], "█·▁"),
        ([5.0, math.inf], "▄█"),
        ([0.0, 5e-324], "▁█"),
        ([-1.7e308, 0.0, 1.7e308], "▁▅█"),
        ([-0.0, 0.0], "▄▄"),
    ],
)
def test_what_is_drawn(values: list[float], expected: str) -> None:
    """From the least to the greatest; a constant in the middle, a dot for NaN, infinities at the edge."""
    assert sparkline(values) == expected


@given(st.lists(st.floats(), max_size=40))
@example([0.0, 5e-324])
@example([-1.7e308, 1.7e308, math.inf, math.nan])
def test_one_sign_for_each_value(values: list[float]) -> None:
    """As many signs as values; a dot exactly where a value is NaN."""
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert [sign == "·" for sign in drawn] == [math.isnan(value) for value in values]
    assert set(drawn) <= set(HEIGHTS + "·")


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=40))
def test_a_greater_value_is_never_lower(values: list[float]) -> None:
    """The order of the heights is that of the values."""
    drawn = [HEIGHTS.index(sign) for sign in sparkline(values)]
    pairs = sorted(zip(values, drawn, strict=True))
    assert [height for _, height in pairs] == sorted(drawn)


@given(st.lists(finite, min_size=2, max_size=40).filter(lambda values: min(values) < max(values)))
def test_the_whole_height_is_used(values: list[float]) -> None:
    """Where values differ, the least is at the bottom and the greatest at the top."""
    drawn = sparkline(values)
    assert drawn[values.index(min(values))] == HEIGHTS[0]
    assert drawn[values.index(max(values))] == HEIGHTS[-1]
