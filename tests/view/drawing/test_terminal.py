"""Plots as text: as wide as asked, nothing that steers the terminal, each line with its letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.view.drawing.terminal import Path, canvas
from ledger.view.rows import display_width

numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.lists(st.tuples(numbers, numbers), max_size=8), max_size=4),
    st.integers(30, 120),
    st.booleans(),
    st.booleans(),
)
def test_a_plot_fits_whatever_it_shows(paths: list[list[tuple[float, float]]], width: int, x: bool, y: bool) -> None:
    """16 lines of at most `width` columns, for any numbers on any axes."""
    drawn = canvas(
        [Path(points, None, "a") for points in paths], width=width, color=False, x_name="step", log_x=x, log_y=y
    )
    assert len(drawn) == 16
    # Where labels take more than there is, the plot is 20 columns wide nevertheless.
    widest = max(len(drawn[0].partition("┤")[0]) + 21, width)
    assert max(map(display_width, drawn[:15])) <= widest


def test_a_line_rises_from_left_to_right() -> None:
    """Ends are written beside the axes, the letter at the last point."""
    assert canvas([Path([(0, 0), (10, 1)], None, "a")], width=30, color=False, x_name="step") == [
        "1 ┤                        ⡠a",
        "  ┤                      ⢠⠊",
        "  ┤                    ⢀⠔⠁",
        "  ┤                  ⢀⠔⠁",
        "  ┤                ⢀⠔⠁",
        "  ┤               ⡠⠃",
        "  ┤             ⡠⠊",
        "  ┤           ⡠⠊",
        "  ┤         ⢠⠊",
        "  ┤       ⢀⠔⠁",
        "  ┤     ⢀⠔⠁",
        "  ┤   ⢀⠔⠁",
        "  ┤  ⡠⠃",
        "0 ┤⡠⠊",
        "  └──────────────────────────",
        "   0         step          10",
    ]


@pytest.mark.usefixtures("workdir")
def test_a_key_says_which_letter_is_which_run() -> None:
    """In colour where colour is wanted; more than ten runs are said to be left out."""
    for i in range(12):
        with ledger.start(f"run{i}", params={"lr": i}) as run:
            for step in range(3):
                run.log({"val/auc": i + step, "train/auc": 1.0, "train/loss": 0.5, "val/loss": 0.5 + step}, step=step)
    led = ledger.open()
    plain = led.plot_data("curves", metrics="val/auc").text(width=70)
    assert "a run11   b run10" in plain
    assert plain.endswith("(2 others, worse in val/auc: not drawn)\n")
    assert "\x1b" not in plain
    colored = led.plot_data("curves", metrics="val/auc").text(width=70, color=True)
    assert "\x1b[34ma\x1b[0m run11" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain
    for kind in ("boomerang", "scatter"):
        text = led.plot_data(kind).text(width=70)
        assert max(map(display_width, text.splitlines())) <= 70
