"""Montages as lists: which pictures of a series are shown, and what is no picture."""

from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import NoSuchChart, UsageError
from ledger.table.charts import Montage

pytestmark = pytest.mark.usefixtures("workdir")


def montage(*runs: str, **options: Any) -> Montage:
    """The table of a montage."""
    found: Montage = ledger.open().plot_data("montage", *runs, **options).table
    return found


def draw(count: int, **more: Any) -> None:
    """A run with a long series of pictures, a short one, and a text."""
    with ledger.start("a", **more) as run:
        for step in range(count):
            run.log_chart("grid", np.full((2, 3), step % 256, np.uint8), step=step, caption=f"number {step}")
        run.log_chart("other", np.zeros((2, 2), np.uint8))
        run.log_text("report", "fine")


def test_the_longest_series_in_order_of_step() -> None:
    """With what is known of each picture, and its bytes."""
    draw(3)
    found = montage("a")
    assert (found.chart, [chart.step for chart in found.pictures]) == ("grid", [0, 1, 2])
    assert [row[2:5] for row in found.rows()] == [[i, f"number {i}", "image/png"] for i in range(3)]
    assert all(data.startswith(b"\x89PNG") for data in found.data)
    assert [p["step"] for p in found.to_json()["pictures"]] == [0, 1, 2]


def test_a_long_series_is_thinned_evenly() -> None:
    """The first and the last stay; it is said; steps that are asked for are all shown."""
    draw(30)
    found = montage("a", limit=4)
    assert [chart.step for chart in found.pictures] == [0, 9, 19, 29]
    assert found.notices == ["4 of 30 pictures shown, evenly apart; --limit or --step"]
    assert [chart.step for chart in montage("a", limit=1).pictures] == [29]
    assert len(montage("a").pictures) == 24
    assert len(montage("a", steps=list(range(26))).pictures) == 26


def test_what_is_no_series_of_pictures_is_an_error() -> None:
    """No such chart or step, a text, several runs, no run."""
    draw(2)
    ledger.start("bare").finish()
    for runs, options, error, text in (
        (["a"], {"chart": "nothing"}, NoSuchChart, "no chart 'nothing'; it has grid, other"),
        (["a"], {"steps": [7]}, NoSuchChart, "no step 7; it has 0, 1"),
        (["a"], {"chart": "report"}, UsageError, "is text/plain, no picture"),
        (["bare"], {}, NoSuchChart, "no picture; it has no pictures"),
        (["a", "bare"], {}, UsageError, "a montage is of one run"),
        ([], {}, UsageError, "a montage is of one run"),
        (["a"], {"limit": 0}, UsageError, "limit=0"),
    ):
        with pytest.raises(error, match=text):
            montage(*runs, **options)
