"""Pictures of chart data: any data is drawn, the same bytes each time, and what is written in them is right."""

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import Undecided, UsageError
from ledger.evaluate import evaluate
from ledger.table.chart_data import KINDS, Asked, ChartPlot, Series
from ledger.view.drawing import confusion, distributions, evaluation, evaluation_text, rates, style

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 60)
CLASSES = RNG.integers(0, 3, 60)


def found(kind: str, seed: int) -> dict[str, Any]:
    """Charts of a model that is made up."""
    rng = np.random.default_rng(seed)
    if kind in ("residuals", "predicted_vs_true"):
        y = rng.normal(size=60)
        return dict(evaluate(y, y + rng.normal(size=60) / 3, kind="regression").charts)
    scores = np.clip(TRUTH * 0.4 + rng.uniform(0, 0.6, 60), 0, 1)
    return dict(evaluate(TRUTH, y_score=scores, kind="binary").charts)


def plot(kind: str, count: int = 1, **asked: Any) -> ChartPlot:
    """Chart data of so many runs."""
    series = []
    for i in range(count):
        if kind == "importance":
            columns: dict[str, Any] = {
                "name": ["a", "b", "c"],
                "value": [0.5, -0.25 - i, 0.125],
                "std": [0.1, 0.1, 0.1],
            }
            facts: dict[str, Any] = {}
        else:
            chart = found(kind, i)[kind]
            columns, facts = chart.columns, chart.facts
        series.append(Series(f"id{i:04d}", f"run{i}", f"test/{kind}", columns, facts))
    return ChartPlot(kind, "test", series, Asked(**asked), [])


def many(count: int, names: tuple[Any, ...] = (0, 1, 2)) -> ChartPlot:
    """ROC data of three classes of so many runs."""
    series = []
    for i in range(count):
        scores = np.random.default_rng(i).dirichlet([1, 1, 1], 60)
        chart = evaluate(CLASSES, y_score=scores, kind="multiclass", labels=list(names)).charts["roc"]
        series.append(Series(f"id{i:04d}", f"run{i}", "test/roc", chart.columns, chart.facts))
    return ChartPlot("roc", "test", series, Asked(), [])


def figure(data: ChartPlot) -> Any:
    """The figure of chart data."""
    with style.applied():
        return evaluation.draw(data)


def texts(drawn: Any) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in drawn.findobj(Text) if text.get_text())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 3])
def test_runs_are_drawn_the_same_each_time(kind: str, count: int) -> None:
    """Each kind, of one run and of three, without a warning; the name of each run is in the picture."""
    data = plot(kind, count)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = figure(data)
        first = style.picture(drawn, "svg", "x")
    assert first == style.picture(figure(data), "svg", "x")
    said = texts(drawn)
    assert all(f"run{i}" in said for i in range(count))


@pytest.mark.parametrize("kind", ["roc", "pr", "calibration", "ks", "gain", "lift", "threshold", "importance"])
def test_of_many_runs_five_are_in_colour(kind: str) -> None:
    """The others are grey, and counted."""
    said = texts(figure(plot(kind, 9)))
    assert "4 others" in said


def test_the_values_are_those_of_the_facts() -> None:
    """The AUC with its interval for one run; for several a list, the best first."""
    one = plot("roc")
    low, high = one.series[0].facts["auc_interval"]
    assert f"AUC {one.series[0].facts['auc']:.3f}\n95 %: {low:.3f} to {high:.3f}" in texts(figure(one))
    five = plot("roc", 5)
    lines = rates.lines_of(five, "roc")
    assert [line.value for line in lines] == sorted((s.facts["auc"] for s in five.series), reverse=True)


def test_classes_are_lines_of_one_run_and_panels_of_several() -> None:
    """With the AUC of each; of many classes those asked for."""
    assert {"class 0", "class 1", "class 2"} <= {line.text for line in rates.lines_of(many(1), "roc")}
    drawn = figure(many(3))
    assert [axes.get_title("left") for axes in drawn.axes] == ["class 0", "class 1", "class 2"]
    asked = many(3)._replace(asked=Asked(classes=["1"]))
    assert [axes.get_title("left") for axes in figure(asked).axes] == ["class 1"]


def matrices(*counts: list[list[float]], labels: tuple[Any, ...] = ("cat", "dog")) -> ChartPlot:
    """Confusion matrices."""
    series = []
    for i, matrix in enumerate(counts):
        columns = {
            "true": [label for label in labels for _ in labels],
            "predicted": list(labels) * len(labels),
            "count": [float(value) for row in matrix for value in row],
        }
        series.append(Series(f"id{i:04d}", f"run{i}", "test/confusion", columns, {"labels": list(labels)}))
    return ChartPlot("confusion", "test", series, Asked(), [])


