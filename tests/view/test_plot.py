"""Plots of characters: what stands where, whatever the numbers are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.view.plot import HEIGHT, plot
from ledger.view.rows import is_unsafe


def test_a_plot() -> None:
    """The greatest value fills its column, the least stands at the bottom; marks are under their columns."""
    values = [0.9, 0.93, 0.9, None, math.nan, -math.inf]
    assert plot(values, [value == 0.9 for value in values], width=16) == [
        "0.93 ┤  █",
        "     ┤  █",
        "     ┤  █",
        "     ┤  █",
        "     ┤  █",
        "0.90 ┤ ▁█▁ ·↓",
        "       ▼ ▼",
    ]


def test_few_values_are_drawn_wider() -> None:
    """Up to three columns each, marks at the first of them."""
    lines = plot([1.0, 2.0], [False, True])
    assert lines[0] == "2 ┤    ███"
    assert lines[-2:] == ["1 ┤ ▁▁▁███", "       ▼"]


def test_many_values_share_columns_and_no_mark_is_lost() -> None:
    """A thousand commits in 40 columns: the one that was worse is still seen."""
    marked = [i == 501 for i in range(1000)]
    lines = plot([float(i) for i in range(1000)], marked, width=40)
    assert max(map(len, lines)) == 40
    assert lines[-1].strip() == "▼"
    assert lines[-1].index("▼") == lines[0].index("┤") + 2 + 34 * 501 // 1000


@pytest.mark.parametrize("values", [[], [None], [math.nan], [5.0], [5.0, 5.0], [math.inf, -math.inf]])
def test_there_is_always_something_to_draw(values: list[float | None]) -> None:
    """Without numbers, with one, with equal ones."""
    assert len(plot(values, [False] * len(values))) == HEIGHT


@given(
    st.lists(st.none() | st.floats(), max_size=60).flatmap(
        lambda values: st.tuples(st.just(values), st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    ),
    st.integers(1, 100),
)
def test_a_plot_fits(drawn: tuple[list[float | None], list[bool]], width: int) -> None:
    """Within its width, unless it had to be less than ten columns of bars; nothing of it steers a terminal."""
    values, marked = drawn
    lines = plot(values, marked, width=width)
    room = lines[0].index("┤") + 2
    assert max(map(len, lines)) <= max(width, room + 10)
    assert len(lines) == HEIGHT + any(marked)
    assert not any(is_unsafe(character) for line in lines for character in line)
