"""Pictures and texts of tables, logged curves and matrices of labels: any data is drawn, the same bytes each time."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

from ledger.errors import Undecided, UsageError
from ledger.evaluate import evaluate
from ledger.table.chart_data import Asked, ChartPlot, Series
from ledger.view.drawing import evaluation, evaluation_text, label_matrices, style, tables


def plot(kind: str, columns: dict[str, Any], facts: dict[str, Any] | None = None, count: int = 1) -> ChartPlot:
    """Chart data of so many runs, all alike."""
    series = [Series(f"id{i:04d}", f"run{i}", f"test/{kind}", columns, facts or {}) for i in range(count)]
    return ChartPlot(kind, "test", series, Asked(), [])


def figure(data: ChartPlot) -> Any:
    """The figure of chart data."""
    with style.applied():
        return evaluation.draw(data)


def texts(drawn: Any) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in drawn.findobj(Text) if text.get_text())


LABELS = {"class": ["sea", "sky"], "tn": [5, 1.0], "fp": [1, 0], "fn": [0, 0], "tp": [4, 0]}
ODD = [math.nan, math.inf, None, True, "a\x1b[2J\n", -1e308, 10**20, "$x$" * 40]
HARD = {
    "odd cells": plot("table", {"a\u202e": ODD, "b": list(range(8))}, {"title": "\x1b[31m", "n": math.nan}),
    "wide and long": plot("table", {f"column {i}": [i / 7] * 90 for i in range(60)}),
    "no title": plot("table", {"x": [1]}, {"title": 3, "rest": [1, 2]}),
    "curve of nothing": plot("curve", {"x": [None, math.nan], "y": [1, 2]}),
    "curve of odd numbers": plot("curve", {"x": [0.0, 1e300, -1e300], "a": [math.inf, 1, 2], "b\x1b": [1, 2, None]}),
    "many curves": plot("curve", {"x": [1, 2]} | {f"y{i}": [i, 2] for i in range(12)}, {"x_label": 3}),
    "labels": plot("confusion", LABELS),
    "many labels": plot("confusion", {name: column * 40 for name, column in LABELS.items()}),
    "labels of runs": plot("confusion", LABELS, count=3),
}


@pytest.mark.parametrize("data", HARD.values(), ids=HARD)
def test_whatever_was_logged_is_drawn(data: ChartPlot) -> None:
    """No warning, no traceback; the same bytes each time; nothing that steers a terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = style.picture(figure(data), "svg", "x")
    assert first == style.picture(figure(data), "svg", "x")
    assert b"\x1b" not in first
    if len(data.series) == 1:
        text = evaluation_text.text(data, width=70, color=False)
        assert not any(word in text for word in ("\x1b", "\u202e"))


def test_a_table_says_what_is_left_out() -> None:
    """The first rows and columns are drawn; text has more rows, and all columns in blocks."""
    data = HARD["wide and long"]
    said = texts(figure(data))
    assert "50 of 90 rows and 46 of 60 columns not shown" in said
    assert "column 13" in said
    assert "column 14" not in said
    text = evaluation_text.text(data, width=70, color=False)
    assert "not shown" not in text
    assert "column 59" in text
    assert max(map(len, text.split("\n"))) <= 70


def test_a_report_is_headed_by_its_title_and_ends_in_its_facts() -> None:
    """Numbers have the digits that a terminal gets."""
    chart = evaluate([0, 1, 1, 0], y_pred=[0, 1, 0, 0], kind="binary").charts["report"]
    data = plot("table", dict(chart.columns), dict(chart.facts))
    said = texts(figure(data)).split("\n")
    assert said[0] == "Classification report of run0, test"
    assert {"precision", "recall", "f1", "support", "accuracy 0.75, n 4"} <= set(said)
    assert tables.shown(data.series[0], 9).columns[1].cells == ["0.6667", "1.0000"]
    assert "Classification report of run0, test\n" in evaluation_text.text(data, width=80, color=False)


def test_numbers_stand_at_their_decimal_points() -> None:
    """Whole parts end, and fractions begin, at one place."""
    drawn = figure(plot("table", {"x": [1.5, 100.25, -3.0]}))
    (axes,) = drawn.axes
    whole = [text for text in axes.texts if text.get_text() in ("1", "100", "-3")]
    rest = [text for text in axes.texts if text.get_text() in (".50", ".25", ".00")]
    assert (len(whole), len(rest)) == (3, 3)
    assert len({text.get_position()[0] for text in [*whole, *rest]}) == 1
    assert {text.get_ha() for text in whole} == {"right"}
    assert {text.get_ha() for text in rest} == {"left"}


def test_curves_are_named_at_their_ends_and_axes_as_they_were_logged() -> None:
    """Of many, five in colour; a single one has no name. Too many are refused."""
    facts = {"x_label": "rows", "y_label": "accuracy"}
    said = texts(figure(plot("curve", {"x": [1, 2], "train": [1, 2], "val": [2, 1]}, facts)))
    assert {"rows", "accuracy", "train", "val", "Curve of run0, test"} <= set(said.split("\n"))
    assert "7 others" in texts(figure(HARD["many curves"]))
    with pytest.raises(UsageError, match="has 51 curves; up to 50 are drawn"):
        figure(plot("curve", {"x": [1]} | {f"y{i}": [1] for i in range(51)}))


def test_matrices_of_labels_are_the_counts_of_each() -> None:
    """With F1; of many labels those where it is least; runs stand below each other."""
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    called = np.column_stack([[1, 1, 1, 1], truth[:, 1]])
    chart = evaluate(truth, y_pred=called, kind="multilabel", labels=["sea", "sky"]).charts["confusion"]
    data = plot("confusion", dict(chart.columns))
    assert [(one.label, one.cells.tolist()) for one in label_matrices.counts(data.series[0])] == [
        ("sea", [0, 2, 0, 2]), ("sky", [2, 0, 0, 2]),
    ]  # fmt: skip
    assert {"sea", "sky", "F1 0.667", "F1 1.000"} <= set(texts(figure(data)).split("\n"))
    assert len(figure(HARD["labels of runs"]).axes) == 6
    assert "the 24 of 40 labels with the least F1" in texts(figure(plot("confusion", {
        "class": [f"l{i}" for i in range(40)], **{name: [1.0] * 40 for name in ("tn", "fp", "fn", "tp")},
    })))  # fmt: skip
    with pytest.raises(UsageError, match="5 runs have confusion matrices of labels"):
        figure(plot("confusion", LABELS, count=5))
    mixed = plot("confusion", {"true": ["a"], "predicted": ["a"], "count": [1]}).series
    with pytest.raises(Undecided, match="one of the runs has a matrix for each label"):
        figure(data._replace(series=[*data.series, *mixed]))