def test_a_confusion_matrix_says_counts_shares_precision_and_recall() -> None:
    """Of one run."""
    said = texts(figure(matrices([[8, 2], [1, 9]]))).split("\n")
    assert {"8", "2", "1", "9", "80.0 %", "20.0 %", "10.0 %", "90.0 %", "89 %", "82 %", "80 %", "90 %"} <= set(said)
    assert "85.0 % of 20 right" in said


def test_the_difference_of_two_matrices_is_the_second_minus_the_first() -> None:
    """In rows, or in percent of each class where the runs have other rows; blue is better in every cell."""
    names, change, shares = confusion.difference(matrices([[8, 2], [1, 9]], [[9, 1], [4, 6]]))
    assert (names, change.tolist(), shares) == (["cat", "dog"], [[1, -1], [3, -3]], False)
    drawn = figure(matrices([[8, 2], [1, 9]], [[9, 1], [4, 6]]))
    (image,) = drawn.axes[0].images
    red, blue = image.get_array()[..., 0], image.get_array()[..., 2]
    assert (blue[0] > red[0]).all()
    assert (red[1] > blue[1]).all()
    assert "run1 minus run0, test" in texts(drawn)
    _, change, shares = confusion.difference(matrices([[8, 2], [1, 9]], [[18, 2], [2, 18]]))
    assert shares
    assert change == pytest.approx(np.array([[10, -10], [0, 0]]))
    with pytest.raises(Undecided, match="different classes"):
        figure(matrices([[1, 0], [0, 1]])._replace(series=[
            *matrices([[1, 0], [0, 1]]).series, *matrices([[1, 0], [0, 1]], labels=("cat", "cow")).series
        ]))  # fmt: skip


def test_classes_in_another_order_are_the_same_classes() -> None:
    """The second matrix is put in the order of the first."""
    first, second = matrices([[8, 2], [1, 9]]), matrices([[9, 1], [2, 8]], labels=("dog", "cat"))
    data = first._replace(series=[*first.series, *second.series])
    assert confusion.difference(data)[1].tolist() == [[0, 0], [0, 0]]
    assert figure(data).axes


@pytest.mark.parametrize("kind", ["confusion", "residuals", "predicted_vs_true", "histogram"])
def test_too_many_panels_are_refused(kind: str) -> None:
    """The error says how many can be drawn."""
    with pytest.raises(UsageError, match="10 runs have .*; up to [69] are drawn"):
        figure(plot(kind, 10))


def test_importances_are_ranked_over_runs_whatever_their_unit() -> None:
    """A run whose values are a thousand times larger counts no more; --top leaves the rest out, and says so."""
    small = Series("a", "a", "importance", {"name": ["x", "y", "z"], "value": [0.6, 0.3, 0.1]}, {})
    large = Series("b", "b", "importance", {"name": ["y", "x"], "value": [550.0, 450.0]}, {})
    data = ChartPlot("importance", None, [small, large], Asked(top=2), [])
    ranked = distributions.ranked(data)
    assert (ranked.features, ranked.more) == (["x", "y"], 1)
    assert ranked.values.tolist() == [[0.6, 0.3], [450.0, 550.0]]
    assert "1 less important features not shown" in texts(figure(data))


HARD = {
    "no number": [math.nan] * 3,
    "one": [0.5],
    "huge": [-1e308, 0.0, 1e308],
    "infinite": [math.inf, 0.0, -math.inf],
    "equal and negative": [-5.0, -5.0],
    "absent": [None, 1, 2.5],
}
FACTS = {
    "labels": [None, [1]], "auc": math.nan, "ece": "x", "best": [1], "at": 1e308, "ks": 2, "cells": [1, "x"],
    "quantiles": {"0.05": 1, "0.5": None}, "n": 1e300, "positive": 3, "negative": math.inf, "threshold": 1e308,
    "prevalence": 5,
}  # fmt: skip
COLUMNS = {
    "roc": ("fpr", "tpr"),
    "pr": ("recall", "precision"),
    "calibration": ("weight", "mean_score", "positive_share"),
    "ks": ("score", "positive", "negative"),
    "lift": ("share", "lift"),
    "threshold": ("threshold", "f1"),
    "confusion": ("count",),
    "residuals": ("predicted", "residual", "weight"),
    "importance": ("value",),
    "histogram": ("count",),
}


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
@pytest.mark.parametrize("kind", COLUMNS)
def test_whatever_is_in_a_chart_is_drawn(kind: str, values: list[Any]) -> None:
    """Values that cannot be drawn are gaps; facts of the wrong type are left out; no warning, no traceback."""
    columns: dict[str, Any] = {name: list(values) for name in COLUMNS[kind]}
    if kind in ("calibration", "histogram"):
        columns |= {"low": [float(i) for i in range(len(values))], "high": [i + 1.0 for i in range(len(values))]}
    words = [f"\x1b[31m$x${i}" for i in range(len(values))]
    columns |= {"confusion": {"true": words, "predicted": words}, "importance": {"name": words}}.get(kind, {})
    for count in (1, 2):
        series = [Series(f"run{i}", "n$m$" * 9, "test/x", columns, FACTS) for i in range(count)]
        data = ChartPlot(kind, "test", series, Asked(), [])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawn = figure(data)
            drawn.draw_without_rendering()
            assert drawn.axes
            assert len(data.rows()) == count * len(values)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "importance"])
@pytest.mark.parametrize("count", [1, 2])
def test_text_fits_the_terminal(kind: str, count: int) -> None:
    """Every kind is drawn as text: no line is wider than asked for, and the value stands in it."""
    found = evaluation_text.text(plot(kind, count), width=70, color=False)
    assert max(map(len, found.splitlines())) <= 70
    if kind == "roc":
        assert "AUC 0." in found
    if count == 2:
        assert "run0" in found
        assert "run1" in found


def test_points_as_text_stand_where_they_are() -> None:
    """Residuals about the line of no error; predictions about the diagonal."""
    columns = {"predicted": [0.0, 1.0], "residual": [1.0, -1.0], "weight": [1.0, 1.0]}
    data = ChartPlot("residuals", None, [Series("a", "a", "residuals", columns, {"n": 2})], Asked(), [])
    lines = evaluation_text.text(data, width=40, color=False).split("\n")
    assert lines[0] == "a  n = 2"
    assert lines[2] == " 1 ┤⠁"
    assert lines[15] == "-1 ┤" + " " * 34 + "⢀"


def test_a_histogram_as_text_says_how_many() -> None:
    """Of each class; of two runs, too."""
    found = evaluation_text.text(plot("histogram"), width=60, color=False)
    positives = int(TRUTH.sum())
    assert f"a class 0  n = {60 - positives}\nb class 1  n = {positives}\n" in found
    assert "share of rows per unit" in evaluation_text.text(plot("histogram", 2), width=60, color=False)


def test_bars_are_as_long_as_the_importance() -> None:
    """The greatest fills the width; a half is half as long."""
    series = [Series("a", "a", "importance", {"name": ["x", "yy"], "value": [0.25, 0.5]}, {})]
    found = evaluation_text.text(ChartPlot("importance", None, series, Asked(), []), width=40, color=False)
    bars = {line.split()[0]: line.count("█") for line in found.splitlines()}
    assert bars["yy"] == 2 * bars["x"] > 0


def test_a_chart_is_drawn_from_the_command_line(workdir: Any, cli: Any) -> None:
    """`plot roc` and `charts -o` draw, a table too; other endings keep the data."""
    for name in "ab":
        with ledger.start(name) as run:
            run.evaluate(y_true=[0, 1, 0, 1], y_score=[0.1, 0.9, 0.4, 0.3], kind="binary", split="test")
    assert cli("plot", "roc", "a", "b", "-o", "roc.png").err == "ledger: wrote roc.png\n"
    first = (workdir / "roc.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert cli("plot", "roc", "a", "b").err == "ledger: roc.png is there already, the same picture\n"
    assert cli("charts", "a", "test/roc", "-o", "one.svg").code == 0
    assert (workdir / "one.svg").read_bytes().startswith(b"<?xml")
    assert cli("charts", "a", "test/roc", "-o", "one.json").code == 0
    assert (workdir / "one.json").read_bytes().startswith(b'{"schema":"ledger.chart/1"')
    assert cli("charts", "a", "test/report", "-o", "report.pdf").code == 0
    assert (workdir / "report.pdf").read_bytes().startswith(b"%PDF")
    for kind in ("pr", "calibration", "ks", "gain", "lift", "threshold", "confusion", "histogram"):
        assert cli("plot", kind, "a", "b", "--terminal").code == 0
    assert json.loads(cli("plot", "confusion", "a", "--json").out)["schema"] == "ledger.plot.confusion/1"


def test_a_threshold_in_use_far_from_the_scores_is_said_only() -> None:
    """Scores of 0 to 0.005 and the threshold 0.5: the axis is that of the scores, an arrow says where that lies."""
    for used, said in [(0.5, "used: 0.5 →"), (-3.0, "← used: -3"), (0.002, "used: 0.002")]:
        columns = {"threshold": [0.001, 0.003, 0.005], "f1": [0.2, 0.8, 0.4]}
        facts = {"threshold": used, "best": {"f1": {"threshold": 0.003, "value": 0.8}}}
        data = ChartPlot("threshold", "test", [Series("a", "a", "test/threshold", columns, facts)], Asked(), [])
        (axes,) = figure(data).axes
        assert -0.001 < axes.get_xlim()[0] < axes.get_xlim()[1] < 0.01
        assert said in [text.get_text() for text in axes.texts]
